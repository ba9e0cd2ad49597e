// @ts-check
/** Loading of stills that will be needed next into the cache of the browser. */

import { background } from "../background.js";

/** Rest before the first request, in milliseconds. */
const DELAY = 150;

/** Loads a few URLs one after the other; a new list makes the rest of the old one moot. */
export class Prefetch {
  /** @type {AbortController | null} */
  #abort = null;
  /** URLs that were loaded last, so that they are not asked for again. */
  #known = new Set();

  /** @param {string[]} urls the most important one first */
  start(urls) {
    this.cancel();
    const wanted = urls.filter((url) => !this.#known.has(url));
    if (!wanted.length) return;
    const abort = new AbortController();
    this.#abort = abort;
    void this.#load(wanted, abort.signal);
  }

  /**
   * @param {string[]} urls
   * @param {AbortSignal} signal
   */
  async #load(urls, signal) {
    await new Promise((resolve) => void setTimeout(resolve, DELAY));
    for (const url of urls) {
      if (signal.aborted) return;
      try {
        // The server makes the still when it has nothing else to do; then the browser keeps it.
        for (const path of [`${url}&prefetch=true`, url]) {
          const isLoaded = await background.run((own) => load(path, own), signal);
          if (!isLoaded) return;
        }
      } catch {
        return; // the canvas asks again, and reports what is wrong
      }
      if (this.#known.size > 64) this.#known.clear();
      this.#known.add(url);
    }
  }

  cancel() {
    this.#abort?.abort();
    this.#abort = null;
  }
}

/**
 * @param {string} url
 * @param {AbortSignal} signal
 */
async function load(url, signal) {
  const response = await fetch(url, { signal, priority: "low", credentials: "same-origin" });
  await response.arrayBuffer();
  return response.ok;
}
