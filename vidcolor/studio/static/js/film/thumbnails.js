// @ts-check
/**
 * Small stills of shots. At most `LIMIT` are kept; older ones are closed.
 */

import { background } from "../background.js";

/** Greatest number of stills in memory. */
const LIMIT = 96;
/** Statuses of a server that is busy, and of a film that another program works on. */
const BUSY = [409, 429, 503];
/** Requests at a time, so that stills of the strip never hold up that of the canvas. */
const PARALLEL = 2;

/** Loads stills on demand, last asked first. */
export class Thumbnails {
  /** @param {() => void} onLoad called when a still has arrived */
  constructor(onLoad) {
    /** @type {Map<string, ImageBitmap | null>} null for a still that is on its way or has failed */
    this.bitmaps = new Map();
    /** @type {string[]} */
    this.waiting = [];
    this.running = 0;
    this.onLoad = onLoad;
    this.abort = new AbortController();
  }

  /**
   * @param {string} url
   * @returns {ImageBitmap | null} null until it is loaded
   */
  get(url) {
    const bitmap = this.bitmaps.get(url);
    if (bitmap !== undefined) {
      this.bitmaps.delete(url);
      this.bitmaps.set(url, bitmap);
      return bitmap;
    }
    const place = this.waiting.indexOf(url);
    if (place >= 0) this.waiting.splice(place, 1);
    this.waiting.push(url);
    // What was asked for longest ago has been scrolled away.
    if (this.waiting.length > LIMIT / 2) this.waiting.shift();
    queueMicrotask(() => this.next());
    return null;
  }

  next() {
    while (this.running < PARALLEL && this.waiting.length) {
      const url = /** @type {string} */ (this.waiting.pop());
      this.running += 1;
      this.bitmaps.set(url, null);
      void this.load(url).finally(() => {
        this.running -= 1;
        this.next();
      });
    }
  }

  /** @param {string} url */
  async load(url) {
    const { signal } = this.abort;
    try {
      const blob = await background.run(async (own) => {
        const response = await fetch(url, { signal: own, priority: "low" });
        if (BUSY.includes(response.status)) throw new Error(response.statusText);
        return response.ok ? response.blob() : null;
      }, signal);
      if (!blob) return;
      const bitmap = await createImageBitmap(blob);
      if (signal.aborted) {
        bitmap.close();
        return;
      }
      this.bitmaps.set(url, bitmap);
      this.evict();
      this.onLoad();
    } catch {
      // The next time that the block is drawn asks again. The canvas reports a server that is gone.
      if (!signal.aborted) this.bitmaps.delete(url);
    }
  }

  evict() {
    for (const [url, bitmap] of this.bitmaps) {
      if (this.bitmaps.size <= LIMIT) return;
      bitmap?.close();
      this.bitmaps.delete(url);
    }
  }

  /** Stop all requests and free all stills. */
  close() {
    this.abort.abort();
    this.abort = new AbortController();
    this.waiting = [];
    for (const bitmap of this.bitmaps.values()) bitmap?.close();
    this.bitmaps.clear();
  }
}
