// @ts-check
/** The tracks of the hints of the shots that were looked at last. */

import { Latest } from "../api.js";
import { getTracks } from "./film-api.js";

/** @typedef {import("./types.js").Film} Film */
/** @typedef {import("./types.js").Shot} Shot */
/** @typedef {import("./types.js").Track} Track */

/** Number of shots whose tracks are kept. */
const LIMIT = 12;
/** Wait before tracks are asked for, so that the still comes first, in milliseconds. */
const DELAY = 400;

export class TrackLoader {
  /** @type {Map<string, {rev: string | number, tracks: Track[]}>} by film and first frame */
  #kept = new Map();
  #latest = new Latest();
  #timer = 0;
  #wanted = "";
  /** Whether the tracks of the current shot are on their way. */
  isLoading = false;

  /**
   * @param {() => void} onChange called when tracks have arrived, or loading has started or failed
   */
  constructor(onChange) {
    this.onChange = onChange;
  }

  /**
   * Return what is known about a shot, and ask for the rest. After a change of the shot, these are
   * the tracks from before it until the new ones arrive.
   *
   * @param {Film} film
   * @param {Shot} shot
   * @returns {readonly Track[]}
   */
  get(film, shot) {
    const key = `${film.id}/${shot.first}/${shot.end}`;
    const rev = shot.rev ?? film.revision;
    const kept = this.#kept.get(key);
    const wanted = `${key}/${rev}`;
    if (!shot.hints.length || kept?.rev === rev) {
      if (this.#wanted !== wanted) this.#stop();
      this.#wanted = wanted;
    } else if (this.#wanted !== wanted) {
      this.#stop();
      this.#wanted = wanted;
      this.isLoading = true;
      this.#timer = window.setTimeout(() => void this.#load(film, shot, key, rev), DELAY);
    }
    return kept?.tracks ?? [];
  }

  /**
   * @param {Film} film
   * @param {Shot} shot
   * @param {string} key
   * @param {string | number} rev
   */
  async #load(film, shot, key, rev) {
    try {
      const tracks = await this.#latest.run((signal) =>
        getTracks(film.id, shot.number, rev, signal),
      );
      if (!tracks) return;
      this.#kept.delete(key);
      this.#kept.set(key, { rev, tracks });
      const [oldest] = this.#kept.keys();
      if (this.#kept.size > LIMIT && oldest !== undefined) this.#kept.delete(oldest);
    } catch {
      // Without tracks, hints are shown on their own frames only.
    }
    this.isLoading = false;
    this.onChange();
  }

  #stop() {
    window.clearTimeout(this.#timer);
    this.#latest.cancel();
    this.isLoading = false;
  }

  close() {
    this.#stop();
    this.#kept.clear();
  }
}
