// @ts-check
/** SHA-256 of files, computed in a worker. */

/** @type {Worker | null} */
let worker = null;
let nextId = 1;
/** @type {Map<number, {resolve: (digest: string) => void, reject: (error: Error) => void}>} */
const waiting = new Map();

/**
 * Return the SHA-256 of a file in hex.
 *
 * @param {Blob} file
 * @returns {Promise<string>}
 * @throws {Error} the file cannot be read, such as one that was moved meanwhile
 */
export function hashFile(file) {
  worker ??= startWorker();
  const id = nextId++;
  const promise = new Promise((resolve, reject) => waiting.set(id, { resolve, reject }));
  worker.postMessage({ id, file });
  return promise;
}

function startWorker() {
  const started = new Worker(new URL("./hash-worker.js", import.meta.url), { type: "module" });
  started.addEventListener("message", ({ data }) => {
    const task = waiting.get(data.id);
    waiting.delete(data.id);
    if (data.digest) task?.resolve(data.digest);
    else task?.reject(new Error(data.error));
  });
  started.addEventListener("error", () => {
    for (const task of waiting.values()) task.reject(new Error("worker"));
    waiting.clear();
    worker = null;
  });
  return started;
}
