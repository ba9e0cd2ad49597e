// @ts-check
/** Which stills of a picture are loaded, and which are shown. */

import { StillRequests } from "./still-requests.js";
import { StillStore, isAsSharp, selectWidth } from "./still-loader.js";

/** @typedef {import("./still-loader.js").StillError} StillError */
/** @typedef {import("./still-loader.js").StillView} StillView */
/** @typedef {import("./viewport.js").Viewport} Viewport */
/** @typedef {import("./painter.js").Scene} Scene */

/**
 * @typedef {object} PictureSource
 * @property {number} width displayed width, in square pixels
 * @property {number} height displayed height
 * @property {string} key identity of the picture with its colors, such as "ID:revision"
 * @property {(request: {view: StillView, width: number}) => string} urlFor URL of a still; `width`
 *   is the length of the longest displayed side, 0 for full size
 * @property {string} [lumaKey] identity of the luma: sources with the same `lumaKey` differ in color
 *   only. The gray picture is then shown first, and details survive changes of color.
 */

/** Rest after which a sharper picture is loaded. */
const SHARP_REST_MS = 600;
const FADE_MS = 120;
const RETRY_MS = 3000;
const LOCKED_MS = 300;
/** Half of the side of the square whose mean color the eyedropper takes, in picture pixels. */
const EYEDROPPER_RADIUS = 1;

