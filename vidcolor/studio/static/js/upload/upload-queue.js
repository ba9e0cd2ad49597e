// @ts-check
/** The files that are on their way to the server. */

import { library } from "../library.js";
import { formatBytes, t } from "../strings.js";
import { Upload } from "./upload.js";
import { forgetUpload, keepUpload, listUploads } from "./upload-store.js";

/** @typedef {import("./upload-store.js").StoredUpload} StoredUpload */
/** @typedef {{file: File, handle?: any}} ChosenFile */
/** @typedef {{name: string, reason: string}} Refusal */

/** Number of files that are sent at a time. */
const PARALLEL = 2;
/** Photos up to this size are kept in the browser until they are sent, in bytes. */
const MAX_KEPT = 256 * 1024 * 1024;

/** Events: `change`; `done` {upload}. */
export class UploadQueue extends EventTarget {
  /** @type {Upload[]} */
  uploads = [];
  /** @type {Refusal[]} files that were not accepted, the newest last */
  refused = [];
  #running = 0;
  #frame = 0;
  /** @type {{release: () => Promise<void>} | null} keeps the screen of a phone on */
  #lock = null;

  /** Continue the uploads of an earlier visit. */
  async restore() {
    for (const stored of await listUploads()) {
      const file = stored.file ?? (await openGranted(stored.handle));
      this.#add({ ...stored, file });
    }
    this.#pump();
  }

  /**
   * Add files; those that the server would refuse are refused at once.
   * @param {ChosenFile[]} chosen
   */
  async addFiles(chosen) {
    if (!library.info) await library.load();
    for (const { file, handle } of chosen) {
      const reason = findRefusal(file);
      if (reason) {
        this.refused.push({ name: file.name, reason });
        continue;
      }
      const waiting = this.uploads.find((upload) => upload.state === "needs-file" && upload.attach(file));
      if (waiting || this.#has(file)) continue;
      const kind = getKind(file.name) ?? "photo";
      /** @type {StoredUpload} */
      const stored = {
        key: `${Date.now()}-${Math.random().toString(36).slice(2)}`,
        name: file.name,
        size: file.size,
        kind,
        sha256: null,
        uploadId: null,
        file,
        handle: handle ?? null,
        added: Date.now(),
      };
      this.#add(stored);
      const canKeep = kind === "photo" && file.size <= MAX_KEPT;
      void keepUpload(canKeep ? stored : { ...stored, file: null });
    }
    this.#notify();
    this.#pump();
  }

  /** @param {File} file */
  #has(file) {
    return this.uploads.some(
      (upload) => !upload.isSettled && upload.name === file.name && upload.size === file.size,
    );
  }

  /** @param {StoredUpload} stored */
  #add(stored) {
    this.uploads.push(new Upload(stored, () => this.#notify()));
  }

  /** @param {Upload} upload */
  retry(upload) {
    upload.state = "waiting";
    this.#pump();
  }

  /** @param {Upload} upload */
  async remove(upload) {
    this.uploads = this.uploads.filter((other) => other !== upload);
    this.#notify();
    await upload.cancel();
    await forgetUpload(upload.key);
  }

  /** Forget the refused files. */
  dismissRefused() {
    this.refused = [];
    this.#notify();
  }

  /** Uploads that are not complete. */
  get open() {
    return this.uploads.filter((upload) => upload.state !== "done");
  }

  #pump() {
    while (this.#running < PARALLEL) {
      const next = this.uploads.find((upload) => upload.state === "waiting");
      if (!next) break;
      next.state = "hashing";
      this.#running += 1;
      void this.#run(next);
    }
    void this.#keepAwake(this.#running > 0);
    this.#notify();
  }

  /** @param {Upload} upload */
  async #run(upload) {
    await upload.run(library.info?.chunk_bytes);
    this.#running -= 1;
    if (upload.state === "done") {
      this.uploads = this.uploads.filter((other) => other !== upload);
      this.dispatchEvent(new CustomEvent("done", { detail: { upload } }));
      void library.load();
    }
    this.#pump();
  }

  /** @param {boolean} isNeeded */
  async #keepAwake(isNeeded) {
    if (!isNeeded) {
      void this.#lock?.release().catch(() => {});
      this.#lock = null;
    } else if (!this.#lock && navigator.wakeLock && !document.hidden) {
      this.#lock = await navigator.wakeLock.request("screen").catch(() => null);
    }
  }

  #notify() {
    if (this.#frame) return;
    this.#frame = window.setTimeout(() => {
      this.#frame = 0;
      this.dispatchEvent(new Event("change"));
    }, 32);
  }
}

/**
 * Return the file of a handle if the browser may read it without asking.
 * @param {any} handle
 * @returns {Promise<File | null>}
 */
async function openGranted(handle) {
  try {
    if (!handle || (await handle.queryPermission?.({ mode: "read" })) !== "granted") return null;
    return await handle.getFile();
  } catch {
    return null;
  }
}

/**
 * Return what a file is by its name, or null if the server reads no such files.
 * @param {string} name
 * @returns {"photo" | "film" | null}
 */
export function getKind(name) {
  const suffix = /\.[^.]+$/.exec(name.toLowerCase())?.[0] ?? "";
  if (library.info?.still_formats.includes(suffix)) return "photo";
  if (library.info?.film_formats.includes(suffix)) return "film";
  return null;
}

/**
 * Return why the server would refuse a file; empty if it would not.
 * @param {File} file
 */
function findRefusal(file) {
  const { info } = library;
  if (!info) return "";
  const kind = getKind(file.name);
  if (!kind) return t("upload.unsupported");
  if (!file.size) return t("upload.empty");
  const limit = kind === "photo" ? info.limits.photo_bytes : info.limits.film_bytes;
  if (file.size <= limit) return "";
  return t("upload.too-large", { size: formatBytes(file.size), limit: formatBytes(limit) });
}

export const uploads = new UploadQueue();
