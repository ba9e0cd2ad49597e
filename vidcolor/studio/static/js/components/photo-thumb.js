// @ts-check
/**
 * `<photo-thumb>`: a small picture of a photo, gray until its color is ready. It is loaded while it
 * is in view.
 */

import { withQuery } from "../api.js";
import { loadImage } from "../background.js";
import { connection } from "../connection.js";
import { make, makeIcon } from "../dom.js";

/** @typedef {import("../types.js").Photo} Photo */

const WIDTH = 480;
const RETRY_MS = 4000;
const MAX_TRIES = 6;

const observer = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      if (target instanceof PhotoThumb) target.isInView = isIntersecting;
    }
  },
  { rootMargin: "100px" },
);

export class PhotoThumb extends HTMLElement {
  #image = make("img", { alt: "", draggable: "false", decoding: "async" });
  #warning = makeIcon("warning");
  #isInView = false;
  #isPaused = false;
  /** URL of the picture that should be shown, and of the one that is shown. */
  #url = "";
  #shown = "";
  #tries = 0;
  #timer = 0;
  /** @type {AbortController | null} */
  #request = null;
  #onOnline = () => this.#start();

  connectedCallback() {
    if (!this.firstChild) this.append(this.#image);
    observer.observe(this);
    connection.addEventListener("online", this.#onOnline);
  }

  disconnectedCallback() {
    observer.unobserve(this);
    connection.removeEventListener("online", this.#onOnline);
    this.isInView = false;
  }

  /** @param {boolean} value */
  set isInView(value) {
    if (value === this.#isInView) return;
    this.#isInView = value;
    if (value) void this.#load();
    else this.#stop();
  }

  /** @param {Photo} photo */
  set photo(photo) {
    if (photo.error) {
      this.#url = "";
      this.#stop();
      if (this.firstChild !== this.#warning) this.replaceChildren(this.#warning);
      return;
    }
    const isWaiting = photo.job?.state === "queued" || photo.job?.state === "running";
    const view = photo.result || !isWaiting ? "color" : "gray";
    const path = `/api/photos/${photo.id}/image`;
    const url = withQuery(path, { w: WIDTH, view, rev: photo.revision });
    if (url === this.#url) return;
    this.#url = url;
    this.#start();
  }

  /** @param {boolean} value whether nothing is loaded, because the photo is being deleted */
  set isPaused(value) {
    this.#isPaused = value;
    if (value) this.#stop();
    else this.#start();
  }

  /** Ask for the picture, also if that has failed before. */
  #start() {
    this.#tries = 0;
    this.#stop();
    void this.#load();
  }

  async #load() {
    const url = this.#url;
    if (!this.#isInView || this.#isPaused || !url) return;
    if (url === this.#shown || this.#request) return;
    const request = new AbortController();
    this.#request = request;
    try {
      await loadImage(this.#image, url, request.signal);
      if (request.signal.aborted) return;
      this.#shown = url;
      this.classList.add("is-loaded");
      this.#request = null;
    } catch {
      if (request.signal.aborted) return;
      this.#request = null;
      // The server is busy, or gone: the old picture stays, and the new one is asked for later.
      if (this.#tries >= MAX_TRIES) return;
      this.#tries += 1;
      this.#timer = window.setTimeout(() => void this.#load(), RETRY_MS * this.#tries);
    }
  }

  #stop() {
    window.clearTimeout(this.#timer);
    this.#request?.abort();
    this.#request = null;
  }
}

customElements.define("photo-thumb", PhotoThumb);
