// @ts-check
/** Tiles of the album: photos, and files that are on their way. */

import { request } from "../api.js";
import { make, makeButton, makeIcon, makeIconButton, setText } from "../dom.js";
import { toastError } from "../shell.js";
import { formatBytes, formatDuration, formatPercent, t } from "../strings.js";
import { uploads } from "../upload/upload-queue.js";
import { describeJob, getShare } from "./job-drawer.js";
import { PhotoThumb } from "./photo-thumb.js";

/** @typedef {import("../types.js").Photo} Photo */
/** @typedef {import("../upload/upload.js").Upload} Upload */

/** Time before the deletion from which the tile shows it, in seconds. */
const SOON = 15 * 60;

export class PhotoTile {
  #thumb = new PhotoThumb();
  #glyph = make("span", { class: "glyph", "aria-hidden": "true" });
  #name = make("span", { class: "tile-name truncate" });
  #state = make("span", { class: "tile-state quiet truncate" });
  #bar = make("progress", {});
  #link = make("a", { class: "tile-link" });
  /** @type {Photo | null} */
  #photo = null;

  constructor() {
    this.#link.append(
      make("span", { class: "tile-picture" }, [this.#thumb, this.#bar]),
      make("span", { class: "tile-line" }, [this.#name]),
      make("span", { class: "tile-line" }, [this.#glyph, this.#state]),
    );
    const remove = makeIconButton("trash", t("tile.delete"), () => void this.#delete());
    this.element = make("li", { class: "tile" }, [this.#link, remove]);
    this.remove = remove;
  }

  /** @param {Photo} photo */
  update(photo) {
    this.#photo = photo;
    this.#thumb.photo = photo;
    this.#link.href = `#/photo/${photo.id}`;
    setText(this.#name, photo.name);
    this.#name.title = photo.name;
    const label = t("tile.delete.label", { name: photo.name });
    this.remove.setAttribute("aria-label", label);
    this.remove.hidden = !photo.is_upload;
    const { glyph, text, share } = describePhoto(photo);
    setText(this.#glyph, glyph);
    setText(this.#state, text);
    this.#state.title = text;
    this.element.classList.toggle("is-failed", Boolean(photo.error));
    this.#bar.hidden = share === null;
    this.#bar.setAttribute("aria-label", text);
    if (share !== null && share >= 0) this.#bar.value = share;
    else this.#bar.removeAttribute("value");
  }

  async #delete() {
    if (!this.#photo) return;
    this.remove.disabled = true;
    this.#thumb.isPaused = true;
    try {
      await request(`/api/photos/${this.#photo.id}`, { method: "DELETE", patience: "connection" });
      this.element.remove();
    } catch (error) {
      this.remove.disabled = false;
      this.#thumb.isPaused = false;
      toastError(error);
    }
  }
}

/**
 * Return the state of a photo: a glyph, a sentence, and how far its job is; -1 if that is unknown.
 * @param {Photo} photo
 * @returns {{glyph: string, text: string, share: number | null}}
 */
export function describePhoto(photo) {
  if (photo.error) {
    // The name is above the text already.
    const prefix = `${photo.name}: `;
    const text = photo.error.startsWith(prefix) ? photo.error.slice(prefix.length) : photo.error;
    return { glyph: "✕", text, share: null };
  }
  const { job } = photo;
  if (job?.state === "running") {
    const share = getShare(job);
    return { glyph: "◐", text: describeJob(job), share: share ?? -1 };
  }
  if (job?.state === "queued") return { glyph: "○", text: describeJob(job), share: null };
  if (job?.state === "failed") {
    return { glyph: "✕", text: job.error ?? t("job.failed"), share: null };
  }
  const left = photo.expires ? photo.expires - Date.now() / 1000 : Infinity;
  const soon = left < SOON ? t("tile.expires", { time: formatDuration(Math.max(left, 0)) }) : "";
  const decided = photo.hints.length ? t("tile.hints", { count: photo.hints.length }) : "";
  // The job has ended, and the photo is being read again.
  const hasJustEnded = job?.state === "done" && !photo.result && !photo.revision;
  const isCurrent = photo.result?.revision === photo.revision || hasJustEnded;
  const isNew = !photo.result && !photo.revision;
  let state = t(isNew ? "tile.new" : "tile.changed");
  if (isCurrent) state = t("tile.ready");
  return {
    glyph: isCurrent ? "●" : isNew ? "○" : "◐",
    text: [state, decided, soon].filter(Boolean).join(" · "),
    share: null,
  };
}

/** A tile of a file that is on its way. */
export class UploadTile {
  #state = make("span", { class: "tile-state quiet" });
  #bar = make("progress", {});
  #actions = make("div", { class: "tile-actions" });
  /** @type {string} */
  #shown = "";

  /** @param {Upload} upload */
  constructor(upload) {
    this.upload = upload;
    const remove = makeIconButton("close", t("upload.remove", { name: upload.name }), () =>
      void uploads.remove(upload),
    );
    this.element = make("li", { class: "tile is-upload" }, [
      make("div", { class: "tile-link" }, [
        make("span", { class: "tile-picture" }, [
          makeIcon(upload.kind === "film" ? "film" : "image"),
          this.#bar,
        ]),
        make("span", { class: "tile-line" }, [
          make("span", { class: "tile-name truncate", text: upload.name, title: upload.name }),
        ]),
        make("span", { class: "tile-line" }, [this.#state]),
        this.#actions,
      ]),
      remove,
    ]);
    this.update();
  }

  update() {
    const { upload } = this;
    const isMoving = upload.state === "sending" || upload.state === "hashing";
    this.#bar.hidden = !isMoving;
    this.#bar.setAttribute("aria-label", t("upload.progress", { name: upload.name }));
    if (upload.state === "sending") {
      this.#bar.max = upload.size;
      this.#bar.value = upload.received;
    } else {
      this.#bar.removeAttribute("value");
    }
    setText(this.#state, describeUpload(upload));
    if (this.#shown === upload.state) return;
    this.#shown = upload.state;
    this.element.classList.toggle("is-failed", upload.state === "failed");
    const actions = [];
    if (upload.state === "failed") {
      actions.push(makeButton(t("retry"), () => uploads.retry(upload)));
    } else if (upload.state === "needs-file") {
      actions.push(makeButton(t("upload.choose"), () => void this.#choose()));
    }
    this.#actions.replaceChildren(...actions);
  }

  /** Ask for the file that the browser no longer has. */
  async #choose() {
    if (await this.upload.reopen()) {
      uploads.retry(this.upload);
      return;
    }
    const input = make("input", { type: "file" });
    input.addEventListener("change", () => {
      const file = input.files?.[0];
      if (!file) return;
      if (this.upload.attach(file)) uploads.retry(this.upload);
      else toastError(new Error(t("upload.other", { name: this.upload.name })));
    });
    input.click();
  }
}

/** @param {Upload} upload */
function describeUpload(upload) {
  const { state, received, size, error } = upload;
  switch (state) {
    case "hashing":
      return t("upload.hashing");
    case "sending":
      return t("upload.sending", {
        share: formatPercent(size ? received / size : 0),
        size: formatBytes(size),
      });
    case "busy":
      return error || t("upload.busy");
    case "needs-file":
      return t("upload.needs-file");
    case "failed":
      return error;
    default:
      return t("upload.waiting");
  }
}
