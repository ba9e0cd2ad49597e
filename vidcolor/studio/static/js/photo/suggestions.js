// @ts-check
/** Where a click helps most. */

import { Latest, request } from "../api.js";
import { t } from "../strings.js";

/** @typedef {import("../types.js").Photo} Photo */
/** @typedef {import("../types.js").Suggestion} Suggestion */

/** Rest after a change before the places are computed again, in milliseconds. */
const REST_MS = 1200;

/** Events: `change`. */
export class Suggestions extends EventTarget {
  /** @type {Suggestion[]} */
  places = [];
  /** Whether the markers are on the picture. */
  areShown = false;
  status = t("photo.places.loading");
  #id;
  #latest = new Latest();
  #timer = 0;
  #revision = -1;
  #current = -1;

  /** @param {string} id */
  constructor(id) {
    super();
    this.#id = id;
  }

  /**
   * Compute the places again if the photo has changed, once it rests.
   * @param {Photo | null} photo
   */
  refresh(photo) {
    if (!photo?.width || photo.error || photo.revision === this.#revision) return;
    const isFirst = this.#revision < 0;
    this.#revision = photo.revision;
    window.clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => void this.#load(), isFirst ? 0 : REST_MS);
  }

  async #load() {
    const path = `/api/photos/${this.#id}/suggestions`;
    try {
      const answer = await this.#latest.run((signal) =>
        request(path, { signal, patience: "all", canWait: true }),
      );
      if (!answer) return;
      this.places = answer.places ?? [];
      this.status = this.places.length ? "" : t("photo.places.none");
    } catch {
      this.places = [];
      this.status = t("photo.places.failed");
    }
    this.dispatchEvent(new Event("change"));
  }

  /**
   * Show the markers, and return a place.
   * @param {number} index
   */
  show(index) {
    const place = this.places[index];
    if (!place) return undefined;
    this.areShown = true;
    this.#current = index;
    return place;
  }

  /** Return the index of the next place. */
  next() {
    return this.places.length ? (this.#current + 1) % this.places.length : 0;
  }

  cancel() {
    window.clearTimeout(this.#timer);
    this.#latest.cancel();
  }
}
