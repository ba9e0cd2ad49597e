// @ts-check
/** `<film-strip>`: all shots of a film as blocks on a line, above an overview of the whole film. */

import { OVERVIEW, paintOverview } from "../film/overview-painter.js";
import { findShotIndex, getMiddle, withBoundary } from "../film/shots.js";
import { ROWS, paintStrip, readColors } from "../film/strip-painter.js";
import { StripScale } from "../film/strip-scale.js";
import { Thumbnails } from "../film/thumbnails.js";
import { makeScale } from "../film/timecode.js";
import { computeReach } from "../film/tracks.js";
import { t } from "../strings.js";
import { StripPopover } from "./film-strip-popover.js";
import { StripOptions } from "./film-strip-options.js";
import { StripPointer } from "./film-strip-pointer.js";

/** @typedef {import("../film/types.js").Film} Film */
/** @typedef {import("../film/types.js").Shot} Shot */
/** @typedef {import("../film/types.js").Track} Track */
/** @typedef {(frame: number, width: number, view: "color" | "gray") => string} StillUrl */
/** @typedef {{index: number, frame: number}} Boundary */

/** Least width of the block of a shot of average length at first, in pixels. */
const BLOCK_WIDTH = 64;
/** Width of the stills in blocks, in pixels. */
const THUMB_WIDTH = 160;

/**
 * Events: `seek` {frame}; `boundary-preview` {shot, frame} while a boundary is dragged; `boundary`
 * {shot, frame} when it is released; `hint-select` {id, frame}.
 */
export class FilmStrip extends HTMLElement {
  /** @type {Film | null} */
  #film = null;
  /** @type {readonly Shot[]} */
  #shots = [];
  #frame = 0;
  #current = -1;
  /** @type {number | null} */
  #selected = null;
  /** @type {readonly Track[]} */
  #tracks = [];
  #needs = new Float32Array(0);
  /** @type {Boundary | null} */
  #pending = null;
  #scale = new StripScale(1, 1);
  #dirty = false;
  #isFitted = false;
  #colors = /** @type {import("../film/strip-painter.js").StripColors | null} */ (null);
  #thumbs = new Thumbnails(() => this.invalidate());
  /** @type {AbortController | null} */
  #life = null;

  /** @type {StillUrl} */
  stillUrl = () => "";

  constructor() {
    super();
    this.canvas = document.createElement("canvas");
    this.canvas.className = "strip-canvas";
    this.canvas.setAttribute("aria-hidden", "true");
    this.overview = document.createElement("canvas");
    this.overview.className = "strip-overview";
    this.overview.setAttribute("aria-hidden", "true");
    this.list = document.createElement("div");
    this.list.className = "strip-list";
    this.options = new StripOptions(this.list);
    this.stills = new StripPopover();
    this.pointer = new StripPointer(this);
  }

