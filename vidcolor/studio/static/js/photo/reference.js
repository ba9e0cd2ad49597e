// @ts-check
/** Reference pictures, whose colors a photo gets: chosen, or pasted. */

import { library } from "../library.js";
import { formatBytes, t } from "../strings.js";

/**
 * Return why a file cannot be a reference; empty if it may be one.
 * @param {File} file
 */
export function findReferenceFault(file) {
  const limit = library.info?.limits.photo_bytes ?? Infinity;
  if (file.size <= limit) return "";
  const values = { size: formatBytes(file.size), limit: formatBytes(limit) };
  return `${file.name}: ${t("upload.too-large", values)}`;
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
