// @ts-check
/** What the server knows about a place: likely colors, and the region that a hint covers there. */

import { Latest, request, withQuery } from "../api.js";

/** @typedef {import("../types.js").LikelyColor} LikelyColor */
/** @typedef {{x: number, y: number}} Place */

/**
 * @typedef {object} PlaceColors
 * @property {LikelyColor[]} colors
 * @property {string} current color that is shown at the place
 * @property {number | null} confidence 0 to 1
 */

/** Time between two requests while a ring is dragged, in milliseconds. */
const DRAG_MS = 80;

export class PlaceHelp {
  #path;
  #colors = new Latest();
  #region = new Latest();
  #onOutline;
  #draggedAt = 0;
  /** @type {{place: Place, revision: number, result: PlaceColors} | null} */
  #last = null;

  /**
   * @param {string} id of the photo
   * @param {(outline: number[][][]) => void} onOutline
   */
  constructor(id, onOutline) {
    this.#path = `/api/photos/${id}`;
    this.#onOutline = onOutline;
  }

  /**
   * Return the likely colors of a place, or undefined if a newer call made it moot.
   *
   * @param {Place} place
   * @param {number} revision
   * @returns {Promise<PlaceColors | undefined>}
   */
  async findColors(place, revision) {
    return this.#colors.run((signal) => this.askColors(place, revision, signal));
  }

  /**
   * Return the likely colors of a place, also if newer calls are made meanwhile.
   *
   * @param {Place} place
   * @param {number} revision
   * @param {AbortSignal} [signal]
   * @returns {Promise<PlaceColors>}
   */
  async askColors(place, revision, signal) {
    const last = this.#last;
    if (last && last.revision === revision && isSame(last.place, place)) return last.result;
    const path = withQuery(`${this.#path}/colors`, { x: place.x, y: place.y });
    const result = await request(path, signal ? { signal } : {});
    this.#last = { place, revision, result };
    return result;
  }

  /**
   * Show the region that a hint at a place would cover.
   * @param {Place} place
   * @param {{radius?: number | null | undefined, color?: string | null}} hint
   */
  async showRegion(place, { radius, color }) {
    const query = { x: place.x, y: place.y, radius, color };
    const path = withQuery(`${this.#path}/region`, query);
    try {
      const answer = await this.#region.run((signal) => request(path, { signal }));
      if (answer) this.#onOutline(answer.outline ?? []);
    } catch {
      this.#onOutline([]); // an outline is a help only; the next one may come
    }
  }

  /**
   * Show the region of a ring that is dragged; not at every movement.
   * @param {Place} place
   * @param {{radius?: number | null | undefined, color?: string | null}} hint
   */
  dragRegion(place, hint) {
    const now = performance.now();
    if (now - this.#draggedAt < DRAG_MS) return;
    this.#draggedAt = now;
    void this.showRegion(place, hint);
  }

  leave() {
    this.#region.cancel();
    this.#onOutline([]);
  }

  cancel() {
    this.#colors.cancel();
    this.#region.cancel();
  }
}

/**
 * @param {Place} a
 * @param {Place} b
 */
function isSame(a, b) {
  return Math.abs(a.x - b.x) < 0.002 && Math.abs(a.y - b.y) < 0.002;
}
