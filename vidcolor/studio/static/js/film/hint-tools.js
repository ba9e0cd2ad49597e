// @ts-check
/** The grammar of hints in a film: what gestures on the canvas and on colors change. */

import { ApiError, Latest } from "../api.js";
import { sleep } from "../connection.js";
import { hand } from "../photo/hand.js";
import { getColors, getRegion } from "./film-api.js";
import { findHint } from "./shots.js";

/** @typedef {import("./types.js").Film} Film */
/** @typedef {import("./types.js").LikelyColor} LikelyColor */
/** @typedef {import("./film-store.js").FilmStore} FilmStore */
/** @typedef {import("../components/picture-canvas.js").PictureCanvas} PictureCanvas */
/** @typedef {"hint" | "protect" | "eyedropper"} Mode */

/** Distance, as a fraction of the picture, within which likely colors of a place are used. */
const SAME_PLACE = 0.01;
/** Greatest time that a click waits for the likely colors, in milliseconds. */
const MAX_COLOR_WAIT = 3000;
/** Greatest number of hints of one stroke of the protect brush. */
const MAX_STROKE_HINTS = 6;

/**
 * Events: `state` when the mode, the selected hint, or the color in hand has changed; `likely` when
 * the colors at the pointer are known; `message` {text, values} for a line of text; `error` {error}.
 */
export class HintTools extends EventTarget {
  /** @type {Mode} */
  mode = "hint";
  /** @type {number | null} number of the selected hint */
  selected = null;
  /** @type {LikelyColor[]} */
  likely = [];
  /** @type {{current: string | null, confidence: number | null}} */
  here = { current: null, confidence: null };
  /** @type {{frame: number, x: number, y: number} | null} place of the likely colors */
  #place = null;
  #colors = new Latest();
  #region = new Latest();

