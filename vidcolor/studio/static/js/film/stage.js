// @ts-check
/** What the canvas of a film shows: the still of a frame, the hints on it, and the frames next to it. */

import { Prefetch } from "./prefetch.js";
import { describeColor } from "./describe.js";
import { stillUrl } from "./film-api.js";
import { findShotIndex } from "./shots.js";
import { placeHints } from "./tracks.js";
import { t } from "../strings.js";

/** @typedef {import("./types.js").Film} Film */
/** @typedef {import("./types.js").Shot} Shot */
/** @typedef {import("./types.js").Track} Track */
/** @typedef {import("../components/picture-canvas.js").PictureCanvas} PictureCanvas */
/** @typedef {import("../components/canvas/picture-stills.js").PictureSource} PictureSource */

/** Width of stills before the canvas has asked for one. */
const DEFAULT_WIDTH = 960;

/**
 * Return what the color of a frame depends on.
 *
 * @param {Film} film
 * @param {number} frame
 * @returns {string | number}
 */
export function getRev(film, frame) {
  return film.shots[findShotIndex(film.shots, frame)]?.rev ?? film.revision;
}

/**
 * Return the URL of a still of a film.
 *
 * @param {Film} film
 * @param {number} frame
 * @param {number} width
 * @param {"color" | "gray" | "confidence"} view
 * @returns {string}
 */
export function makeStillUrl(film, frame, width, view) {
  const rev = view === "gray" ? (film.source_rev ?? film.revision) : getRev(film, frame);
  return stillUrl(film, frame, { width, view, rev });
}

export class Stage {
  #width = DEFAULT_WIDTH;
  #prefetch = new Prefetch();
  #frame = -1;
  /** @type {1 | -1} */
  #direction = 1;
  /** Whether the frame was jumped to, so that its gray still is shown first. */
  #isJump = true;

  /** @param {PictureCanvas} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    /** @type {Film | null} */
    this.film = null;
    canvas.addEventListener("loaded", () => this.#loadNeighbors());
  }

  /**
   * Show a frame.
   *
   * @param {Film} film
   * @param {number} frame
   */
  show(film, frame) {
    const isOther = frame !== this.#frame;
    if (isOther) {
      const shots = film.shots;
      const isSameShot = findShotIndex(shots, frame) === findShotIndex(shots, this.#frame);
      // Between neighbors the last picture stays until the next one has arrived; after a jump it
      // would be taken for the picture of another shot.
      this.#isJump = this.#frame < 0 || !isSameShot || Math.abs(frame - this.#frame) > 10;
      this.#direction = frame < this.#frame ? -1 : 1;
      this.#prefetch.cancel();
    }
    this.#frame = frame;
    this.film = film;
    const key = `${film.id}/${frame}/${getRev(film, frame)}`;
    if (this.canvas.source?.key === key) return;
    this.canvas.outline = [];
    this.canvas.source = this.#makeSource(film, frame, key);
    this.canvas.label = t("film.canvas", { frame: String(frame) });
  }

  /**
   * @param {Film} film
   * @param {number} frame
   * @param {string} key
   * @returns {PictureSource}
   */
  #makeSource(film, frame, key) {
    /** @type {PictureSource} */
    const source = {
      width: film.width,
      height: film.height,
      key,
      urlFor: ({ view, width }) => {
        if (view === "color" && width) this.#width = width;
        return makeStillUrl(film, frame, width, view);
      },
    };
    if (this.#isJump) source.lumaKey = `${film.id}/${frame}`;
    return source;
  }

  #loadNeighbors() {
    const { film } = this;
    if (!film || this.canvas.source?.key !== `${film.id}/${this.#frame}/${getRev(film, this.#frame)}`) {
      return;
    }
    const steps = [1, 2, -1, 3, 4].map((step) => this.#frame + step * this.#direction);
    const frames = steps.filter((frame) => frame >= 0 && frame < film.num_frames);
    this.#prefetch.start(frames.map((frame) => makeStillUrl(film, frame, this.#width, "color")));
  }

  /**
   * Show the hints of a shot as they lie in the frame.
   *
   * @param {Shot} shot
   * @param {readonly Track[]} tracks
   * @param {number | null} selected
   */
  showHints(shot, tracks, selected) {
    this.canvas.hints = placeHints(shot.hints, tracks, this.#frame).map((hint) => ({
      id: String(hint.id),
      x: hint.x,
      y: hint.y,
      color: hint.color,
      radius: hint.radius ?? null,
      state: hint.state,
      label: t(`film.ring.${hint.state}`, { color: describeColor(hint.color) }),
    }));
    this.canvas.selected = selected === null ? null : String(selected);
  }

  close() {
    this.#prefetch.cancel();
    this.canvas.source = null;
  }
}
