// @ts-check
/** The list of unfinished uploads, which survives a reload and a restart of the browser. */

const NAME = "vidcolor-uploads";
const STORE = "uploads";

/**
 * @typedef {object} StoredUpload
 * @property {string} key
 * @property {string} name
 * @property {number} size
 * @property {"photo" | "film"} kind
 * @property {string | null} sha256
 * @property {string | null} uploadId
 * @property {File | null} file the file; null for films, which are too large to be kept
 * @property {any} handle handle of the file, where the browser has them
 * @property {number} added
 */

/** @returns {Promise<IDBDatabase>} */
function open() {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(NAME, 1);
    opening.addEventListener("upgradeneeded", () => {
      opening.result.createObjectStore(STORE, { keyPath: "key" });
    });
    opening.addEventListener("success", () => resolve(opening.result));
    opening.addEventListener("error", () => reject(opening.error));
  });
}

/**
 * @template T
 * @param {IDBTransactionMode} mode
 * @param {(store: IDBObjectStore) => IDBRequest<T>} run
 * @returns {Promise<T>}
 */
async function access(mode, run) {
  const database = await open();
  try {
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction(STORE, mode);
      const asked = run(transaction.objectStore(STORE));
      transaction.addEventListener("complete", () => resolve(asked.result));
      transaction.addEventListener("abort", () => reject(transaction.error));
      transaction.addEventListener("error", () => reject(transaction.error));
    });
  } finally {
    database.close();
  }
}

/**
 * Keep an upload. Where the browser has no room or no database, the upload goes on without.
 * @param {StoredUpload} upload
 */
export async function keepUpload(upload) {
  try {
    await access("readwrite", (store) => store.put(upload));
  } catch {
    await access("readwrite", (store) => store.put({ ...upload, file: null })).catch(() => {});
  }
}

/** @param {string} key */
export async function forgetUpload(key) {
  await access("readwrite", (store) => store.delete(key)).catch(() => {});
}

/** @returns {Promise<StoredUpload[]>} in the order in which they were added */
export async function listUploads() {
  /** @type {StoredUpload[]} */
  const uploads = await access("readonly", (store) => store.getAll()).catch(() => []);
  return uploads.sort((a, b) => a.added - b.added);
}