  /**
   * @param {PictureCanvas} canvas
   * @param {FilmStore} store
   * @param {() => number} getFrame
   * @param {AbortSignal} signal
   */
  constructor(canvas, store, getFrame, signal) {
    super();
    this.canvas = canvas;
    this.store = store;
    this.getFrame = getFrame;
    const on = (/** @type {string} */ type, /** @type {(detail: any) => void} */ listener) => {
      canvas.addEventListener(
        type,
        (event) => listener(event instanceof CustomEvent ? event.detail : {}),
        { signal },
      );
    };
    on("rest", (place) => void this.#rest(place));
    on("leave", () => this.#leave());
    on("place", (place) => this.#put(place));
    on("stroke", ({ points, radius }) => this.#stroke(points, radius));
    on("pick", ({ color }) => this.setColor(color, true));
    on("hint-select", ({ id }) => this.select(Number(id)));
    on("hint-move", ({ id, x, y }) => void this.#outline({ x, y, color: this.#find(id)?.color }));
    on("hint-moved", ({ id, x, y }) => this.#move(id, { x, y }));
    on("hint-radius", ({ id, radius }) => {
      this.#change({ do: "set-hint", id: Number(id), radius: round(radius) });
    });
    on("hint-remove", ({ id }) => this.remove(Number(id)));
    hand.addEventListener("change", () => this.#notify(), { signal });
    const onId = (/** @type {Event} */ event) => {
      const { from, to } = /** @type {CustomEvent} */ (event).detail;
      canvas.renameHint(String(from), String(to));
      if (this.selected !== from) return;
      this.selected = to;
      queueMicrotask(() => this.#showSelected(to)); // the film follows
    };
    store.addEventListener("hint-id", onId, { signal });
    for (const type of ["film", "shown"]) {
      store.addEventListener(type, () => this.#check(), { signal });
    }
  }

  /** @param {Mode} mode chosen again, it ends */
  toggleMode(mode) {
    this.setMode(this.mode === mode ? "hint" : mode);
  }

  /** @param {Mode} mode */
  setMode(mode) {
    this.mode = mode;
    this.canvas.mode = mode;
    this.#notify();
  }

  /** @param {number | null} id */
  select(id) {
    this.selected = id;
    this.#notify();
    if (id === null || id <= 0) {
      this.canvas.outline = [];
      return;
    }
    this.#showSelected(id);
  }

  /**
   * Show the region of the selected hint, and the likely colors of its place.
   *
   * @param {number} id
   */
  #showSelected(id) {
    if (this.selected !== id) return;
    void this.#outlineHint(id);
    void this.#loadHintColors(id);
  }

  /** Let go of a hint that no longer exists, such as after undo. */
  #check() {
    if (this.selected !== null && !this.selectedHint) this.select(null);
  }

  /** The selected hint. */
  get selectedHint() {
    const film = this.store.shown;
    return film && this.selected !== null ? findHint(film, this.selected) : null;
  }

  /**
   * Give the selected hint a color; without one, keep the color in hand for the next click.
   *
   * @param {string} color
   * @param {boolean} [isPicked] whether it comes from the eyedropper
   */
  setColor(color, isPicked = false) {
    if (this.selectedHint) {
      this.#change({ do: "set-hint", id: this.selected ?? 0, color });
    } else {
      hand.color = color;
    }
    hand.remember(color);
    if (isPicked && this.mode === "eyedropper") this.setMode("hint");
    this.#notify();
  }

  /** @param {number} index of the likely colors */
  applyLikely(index) {
    const color = this.likely[index]?.color;
    if (color) this.setColor(color);
  }

  /** @param {number | null} [id] the selected hint, by default */
  remove(id = this.selected) {
    if (id === null || !this.#find(id)) return;
    if (this.selected === id) this.select(null);
    this.#change({ do: "remove-hint", id });
  }

  /** Let go: first of the mode, then of the hint, then of the color. */
  release() {
    if (this.mode !== "hint") this.setMode("hint");
    else if (this.selected !== null) this.select(null);
    else hand.color = null;
    this.#notify();
  }

  /** Give up the requests for what is under the pointer. */
  close() {
    this.#colors.cancel();
    this.#region.cancel();
  }

  /** Forget what belongs to another frame. */
  leaveFrame() {
    this.#leave();
    if (this.selected !== null || !this.likely.length) return;
    this.likely = [];
    this.here = { current: null, confidence: null };
    this.dispatchEvent(new Event("likely"));
  }

  #notify() {
    this.dispatchEvent(new Event("state"));
  }

  /** @param {string | number} id */
  #find(id) {
    const film = this.store.shown;
    return film ? findHint(film, Number(id)) : null;
  }

  /** @param {import("./types.js").ChangeRequest} request */
  #change(request) {
    return this.store.change(request);
  }

  /** @param {{x: number, y: number}} place */
  async #rest(place) {
    const frame = this.getFrame();
    const color = this.mode === "protect" ? "keep" : hand.color;
    void this.#outline({ ...place, color });
    await this.#loadColors(frame, place);
  }

  /**
   * @param {number} frame
   * @param {{x: number, y: number}} place
   * @param {(signal: AbortSignal) => ReturnType<typeof getColors>} [ask]
   */
  async #loadColors(
    frame,
    place,
    ask = (signal) => getColors(this.store.id, frame, place, signal),
  ) {
    try {
      const answer = await this.#colors.run(ask);
      if (!answer) return;
      this.likely = answer.colors;
      this.here = { current: answer.current, confidence: answer.confidence };
      this.#place = { frame, ...place };
      this.dispatchEvent(new Event("likely"));
    } catch (error) {
      this.#reportError(error);
    }
  }

  /**
   * Show the likely colors at the place of a hint.
   *
   * @param {number} id
   */
  async #loadHintColors(id) {
    const hint = this.#find(id);
    const frame = this.getFrame();
    if (hint?.frame !== frame || this.#isNear(frame, hint)) return;
    await this.#loadColors(frame, { x: hint.x, y: hint.y });
  }

  /**
   * @param {number} frame
   * @param {{x: number, y: number}} place
   * @returns {boolean} whether the likely colors are those of a place
   */
  #isNear(frame, { x, y }) {
    const near = this.#place;
    return near?.frame === frame && Math.hypot(near.x - x, near.y - y) < SAME_PLACE;
  }

  /** @param {{x: number, y: number, radius?: number | null, color?: string | null}} hint */
  async #outline(hint) {
    await this.#loadOutline(hint);
  }

  /** @param {number} id */
  async #outlineHint(id) {
    const hint = this.#find(id);
    if (!hint || !isInShot(this.store.shown, hint.frame, this.getFrame())) return;
    await this.#loadOutline({ hint: id });
  }