export class PictureStills {
  /** @type {PictureSource | null} */
  #source = null;
  /** @type {"after" | "before" | "wipe"} */
  compare = "after";
  /** @type {null | "confidence"} */
  overlay = null;
  #store = new StillStore();
  /** @type {import("./still-loader.js").Still | undefined} a still of the picture before */
  #old;
  #viewport;
  #notify;
  #sharpTimer = 0;
  #retryTimer = 0;
  #fadeStart = 0;
  /** @type {Set<string>} */
  #failed = new Set();
  #requests = new StillRequests(
    (view, sharp, still) => {
      this.#onLoaded(view, sharp, still);
    },
    (view, request, error) => {
      this.#failed.add(request.url);
      const isLocked = error.status === 409 && error.code === "busy";
      if (error.status === 503 || isLocked) {
        // The server is busy, and says when to ask again; or another program works on the film.
        window.clearTimeout(this.#retryTimer);
        const wait = error.retryAfter ? error.retryAfter * 1000 : isLocked ? LOCKED_MS : RETRY_MS;
        this.#retryTimer = window.setTimeout(() => {
          this.retry();
          this.refresh();
        }, wait);
      }
      if (request.key === this.#source?.key) {
        this.#notify("load-error", { key: request.key, view, error });
      }
    },
  );

  /**
   * @param {Viewport} viewport
   * @param {(type: string, detail: object) => void} notify
   */
  constructor(viewport, notify) {
    this.#viewport = viewport;
    this.#notify = notify;
  }

  get source() {
    return this.#source;
  }

  set source(source) {
    if (!source) this.clear();
    this.#source = source;
    if (source?.lumaKey) {
      // Pictures of another luma are not shown as if they were this one, but dimmed.
      this.#keepOld(source.lumaKey);
      this.#store.drop((still) => still.lumaKey !== source.lumaKey);
    }
  }

  /** Whether there is no source yet, or its color is not loaded yet. */
  get isLoading() {
    if (!this.#source) return true;
    const { color, sharpColor } = this.#current();
    return !color && !sharpColor && this.#requests.isBusy;
  }

  /** Whether the color that is to be shown is loaded; before the comparison, the original. */
  get isShown() {
    const source = this.#source;
    if (!source) return false;
    if (this.compare === "before") {
      const identity = source.lumaKey ?? source.key;
      return [false, true].some((sharp) => this.#store.get("gray", sharp)?.key === identity);
    }
    const { color, sharpColor } = this.#current();
    return Boolean(color ?? sharpColor);
  }

  get isFading() {
    return performance.now() - this.#fadeStart < FADE_MS;
  }

  clear() {
    this.#source = null;
    window.clearTimeout(this.#sharpTimer);
    window.clearTimeout(this.#retryTimer);
    this.#requests.abort();
    this.#store.clear();
    this.#dropOld();
    this.#failed.clear();
  }

  /** Forget failures, so that `refresh` asks again. */
  retry() {
    this.#failed.clear();
  }

  /** Request what the display needs and is not loaded. */
  refresh() {
    const source = this.#source;
    window.clearTimeout(this.#sharpTimer);
    if (!source || this.#viewport.boxWidth <= 1) return;
    const needsGray = this.compare !== "after" || source.lumaKey !== undefined;
    const width = this.#fitWidth(source);
    if (needsGray) this.#request("gray", false, width);
    if (this.compare !== "before" || source.lumaKey) this.#request("color", false, width);
    if (this.overlay) this.#request("confidence", false, width);
    else this.#store.drop((still) => still === this.#store.get("confidence"));
    const sharpWidth = this.#sharpWidth(source);
    if (isAsSharp(width, sharpWidth)) {
      this.#requests.abort(true);
      return;
    }
    this.#sharpTimer = window.setTimeout(() => {
      if (needsGray) this.#request("gray", true, sharpWidth);
      if (this.compare !== "before") this.#request("color", true, sharpWidth);
    }, SHARP_REST_MS);
  }

  /**
   * @param {"after" | "before" | "wipe"} compare
   * @param {number} wipe device pixels
   * @returns {Scene}
   */
  scene(compare, wipe) {
    const elapsed = performance.now() - this.#fadeStart;
    return {
      color: this.#store.get("color"),
      sharpColor: this.#store.get("color", true),
      gray: this.#store.get("gray"),
      old: this.#old,
      sharpGray: this.#store.get("gray", true),
      confidence: this.overlay ? this.#store.get("confidence") : undefined,
      key: this.#source?.key ?? "",
      lumaKey: this.#source?.lumaKey ?? null,
      compare,
      wipe,
      colorAlpha: Math.min(elapsed / FADE_MS, 1),
    };
  }

  /**
   * @param {number} x
   * @param {number} y
   * @param {boolean} isGray
   * @returns {string | null} `#rrggbb`
   */
  colorAt(x, y, isGray) {
    const view = isGray ? "gray" : "color";
    const sharp = this.#store.get(view, true);
    const still = sharp && sharp.key === this.#source?.key ? sharp : this.#store.get(view);
    if (!still) return null;
    const { bitmap } = still;
    const column = Math.min(Math.floor(x * bitmap.width), bitmap.width - 1);
    const row = Math.min(Math.floor(y * bitmap.height), bitmap.height - 1);
    const left = Math.max(column - EYEDROPPER_RADIUS, 0);
    const top = Math.max(row - EYEDROPPER_RADIUS, 0);
    const width = Math.min(column + EYEDROPPER_RADIUS + 1, bitmap.width) - left;
    const height = Math.min(row + EYEDROPPER_RADIUS + 1, bitmap.height) - top;
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext("2d", { willReadFrequently: true });
    if (!context) return null;
    context.drawImage(bitmap, left, top, width, height, 0, 0, width, height);
    const { data } = context.getImageData(0, 0, width, height);
    const sums = [0, 0, 0];
    for (let index = 0; index < data.length; index += 4) {
      for (let channel = 0; channel < 3; channel += 1) {
        sums[channel] = (sums[channel] ?? 0) + (data[index + channel] ?? 0);
      }
    }
    const codes = sums.map((sum) => Math.round(sum / (width * height)));
    return `#${codes.map((code) => code.toString(16).padStart(2, "0")).join("")}`;
  }

  /** @param {string} lumaKey of the new picture */
  #keepOld(lumaKey) {
    for (const view of /** @type {const} */ (["color", "gray"])) {
      if (this.#store.get(view)?.lumaKey === lumaKey) continue;
      const still = this.#store.take(view);
      if (!still) continue;
      this.#dropOld();
      this.#old = still;
      return;
    }
  }

  #dropOld() {
    this.#old?.bitmap.close();
    this.#old = undefined;
  }

  #current() {
    const key = this.#source?.key;
    const isCurrent = (/** @type {import("./still-loader.js").Still | undefined} */ still) =>
      still?.key === key ? still : undefined;
    return {
      color: isCurrent(this.#store.get("color")),
      sharpColor: isCurrent(this.#store.get("color", true)),
    };
  }

  /** @param {PictureSource} source */
  #fitWidth(source) {
    const longest = Math.max(source.width, source.height);
    return selectWidth(longest * this.#viewport.fitScale, longest);
  }

  /** @param {PictureSource} source */
  #sharpWidth(source) {
    const longest = Math.max(source.width, source.height);
    return selectWidth(longest * this.#viewport.scale, longest);
  }

  /**
   * @param {StillView} view
   * @param {boolean} sharp
   * @param {number} width
   */
  #request(view, sharp, width) {
    const source = this.#source;
    if (!source) return;
    const identity = view === "gray" && source.lumaKey ? source.lumaKey : source.key;
    const stored = this.#store.get(view, sharp);
    if (stored && stored.key === identity && isAsSharp(stored.width, width)) {
      this.#requests.cancel(view, sharp);
      return;
    }
    const url = source.urlFor({ view, width });
    if (this.#failed.has(url)) return;
    const lumaKey = source.lumaKey ?? null;
    this.#requests.start(view, sharp, { key: identity, lumaKey, url, width });
  }

  /**
   * @param {StillView} view
   * @param {boolean} sharp
   * @param {import("./still-loader.js").Still} still
   */
  #onLoaded(view, sharp, still) {
    const source = this.#source;
    if (!source || (source.lumaKey && still.lumaKey !== source.lumaKey)) {
      still.bitmap.close();
      return;
    }
    this.#dropOld();
    const isFirst = view === "color" && !this.#store.get("color");
    this.#store.set(view, sharp, still);
    if (isFirst && this.#store.get("gray") && !prefersReducedMotion()) {
      this.#fadeStart = performance.now();
    }
    this.#notify("loaded", { key: still.key, view, isSharp: sharp });
  }
}

function prefersReducedMotion() {
  return window.matchMedia("(prefers-reduced-motion: reduce)").matches;
}
