// @ts-check
/** Gestures of a pointer on a strip: seeking, moving a boundary, scrolling, zooming, and stills. */

import { findShotIndex, getBoundaryLimits } from "../film/shots.js";
import { ROWS } from "../film/strip-painter.js";
import { findBoundary } from "../film/strip-scale.js";
import { t } from "../strings.js";

/** @typedef {import("../film/types.js").Film} Film */
/** @typedef {import("../film/types.js").Shot} Shot */

/** Time at rest before a still is shown, in milliseconds. */
const HOVER_DELAY = 120;
/** Width of the stills above the strip, in pixels. */
const STILL_WIDTH = 480;

/** Turns events of a pointer into changes of a strip. */
export class StripPointer {
  /** Frame under the pointer; -1 for none. */
  hover = -1;
  /** Index of the shot whose boundary is under the pointer; -1 for none. */
  boundary = -1;
  /** @type {"seek" | "boundary" | "overview" | null} */
  drag = null;
  #hoverTimer = 0;

  /** @param {import("./film-strip.js").FilmStrip} strip */
  constructor(strip) {
    this.strip = strip;
  }

  /** Hide the stills. */
  stop() {
    clearTimeout(this.#hoverTimer);
    this.strip.stills.hide();
  }

  /** @param {AbortSignal} signal */
  listen(signal) {
    const { list, overview } = this.strip;
    list.addEventListener("pointermove", (event) => this.#move(event), { signal });
    list.addEventListener("pointerdown", (event) => this.#press(event), { signal });
    list.addEventListener("pointerup", () => this.#release(true), { signal });
    list.addEventListener("pointercancel", () => this.#release(false), { signal });
    list.addEventListener("pointerleave", () => this.#leave(), { signal });
    list.addEventListener("dblclick", (event) => this.#zoomToShot(event), { signal });
    list.addEventListener("wheel", (event) => this.#wheel(event), { signal, passive: false });
    overview.addEventListener(
      "pointerdown",
      (event) => {
        overview.setPointerCapture(event.pointerId);
        this.drag = "overview";
        this.#dragOverview(event);
      },
      { signal },
    );
    overview.addEventListener(
      "pointermove",
      (event) => {
        if (this.drag === "overview") this.#dragOverview(event);
      },
      { signal },
    );
    const end = () => {
      this.drag = null;
    };
    overview.addEventListener("pointerup", end, { signal });
    overview.addEventListener("pointercancel", end, { signal });
  }

  /** @param {PointerEvent} event */
  #dragOverview(event) {
    const box = this.strip.overview.getBoundingClientRect();
    const { scale } = this.strip;
    const frame = ((event.clientX - box.left) / box.width) * scale.numFrames;
    if (scale.span >= scale.numFrames) {
      const inside = Math.min(scale.numFrames - 1, Math.max(0, Math.floor(frame)));
      this.strip.emit("seek", { frame: inside });
    } else {
      this.strip.scale = scale.with(frame - scale.span / 2, scale.span);
    }
  }

  /** @param {{clientX: number, clientY: number}} event */
  #locate(event) {
    const box = this.strip.canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const { x, y } = this.#locate(event);
    if (this.drag === "boundary") return this.#dragBoundary(x);
    this.hover = this.strip.scale.toFrame(x);
    if (this.drag === "seek") {
      this.strip.emit("seek", { frame: this.hover });
      return undefined;
    }
    this.#findBoundary(x, y);
    this.strip.list.classList.toggle("is-boundary", this.boundary > 0);
    clearTimeout(this.#hoverTimer);
    this.#hoverTimer = window.setTimeout(() => this.#showStill(x), HOVER_DELAY);
    this.strip.invalidate();
    return undefined;
  }

  /** @param {PointerEvent} event */
  #press(event) {
    if (event.button !== 0) return;
    const { x, y } = this.#locate(event);
    this.strip.list.setPointerCapture(event.pointerId);
    this.#findBoundary(x, y); // a finger presses without moving there first
    clearTimeout(this.#hoverTimer);
    const hint = y >= ROWS.hints - 2 ? this.#findHint(x) : null;
    if (hint) {
      this.strip.emit("hint-select", { id: hint.id, frame: hint.frame });
      return;
    }
    if (this.boundary > 0) {
      this.drag = "boundary";
      this.#dragBoundary(x);
      return;
    }
    this.strip.stills.hide();
    this.drag = "seek";
    this.strip.emit("seek", { frame: this.strip.scale.toFrame(x) });
  }

  /**
   * @param {number} x
   * @param {number} y
   */
  #findBoundary(x, y) {
    const isBlock = y >= ROWS.blocks && y <= ROWS.blocksEnd;
    this.boundary = isBlock ? findBoundary(this.strip.shots, this.strip.scale, x) : -1;
  }

  /** @param {number} x */
  #findHint(x) {
    for (const shot of this.strip.shots) {
      const hint = shot.hints.find((h) => Math.abs(this.strip.scale.toX(h.frame + 0.5) - x) <= 5);
      if (hint) return hint;
    }
    return null;
  }

  /** @param {number} x */
  #dragBoundary(x) {
    const film = /** @type {Film} */ (this.strip.film);
    const limits = getBoundaryLimits(film.shots, this.boundary);
    if (!limits) return;
    const frame = Math.min(limits.high, Math.max(limits.low, this.strip.scale.toBoundary(x)));
    if (this.strip.pendingBoundary?.frame === frame) return;
    this.strip.pendingBoundary = { index: this.boundary, frame };
    this.showBoundary(this.boundary, frame);
    this.strip.emit("boundary-preview", { shot: this.boundary + 1, frame });
  }

  /**
   * Show the last still before a boundary and the first one after it.
   *
   * @param {number} index shot that starts at the boundary
   * @param {number} frame
   */
  showBoundary(index, frame) {
    const film = /** @type {Film} */ (this.strip.film);
    const before = film.shots[index]?.first ?? frame;
    const moved = frame - before;
    const stills = [
      { frame: frame - 1, text: "film.strip.last", shot: index },
      { frame, text: "film.strip.first", shot: index + 1 },
    ].map((still) => ({
      url: this.strip.stillUrl(still.frame, STILL_WIDTH, "gray"),
      text: t(still.text, { shot: still.shot, frame: String(still.frame) }),
    }));
    const sign = moved > 0 ? "+" : "−";
    const text = moved ? t("film.strip.moved", { moved: `${sign}${Math.abs(moved)}` }) : "";
    const { scale } = this.strip;
    this.strip.stills.show(scale.toX(frame), scale.width, stills, text);
  }

  hideBoundary() {
    if (!this.drag) this.strip.stills.hide();
  }

  /** @param {boolean} isDone */
  #release(isDone) {
    const pending = this.strip.pendingBoundary;
    const drag = this.drag;
    this.drag = null;
    if (drag !== "boundary") return;
    this.strip.stills.hide();
    const first = pending && this.strip.film?.shots[pending.index]?.first;
    if (pending && isDone && pending.frame !== first) {
      this.strip.emit("boundary", { shot: pending.index + 1, frame: pending.frame });
    } else {
      this.strip.pendingBoundary = null;
    }
    this.boundary = -1;
    this.strip.invalidate();
  }

  #leave() {
    clearTimeout(this.#hoverTimer);
    if (this.drag) return;
    this.hover = -1;
    this.boundary = -1;
    this.strip.stills.hide();
    this.strip.invalidate();
  }

  /** @param {number} x */
  #showStill(x) {
    if (this.hover < 0 || this.drag) return;
    if (this.boundary > 0) {
      const shot = /** @type {Shot} */ (this.strip.shots[this.boundary]);
      this.showBoundary(this.boundary, shot.first);
      return;
    }
    const shot = this.strip.shots[findShotIndex(this.strip.shots, this.hover)];
    if (!shot) return;
    const still = {
      url: this.strip.stillUrl(this.hover, STILL_WIDTH, "color"),
      first: this.strip.stillUrl(this.hover, STILL_WIDTH, "gray"),
      text: t("film.strip.frame", { frame: String(this.hover) }),
    };
    const text = this.strip.options.describe(shot);
    this.strip.stills.show(x, this.strip.scale.width, [still], text);
  }

  /** @param {MouseEvent} event */
  #zoomToShot(event) {
    const frame = this.strip.scale.toFrame(this.#locate(event).x);
    const shot = this.strip.shots[findShotIndex(this.strip.shots, frame)];
    if (!shot) return;
    const length = shot.end - shot.first;
    this.strip.scale = this.strip.scale.with(shot.first - length * 0.5, length * 2);
  }

  /** @param {WheelEvent} event */
  #wheel(event) {
    event.preventDefault();
    const { x } = this.#locate(event);
    if (event.ctrlKey || event.metaKey || event.altKey) {
      this.strip.scale = this.strip.scale.zoom(Math.exp(-event.deltaY / 300), x);
    } else {
      this.strip.scale = this.strip.scale.scroll(event.deltaX || event.deltaY);
    }
    this.strip.stills.hide();
  }
}
