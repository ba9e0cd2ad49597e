// @ts-check
/** The bundled sample, which a person who has no photo at hand can try. */

import { uploads } from "./upload-queue.js";

const URL_OF_SAMPLE = new URL("../../sample.jpg", import.meta.url);
const NAME = "sample.jpg";

/**
 * Upload the sample.
 * @returns {Promise<string>} id of the photo
 * @throws {Error} it could not be uploaded
 */
export async function addSample() {
  const response = await fetch(URL_OF_SAMPLE);
  const file = new File([await response.blob()], NAME, { type: "image/jpeg" });
  const done = new Promise((resolve, reject) => {
    const onDone = (/** @type {Event} */ event) => {
      const { upload } = /** @type {CustomEvent} */ (event).detail;
      if (upload.name !== NAME) return;
      uploads.removeEventListener("done", onDone);
      uploads.removeEventListener("change", onChange);
      resolve(upload.result.id);
    };
    const onChange = () => {
      const upload = uploads.uploads.find(({ name }) => name === NAME);
      if (upload?.state === "failed") reject(new Error(upload.error));
    };
    uploads.addEventListener("done", onDone);
    uploads.addEventListener("change", onChange);
  });
  await uploads.addFiles([{ file }]);
  return done;
}
