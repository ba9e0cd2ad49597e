// @ts-check
/** What a photo waits for, on its picture: reading, coloring that takes long, and failures. */

import { make, makeButton } from "../dom.js";
import { library } from "../library.js";
import { t } from "../strings.js";

/** @typedef {import("../types.js").Photo} Photo */
/** @typedef {import("../components/picture-canvas.js").PictureCanvas} PictureCanvas */

/** Time after which a status says what it does, in milliseconds. */
const SLOW_MS = 2000;

export class PhotoStatus {
  #text = make("span", {});
  #action = make("span", {});
  #timer = 0;
  #isSlow = false;
  #isFailed = false;
  /** Whether the color was shown before, so that only a change is on its way. */
  #hadColor = false;

  constructor() {
    this.element = make("div", { class: "photo-status", role: "status" }, [this.#text, this.#action]);
    this.element.hidden = true;
  }

  /**
   * @param {Photo | null} photo
   * @param {PictureCanvas} canvas
   */
  update(photo, canvas) {
    if (!photo) return;
    if (photo.error) {
      this.#show(t("photo.unreadable", { error: photo.error }));
      return;
    }
    const isWaiting = !photo.width || canvas.getAttribute("aria-busy") === "true";
    if (!isWaiting) {
      if (this.#isFailed && canvas.source) return;
      this.stop();
      this.#hadColor = Boolean(canvas.source);
      this.element.hidden = true;
      return;
    }
    this.#isFailed = false;
    if (!this.#timer) {
      this.#timer = window.setTimeout(() => {
        this.#isSlow = true;
        this.update(photo, canvas);
      }, SLOW_MS);
    }
    if (!this.#isSlow) return;
    const waiting = library.activeJobs.length;
    if (!photo.width) this.#show(t("photo.reading"));
    else if (this.#hadColor) this.#show(t("photo.coloring.again"));
    else if (waiting > 1) this.#show(t("photo.coloring.busy", { count: waiting }));
    else this.#show(t("photo.coloring"));
  }

  /**
   * @param {string} message
   * @param {() => void} retry
   */
  fail(message, retry) {
    this.#isFailed = true;
    const again = makeButton(t("retry"), () => {
      this.#isFailed = false;
      this.element.hidden = true;
      retry();
    });
    this.#show(message, again);
  }

  stop() {
    window.clearTimeout(this.#timer);
    this.#timer = 0;
    this.#isSlow = false;
  }

  /**
   * @param {string} text
   * @param {HTMLElement} [action]
   */
  #show(text, action) {
    this.element.hidden = false;
    if (this.#text.textContent !== text) this.#text.textContent = text;
    this.#action.replaceChildren(...(action ? [action] : []));
  }
}