  /** @param {{x?: number, y?: number, radius?: number | null, color?: string | null, hint?: number}} hint */
  async #loadOutline(hint) {
    const frame = this.getFrame();
    const { source } = this.canvas;
    try {
      const answer = await this.#region.run((signal) =>
        getRegion(this.store.id, frame, hint, signal),
      );
      // The frame or its hints may be others now.
      if (answer && this.canvas.source === source) this.canvas.outline = answer.outline;
    } catch (error) {
      this.#reportError(error);
    }
  }

  #leave() {
    this.#colors.cancel();
    this.#region.cancel();
    this.canvas.outline = [];
    this.#place = null;
  }

  /** @param {{x: number, y: number, shiftKey: boolean}} gesture */
  #put({ shiftKey, ...place }) {
    const { x, y } = roundPlace(place);
    const frame = this.getFrame();
    const chosen = this.mode === "protect" || shiftKey ? "keep" : hand.color;
    const known = chosen ?? (this.#isNear(frame, { x, y }) ? this.likely[0]?.color : undefined);
    const color = known ?? this.canvas.colorAt(x, y) ?? "neutral";
    if (known) hand.remember(known);
    const rest = known ? undefined : this.#findColor(frame, { x, y }, color);
    void this.store.change({ do: "add-hint", frame, x, y, color }, rest);
    this.select(this.#newest());
  }

  /**
   * Return the most likely color of a place.
   *
   * @param {number} frame
   * @param {{x: number, y: number}} place
   * @param {string} fallback color for a generator that knows none, or a server that is slow
   */
  async #findColor(frame, place, fallback) {
    // The hint needs its color, also if the pointer has gone on to another place.
    const asked = getColors(this.store.id, frame, place, new AbortController().signal);
    void this.#loadColors(frame, place, () => asked);
    const answer = await Promise.race([asked.catch(() => null), sleep(MAX_COLOR_WAIT)]);
    return { color: answer?.colors[0]?.color ?? fallback };
  }

  /** Return the number of the hint that was added last, which the server has not numbered yet. */
  #newest() {
    const hints = this.store.shown?.shots.flatMap((shot) => shot.hints) ?? [];
    return hints.reduce((least, hint) => Math.min(least, hint.id), 0) || null;
  }

  /**
   * @param {{x: number, y: number}[]} points
   * @param {number} radius
   */
  #stroke(points, radius) {
    const frame = this.getFrame();
    const count = Math.min(MAX_STROKE_HINTS, Math.ceil(points.length / 8));
    const hints = [];
    for (let n = 0; n < count; n += 1) {
      const point = points[Math.floor(((n + 0.5) / count) * points.length)];
      if (point) hints.push({ frame, ...roundPlace(point), color: "keep", radius });
    }
    // One change, so that one undo takes the stroke back.
    if (hints.length) this.#change({ do: "add-hints", hints });
  }

  /**
   * @param {string} id
   * @param {{x: number, y: number}} place
   */
  #move(id, place) {
    this.#region.cancel();
    const { x, y } = roundPlace(place);
    const hint = this.#find(id);
    const frame = this.getFrame();
    if (!hint) return;
    if (hint.frame === frame) {
      this.#change({ do: "move-hint", id: hint.id, x, y });
      return;
    }
    // A ring that was carried here is corrected by another hint of its color on this frame.
    const { color, radius } = hint;
    this.#change({ do: "add-hint", frame, x, y, color, radius: radius ?? null });
    this.select(this.#newest());
    const values = { frame: String(frame), from: String(hint.frame) };
    this.dispatchEvent(
      new CustomEvent("message", { detail: { text: "film.hint.corrected", values } }),
    );
  }

  /** @param {unknown} error */
  #reportError(error) {
    // A server that is gone or busy is reported by the banner, and a film that cannot be read by
    // its still. The next rest asks again.
    if (error instanceof ApiError && error.status < 500) return;
    if (error instanceof ApiError && error.isBusy) return;
    this.dispatchEvent(new CustomEvent("error", { detail: { error } }));
  }
}

/**
 * Return a place with as many digits as people can point at: a thousandth of a pixel at 1000 pixels.
 *
 * @param {{x: number, y: number}} place
 */
function roundPlace({ x, y }) {
  return { x: round(x), y: round(y) };
}

/** @param {number} value */
function round(value) {
  return Math.round(value * 1e6) / 1e6;
}

/**
 * @param {Film | null} film
 * @param {number} a
 * @param {number} b
 * @returns {boolean} whether two frames are in the same shot
 */
function isInShot(film, a, b) {
  return Boolean(film?.shots.some((s) => a >= s.first && a < s.end && b >= s.first && b < s.end));
}
