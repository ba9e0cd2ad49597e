// @ts-check
/** One file on its way to the server, in parts that can be repeated. */

import { ApiError, request } from "../api.js";
import { connection, sleep } from "../connection.js";
import { hashFile } from "./hasher.js";
import { forgetUpload, keepUpload } from "./upload-store.js";

/** @typedef {import("./upload-store.js").StoredUpload} StoredUpload */

/**
 * States of an upload:
 * - `waiting`: for others; `hashing`; `sending`; `done`
 * - `busy`: the server has no room now, and is asked again
 * - `needs-file`: the browser no longer has the file; a person must choose it again
 * - `failed`: with `error`
 * @typedef {"waiting" | "hashing" | "sending" | "busy" | "needs-file" | "failed" | "done"} UploadState
 */

const DEFAULT_CHUNK = 4 * 1024 * 1024;

export class Upload {
  /** @type {UploadState} */
  state = "waiting";
  received = 0;
  /** Why it failed, or why it waits. */
  error = "";
  /** @type {{kind: "photo" | "film", id: string} | null} */
  result = null;
  /** Whether the server had the same file already. */
  isDuplicate = false;
  #stored;
  #controller = new AbortController();
  #onChange;

  /**
   * @param {StoredUpload} stored
   * @param {() => void} onChange
   */
  constructor(stored, onChange) {
    this.#stored = stored;
    this.#onChange = onChange;
    if (!stored.file) this.state = "needs-file";
  }

  get key() {
    return this.#stored.key;
  }

  get name() {
    return this.#stored.name;
  }

  get size() {
    return this.#stored.size;
  }

  get kind() {
    return this.#stored.kind;
  }

  /** Whether the upload is complete, or cannot go on by itself. */
  get isSettled() {
    return this.state === "done" || this.state === "failed" || this.state === "needs-file";
  }

  /**
   * Continue with a file that was chosen again, if it is the same one.
   * @param {File} file
   */
  attach(file) {
    if (file.size !== this.size || file.name !== this.name) return false;
    this.#stored.file = file;
    this.#set("waiting");
    return true;
  }

  /** Ask for the file by its handle; the browser may ask the person. Call it from a click. */
  async reopen() {
    const { handle } = this.#stored;
    if (!handle) return false;
    try {
      if ((await handle.requestPermission?.({ mode: "read" })) === "denied") return false;
      return this.attach(await handle.getFile());
    } catch {
      return false;
    }
  }

  /**
   * Send the file. Never rejects: the result is in `state`.
   * @param {number} [chunkBytes]
   */
  async run(chunkBytes = DEFAULT_CHUNK) {
    const { signal } = this.#controller;
    this.error = "";
    try {
      if (!this.#stored.sha256) await this.#hash();
      while (!this.result) await this.#send(chunkBytes);
      this.#set("done");
      await forgetUpload(this.key);
    } catch (error) {
      if (signal.aborted) return;
      this.error = describeFailure(error);
      this.#set(isLostFile(error) ? "needs-file" : "failed");
      if (isLostFile(error)) {
        this.#stored.file = null;
      } else {
        this.#restart(); // the server has deleted what it refused; it finds what it has kept
        await forgetUpload(this.key);
      }
    }
  }

  /** Give up, also on the server. */
  async cancel() {
    this.#controller.abort();
    await forgetUpload(this.key);
    const { uploadId } = this.#stored;
    if (uploadId && !this.result) {
      await request(`/api/uploads/${uploadId}`, { method: "DELETE" }).catch(() => {});
    }
  }

  async #hash() {
    this.#set("hashing");
    this.#stored.sha256 = await hashFile(this.#file);
    await keepUpload(this.#stored);
  }

  get #file() {
    const { file } = this.#stored;
    if (!file) throw new DOMException("", "NotFoundError");
    return file;
  }

  /** @param {number} chunkBytes */
  async #send(chunkBytes) {
    if (!this.#stored.uploadId) await this.#create();
    else await this.#resume();
    while (this.#stored.uploadId && !this.result) {
      this.#set("sending");
      await this.#sendChunk(this.#stored.uploadId, chunkBytes);
    }
  }

  async #create() {
    const { name, size, sha256, kind } = this.#stored;
    const json = { name, size, sha256, kind };
    const answer = await this.#ask("/api/uploads", { method: "POST", json });
    if (answer.duplicate) {
      this.isDuplicate = true;
      this.result = answer.duplicate;
      return;
    }
    this.#stored.uploadId = answer.id;
    this.received = answer.received ?? 0;
    await keepUpload(this.#stored);
  }

  async #resume() {
    try {
      const answer = await this.#ask(`/api/uploads/${this.#stored.uploadId}`, {});
      this.received = answer.received;
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 404) throw error;
      this.#restart(); // the server has forgotten it
    }
  }

  #restart() {
    this.#stored.uploadId = null;
    this.received = 0;
  }

  /**
   * @param {string} id
   * @param {number} chunkBytes
   */
  async #sendChunk(id, chunkBytes) {
    const body = this.#file.slice(this.received, this.received + chunkBytes);
    try {
      const answer = await request(`/api/uploads/${id}`, {
        method: "PATCH",
        // Read first: a missing file and a server that does not answer are different errors.
        body: await body.arrayBuffer(),
        headers: {
          "Upload-Offset": String(this.received),
          "Content-Type": "application/octet-stream",
        },
        signal: this.#controller.signal,
      });
      this.received = answer.received ?? this.size;
      if (answer.kind) this.result = { kind: answer.kind, id: answer.id };
      this.#onChange();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 404) this.#restart();
      else if (error.status === 0) await this.#waitForServer();
      else if (error.isBusy) await this.#wait(error);
      else if (error.status === 409) await this.#resume();
      else throw error;
    }
  }

  async #waitForServer() {
    await connection.whenBack(this.#controller.signal);
    await this.#resume();
  }

  /**
   * Send a request until the server has room for it.
   *
   * @param {string} path
   * @param {import("../api.js").RequestOptions} options
   */
  async #ask(path, options) {
    const { signal } = this.#controller;
    for (;;) {
      try {
        return await request(path, { ...options, signal, patience: "connection" });
      } catch (error) {
        if (!(error instanceof ApiError) || !error.isBusy) throw error;
        await this.#wait(error);
      }
    }
  }

  /** @param {ApiError} error */
  async #wait(error) {
    this.error = error.message;
    this.#set("busy");
    await sleep(error.retryMs, this.#controller.signal);
    this.error = "";
  }

  /** @param {UploadState} state */
  #set(state) {
    this.state = state;
    this.#onChange();
  }
}

/** @param {unknown} error */
function isLostFile(error) {
  const name = error instanceof Error ? error.name : "";
  const message = error instanceof Error ? error.message : "";
  return ["NotFoundError", "NotReadableError"].some((lost) => name === lost || message === lost);
}

/** @param {unknown} error */
function describeFailure(error) {
  return error instanceof Error ? error.message : String(error);
}
