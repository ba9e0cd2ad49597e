// @ts-check
/** Reference pictures, whose colors a photo gets: chosen, or pasted. */

import { request } from "../api.js";
import { toast } from "../shell.js";
import { t } from "../strings.js";

/** @typedef {import("../types.js").Photo} Photo */

/**
 * Set or remove the reference of a photo.
 *
 * @param {string} id
 * @param {File | null} file null to remove it
 * @returns {Promise<Photo>}
 */
export async function sendReference(id, file) {
  const path = `/api/photos/${id}/reference`;
  if (!file) return request(path, { method: "DELETE" });
  toast(t("photo.reference.sending"));
  return request(`${path}?name=${encodeURIComponent(file.name)}`, {
    method: "PUT",
    body: file,
    headers: { "Content-Type": file.type || "application/octet-stream" },
    patience: "all",
  });
}

/**
 * Call a function with pictures that are pasted.
 *
 * @param {(file: File) => void} onFile
 * @param {AbortSignal} signal
 */
export function watchPaste(onFile, signal) {
  const onPaste = (/** @type {ClipboardEvent} */ event) => {
    const file = [...(event.clipboardData?.files ?? [])].find(({ type }) => type.startsWith("image/"));
    if (!file) return;
    event.preventDefault();
    onFile(file);
  };
  document.addEventListener("paste", onPaste, { signal });
}
