// @ts-check
/** The tracks of the hints of the shots that were looked at last. */

import { Latest } from "../api.js";
import { sleep } from "../connection.js";
import { getTracks } from "./film-api.js";

/** @typedef {import("./types.js").Film} Film */
/** @typedef {import("./types.js").Shot} Shot */
/** @typedef {import("./types.js").Track} Track */

/** Number of shots whose tracks are kept. */
const LIMIT = 12;
/** Wait before tracks are asked for, so that the still comes first, in milliseconds. */
const DELAY = 400;
/** Times that tracks are asked for while the shot is changed by others. */
const MAX_TRIES = 3;

export class TrackLoader {
  /** @type {Map<string, {state: string, tracks: Track[]}>} by film and frames */
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
    // A hint that is made again has another number, but the shot has the same revision again.
    const state = [shot.rev ?? film.revision, ...shot.hints.map(({ id }) => id)].join();
    const kept = this.#kept.get(key);
    const wanted = `${key}/${state}`;
    if (!shot.hints.length || kept?.state === state) {
      if (this.#wanted !== wanted) this.#stop();
      this.#wanted = wanted;
    } else if (this.#wanted !== wanted) {
      this.#stop();
      this.#wanted = wanted;
      this.isLoading = true;
      this.#timer = window.setTimeout(() => void this.#load(film, shot, key, state), DELAY);
    }
    return kept?.tracks ?? [];
  }

  /**
   * @param {Film} film
   * @param {Shot} shot
   * @param {string} key
   * @param {string} state
   */
  async #load(film, shot, key, state) {
    try {
      const tracks = await this.#latest.run((signal) => askTracks(film, shot, signal));
      if (tracks === undefined) return; // what is wanted now is another shot
      if (tracks) {
        this.#kept.delete(key);
        this.#kept.set(key, { state, tracks });
      }
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

/**
 * @param {Film} film
 * @param {Shot} shot
 * @param {AbortSignal} signal
 * @returns {Promise<Track[] | null>} null if the server has another revision of the shot, which an
 *   event reports
 */
async function askTracks(film, shot, signal) {
  const rev = shot.rev ?? film.revision;
  for (let attempt = 0; attempt < MAX_TRIES; attempt += 1) {
    if (attempt) await sleep(DELAY, signal);
    const answer = await getTracks(film.id, shot.number, rev, signal);
    if (answer.rev === rev) return answer.tracks;
  }
  return null;
}
