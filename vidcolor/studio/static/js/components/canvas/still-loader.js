// @ts-check
/** Loading of stills as bitmaps, which are closed when they are replaced. */

import { background } from "../../background.js";

/** @typedef {"color" | "gray" | "confidence"} StillView */

/**
 * @typedef {object} Still
 * @property {string} key identity of the picture that the bitmap shows
 * @property {string | null} lumaKey identity of its luma; null if not known
 * @property {string} url
 * @property {number} width requested length of the longest side; 0 for full size
 * @property {ImageBitmap} bitmap
 */

export class StillError extends Error {
  /**
   * @param {number} status HTTP status, or 0 when the server did not answer
   * @param {string} code
   * @param {string} message
   * @param {number} retryAfter seconds; 0 when the server named none
   */
  constructor(status, code, message, retryAfter) {
    super(message);
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
  }
}

/**
 * @param {string} url
 * @param {AbortSignal} signal
 * @param {boolean} canWait whether the picture can wait for a free connection
 * @returns {Promise<ImageBitmap>}
 */
export async function loadBitmap(url, signal, canWait) {
  const load = (/** @type {AbortSignal} */ abort) => receive(url, abort);
  const blob = await (canWait ? background.run(load, signal) : background.hurry(() => load(signal)));
  const bitmap = await createImageBitmap(blob);
  if (signal.aborted) {
    bitmap.close();
    throw signal.reason;
  }
  return bitmap;
}

/**
 * @param {string} url
 * @param {AbortSignal} signal
 * @returns {Promise<Blob>}
 */
async function receive(url, signal) {
  /** @type {Response} */
  let response;
  try {
    response = await fetch(url, { signal, credentials: "same-origin" });
  } catch (error) {
    if (signal.aborted) throw error;
    throw new StillError(0, "offline", "", 0);
  }
  if (!response.ok) {
    const body = await response.json().catch(() => ({}));
    throw new StillError(
      response.status,
      String(body.code ?? ""),
      String(body.error ?? response.statusText),
      Number(response.headers.get("Retry-After") ?? 0) || 0,
    );
  }
  return response.blob();
}

/** Lengths of the longest side that are requested, in pixels. Few lengths make caches useful. */
export const STILL_WIDTHS = [480, 960, 1400, 2000, 2800, 4096];

/**
 * Return the length to request for a picture that is displayed at a length.
 * @param {number} needed device pixels of the longest side
 * @param {number} full pixels of the longest side of the source
 * @returns {number} pixels; 0 for full size
 */
export function selectWidth(needed, full) {
  const width = STILL_WIDTHS.find((candidate) => candidate >= needed);
  return width === undefined || width >= full ? 0 : width;
}

/**
 * Return whether a still of one requested length has at least the resolution of another.
 * @param {number} width
 * @param {number} other
 */
export function isAsSharp(width, other) {
  return width === 0 || (other !== 0 && width >= other);
}

/**
 * The stills of one canvas: at most two of each view, one at view size and one that is sharper.
 */
export class StillStore {
  /** @type {Map<string, Still>} */
  #stills = new Map();

  /**
   * @param {StillView} view
   * @param {boolean} [sharp]
   */
  get(view, sharp = false) {
    return this.#stills.get(slotName(view, sharp));
  }

  /**
   * @param {StillView} view
   * @param {boolean} sharp
   * @param {Still} still
   */
  set(view, sharp, still) {
    const name = slotName(view, sharp);
    this.#stills.get(name)?.bitmap.close();
    this.#stills.set(name, still);
  }

  /**
   * Remove a still without closing it: the caller takes it over.
   * @param {StillView} view
   */
  take(view) {
    const still = this.#stills.get(slotName(view, false));
    this.#stills.delete(slotName(view, false));
    return still;
  }

  /**
   * Close the stills for which a condition holds.
   * @param {(still: Still) => boolean} condition
   */
  drop(condition) {
    for (const [name, still] of this.#stills) {
      if (!condition(still)) continue;
      still.bitmap.close();
      this.#stills.delete(name);
    }
  }

  clear() {
    this.drop(() => true);
  }
}

/**
 * @param {StillView} view
 * @param {boolean} sharp
 */
function slotName(view, sharp) {
  return sharp ? `${view}-sharp` : view;
}
