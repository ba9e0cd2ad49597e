// @ts-check
/** Moving of a boundary by keys: steps are shown at once, and sent as one change after a rest. */

import { findShotIndex, getBoundaryLimits } from "./shots.js";

/** @typedef {import("./types.js").Film} Film */
/** @typedef {{index: number, frame: number}} Boundary */

/** Rest after the last step before the change is made, in milliseconds. */
const REST = 700;

export class Nudger {
  /** @type {(Boundary & {from: number}) | null} */
  #pending = null;
  #timer = 0;

  /**
   * @param {(pending: Boundary | null, isStep: boolean) => void} show `isStep` is whether it has
   *   moved just now
   * @param {(boundary: Boundary) => void} commit
   */
  constructor(show, commit) {
    this.show = show;
    this.commit = commit;
  }

  /**
   * Move the boundary that is nearest to a frame.
   *
   * @param {Film} film
   * @param {number} frame
   * @param {number} step frames
   * @returns {Boundary | null} null if the film has one shot
   */
  move(film, frame, step) {
    const pending = this.#pending ?? findNearest(film, frame);
    const limits = pending && getBoundaryLimits(film.shots, pending.index);
    if (!pending || !limits) return null;
    const moved = Math.min(limits.high, Math.max(limits.low, pending.frame + step));
    this.#pending = { ...pending, frame: moved };
    this.show(this.#pending, true);
    window.clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => this.finish(), REST);
    return this.#pending;
  }

  /** Make the change now, because the next one depends on it. */
  finish() {
    window.clearTimeout(this.#timer);
    const pending = this.#pending;
    this.#pending = null;
    if (!pending) return;
    if (pending.frame === pending.from) this.show(null, false);
    else this.commit(pending);
  }

  /** @returns {boolean} whether there were steps that are given up */
  cancel() {
    window.clearTimeout(this.#timer);
    if (!this.#pending) return false;
    this.#pending = null;
    this.show(null, false);
    return true;
  }

  /**
   * Go on in a later state of the film, unless the boundary is at another frame now.
   *
   * @param {Film} film
   */
  rebase(film) {
    const pending = this.#pending;
    if (!pending) return;
    // Its number changes if another shot was split or merged.
    const index = film.shots.findIndex((shot) => shot.first === pending.from);
    const limits = index > 0 ? getBoundaryLimits(film.shots, index) : null;
    if (!limits) {
      this.cancel();
      return;
    }
    const frame = Math.min(limits.high, Math.max(limits.low, pending.frame));
    this.#pending = { ...pending, index, frame };
    this.show(this.#pending, false);
  }
}

/**
 * @param {Film} film
 * @param {number} frame
 */
function findNearest(film, frame) {
  const index = findShotIndex(film.shots, frame);
  const candidates = [index, index + 1].flatMap((n) => {
    const shot = n > 0 ? film.shots[n] : undefined;
    return shot ? { index: n, frame: shot.first, from: shot.first } : [];
  });
  candidates.sort((a, b) => Math.abs(a.frame - frame) - Math.abs(b.frame - frame));
  return candidates[0] ?? null;
}
