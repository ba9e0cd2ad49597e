// @ts-check
/** Worker: computes the SHA-256 of files, so that the page stays responsive. */

import { Sha256 } from "./sha256.js";

/** Files up to this size are hashed at once by the browser, in bytes. */
const SMALL = 64 * 1024 * 1024;

self.addEventListener("message", async ({ data }) => {
  /** @type {{id: number, file: Blob}} */
  const { id, file } = data;
  try {
    self.postMessage({ id, digest: await digest(file) });
  } catch (error) {
    self.postMessage({ id, error: error instanceof Error ? error.name : String(error) });
  }
});

/** @param {Blob} file */
async function digest(file) {
  // `crypto.subtle` exists on loopback and https only.
  if (file.size <= SMALL && self.crypto?.subtle) {
    const hash = await self.crypto.subtle.digest("SHA-256", await file.arrayBuffer());
    return [...new Uint8Array(hash)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  }
  const sha256 = new Sha256();
  const reader = file.stream().getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return sha256.finish();
    sha256.update(value);
  }
}