  connectedCallback() {
    this.#life = new AbortController();
    const { signal } = this.#life;
    const main = document.createElement("div");
    main.className = "strip-main";
    main.append(this.canvas, this.list);
    this.list.setAttribute("aria-label", t("film.strip.label"));
    this.overview.title = t("film.strip.overview");
    this.replaceChildren(main, this.overview, this.stills.element);
    this.pointer.listen(signal);
    const observer = new ResizeObserver(() => this.#resize());
    observer.observe(main);
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", () => this.updateTheme(), { signal });
    const theme = new MutationObserver(() => this.updateTheme());
    theme.observe(document.documentElement, { attributes: true });
    signal.addEventListener("abort", () => {
      observer.disconnect();
      theme.disconnect();
    });
  }

  disconnectedCallback() {
    this.#life?.abort();
    this.#thumbs.close();
    this.pointer.stop();
  }

  /** Read the colors of the style sheet again. */
  updateTheme() {
    this.#colors = null;
    this.invalidate();
  }

  get film() {
    return this.#film;
  }

  /** @param {Film | null} film */
  set film(film) {
    if (!film) return;
    const isNew = this.#film?.id !== film.id || this.#film.num_frames !== film.num_frames;
    this.#film = film;
    this.#pending = null;
    this.#setShots(film.shots);
    if (isNew) {
      this.#scale = new StripScale(film.num_frames, this.#scale.width);
      this.#isFitted = false;
      this.#fitShots();
    }
    this.#update();
  }

  /** Show as much of the film as leaves room for the blocks of shots of average length. */
  #fitShots() {
    const film = this.#film;
    if (!film || this.#isFitted || this.#scale.width < 2) return;
    this.#isFitted = true;
    const average = film.num_frames / film.shots.length;
    const span = (this.#scale.width / BLOCK_WIDTH) * average;
    this.#scale = this.#scale.with(this.#frame - span / 2, span);
  }

  /** @param {number} frame */
  set frame(frame) {
    this.#frame = frame;
    const index = findShotIndex(this.#shots, frame);
    const hasMoved = index !== this.#current;
    this.#current = index;
    const shot = this.#shots[index];
    if (shot && !this.pointer.drag) {
      this.#scale = hasMoved
        ? this.#scale.reveal(shot.first, shot.end).reveal(frame, frame + 1)
        : this.#scale.reveal(frame, frame + 1);
    }
    this.#update();
  }

  /** @param {number | null} id */
  set selected(id) {
    this.#selected = id;
    this.invalidate();
  }

  /** @param {readonly Track[]} tracks tracks of the hints of the current shot */
  set tracks(tracks) {
    this.#tracks = tracks;
    this.invalidate();
  }

  /** @param {Float32Array<ArrayBuffer>} needs how much a decision helps in each shot, 0 to 1 */
  set needs(needs) {
    this.#needs = needs;
    this.invalidate();
  }

  /** The shots as they are shown, with the boundary that is being moved. */
  get shots() {
    return this.#shots;
  }

  /** The part of the film that is shown. */
  get scale() {
    return this.#scale;
  }

  set scale(scale) {
    this.#scale = scale;
    this.#update();
  }

  get pendingBoundary() {
    return this.#pending;
  }

  /**
   * Show a boundary at another frame before the server has answered; null for the real one.
   *
   * @param {Boundary | null} pending
   */
  set pendingBoundary(pending) {
    this.#pending = pending;
    if (!this.#film) return;
    this.#setShots(
      pending ? withBoundary(this.#film.shots, pending.index, pending.frame) : this.#film.shots,
    );
    this.#update();
  }

  /** @param {number} factor more than 1 shows fewer frames */
  zoom(factor) {
    const x = this.#scale.toX(this.#frame + 0.5);
    const inside = x >= 0 && x <= this.#scale.width;
    this.#scale = this.#scale.zoom(factor, inside ? x : undefined);
    this.#update();
  }

  /** Show the whole film. */
  fit() {
    this.#scale = this.#scale.with(0, this.#scale.numFrames);
    this.#update();
  }

  /** @param {readonly Shot[]} shots */
  #setShots(shots) {
    this.#shots = shots;
    this.#current = findShotIndex(shots, this.#frame);
  }

  #update() {
    this.options.update(this.#shots, this.#current, this.#scale);
    this.invalidate();
  }

  invalidate() {
    if (this.#dirty || !this.isConnected) return;
    this.#dirty = true;
    requestAnimationFrame(() => {
      this.#dirty = false;
      if (this.isConnected) this.#paint();
    });
  }

  #resize() {
    const width = this.canvas.clientWidth;
    if (!width) return;
    this.#scale = this.#scale.resize(width);
    this.#fitShots();
    this.#update();
  }

  #paint() {
    if (!this.#film) return;
    this.#colors ??= readColors(this);
    const font = getComputedStyle(this).fontFamily;
    const strip = prepare(this.canvas, ROWS.height);
    if (strip) {
      paintStrip(strip, this.#scale, this.#makeScene(), this.#colors, font);
    }
    const overview = prepare(this.overview, OVERVIEW.height);
    if (overview) {
      const full = new StripScale(this.#film.num_frames, this.overview.clientWidth);
      const scene = { shots: this.#shots, needs: this.#needs, frame: this.#frame };
      paintOverview(overview, full, this.#scale, scene, this.#colors);
    }
  }

  /**
   * @returns {import("../film/strip-painter.js").StripScene}
   */
  #makeScene() {
    const film = /** @type {Film} */ (this.#film);
    const shot = this.#shots[this.#current];
    const hint = shot?.hints.find((item) => item.id === this.#selected);
    const track = this.#tracks.find((item) => item.hint === this.#selected);
    return {
      shots: this.#shots,
      current: this.#current,
      frame: this.#frame,
      hover: this.pointer.hover,
      selected: this.#selected,
      reach: hint && shot && track ? computeReach(hint, track.frames, shot) : [],
      boundary: this.#pending?.index ?? this.pointer.boundary,
      timecode: makeScale(film),
      // Gray stills are decoded only, so they never make a click wait for the network. They stay
      // while a boundary is dragged.
      thumb: (item) => {
        const frame = getMiddle(film.shots[item.number - 1] ?? item);
        return this.#thumbs.get(this.stillUrl(frame, THUMB_WIDTH, "gray"));
      },
    };
  }

  /**
   * @param {string} name
   * @param {Record<string, unknown>} detail
   */
  emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

/**
 * Return the context of a canvas whose size matches that of its box, in CSS pixels.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {number} height
 * @returns {CanvasRenderingContext2D | null} null while the canvas has no width
 */
function prepare(canvas, height) {
  const ratio = window.devicePixelRatio || 1;
  const width = canvas.clientWidth;
  const context = canvas.getContext("2d");
  if (!width || !context) return null;
  const size = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== size[0] || canvas.height !== size[1]) {
    [canvas.width = 1, canvas.height = 1] = size;
  }
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return context;
}

customElements.define("film-strip", FilmStrip);
