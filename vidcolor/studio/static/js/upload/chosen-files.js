// @ts-check
/** The files that a person drops or chooses, with those in folders. */

/** @typedef {import("./upload-queue.js").ChosenFile} ChosenFile */

/**
 * Return the dropped files. Must be called while the event is handled.
 *
 * @param {DataTransfer} transfer
 * @returns {Promise<ChosenFile[]>}
 */
export async function readDrop(transfer) {
  const items = [...transfer.items].filter((item) => item.kind === "file");
  // Both must be asked for at once: the list is empty after the event.
  const sources = items.map((item) => ({
    entry: item.webkitGetAsEntry?.() ?? null,
    file: item.getAsFile(),
    handle: askHandle(item),
  }));
  const files = await Promise.all(
    sources.map(async ({ entry, file, handle }) => {
      if (entry?.isDirectory) return readDirectory(/** @type {FileSystemDirectoryEntry} */ (entry));
      return file ? [{ file, handle: await handle }] : [];
    }),
  );
  return files.flat();
}

/**
 * @param {DataTransferItem} item
 * @returns {Promise<any>} a handle that can be kept, where the browser has them
 */
async function askHandle(item) {
  if (!("getAsFileSystemHandle" in item)) return null;
  const ask = /** @type {() => Promise<any>} */ (item.getAsFileSystemHandle);
  return ask.call(item).catch(() => null);
}

/**
 * @param {FileSystemDirectoryEntry} directory
 * @returns {Promise<ChosenFile[]>}
 */
async function readDirectory(directory) {
  const reader = directory.createReader();
  /** @type {FileSystemEntry[]} */
  const entries = [];
  for (;;) {
    /** @type {FileSystemEntry[]} */
    const batch = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!batch.length) break;
    entries.push(...batch);
  }
  entries.sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
  /** @type {ChosenFile[]} */
  const files = [];
  for (const entry of entries) {
    if (isSystemFile(entry.name)) continue;
    if (entry.isDirectory) {
      files.push(...(await readDirectory(/** @type {FileSystemDirectoryEntry} */ (entry))));
    } else {
      const source = /** @type {FileSystemFileEntry} */ (entry);
      files.push({ file: await new Promise((resolve, reject) => source.file(resolve, reject)) });
    }
  }
  return files;
}

/**
 * Return the files of an input, without those that systems put into folders.
 * @param {HTMLInputElement} input
 * @returns {ChosenFile[]}
 */
export function readInput(input) {
  const files = [...(input.files ?? [])].filter((file) => !isSystemFile(file.name));
  input.value = "";
  return files.map((file) => ({ file }));
}

/**
 * Return whether a file is one of those that systems put into folders, and people do not see.
 * @param {string} name
 */
function isSystemFile(name) {
  return name.startsWith(".") || /^(thumbs\.db|desktop\.ini)$/i.test(name);
}
