// @ts-check
/** Stills above a strip: of the frame under the pointer, or on both sides of a boundary. */

import { loadImage } from "../background.js";

/** One or two stills that follow the pointer. They are loaded when they are shown only. */
export class StripPopover {
  constructor() {
    this.element = document.createElement("div");
    this.element.className = "strip-popover";
    this.element.hidden = true;
    this.element.setAttribute("aria-hidden", "true");
    this.stills = [makeStill(), makeStill()];
    this.text = document.createElement("p");
    const row = document.createElement("div");
    row.className = "strip-popover-stills";
    row.append(...this.stills.map((still) => still.figure));
    this.element.append(row, this.text);
  }

  /**
   * @param {number} x pixels from the left edge of the strip
   * @param {number} width width of the strip
   * @param {{url: string, first?: string, text: string}[]} stills one or two; `first` is the URL of
   *   a still that is faster to make, which is shown until the other one is loaded
   * @param {string} text
   */
  show(x, width, stills, text) {
    this.stills.forEach((place, index) => {
      const { figure, caption } = place;
      const still = stills[index];
      figure.hidden = !still;
      if (!still) {
        place.clear();
        return;
      }
      place.load(still.first ? [still.first, still.url] : [still.url]);
      caption.textContent = still.text;
    });
    this.text.textContent = text;
    this.text.hidden = !text;
    this.element.hidden = false;
    const size = this.element.offsetWidth;
    const left = Math.min(Math.max(4, x - size / 2), Math.max(4, width - size - 4));
    this.element.style.left = `${left}px`;
  }

  hide() {
    this.element.hidden = true;
    for (const still of this.stills) still.clear();
  }
}

function makeStill() {
  const figure = document.createElement("figure");
  const image = document.createElement("img");
  const caption = document.createElement("figcaption");
  image.alt = "";
  figure.append(image, caption);
  let loaded = "";
  let request = new AbortController();

  /** @param {readonly string[]} urls each replaces the one before it */
  const load = async (urls) => {
    if (urls.join(" ") === loaded) return;
    loaded = urls.join(" ");
    request.abort();
    request = new AbortController();
    const { signal } = request;
    figure.classList.add("is-loading");
    try {
      for (const url of urls) {
        await loadImage(image, url, signal);
        if (signal.aborted) return;
        figure.classList.remove("is-loading");
      }
    } catch {
      // The next movement of the pointer asks again.
      if (!signal.aborted) loaded = "";
    }
  };
  const clear = () => {
    request.abort();
    loaded = "";
    image.removeAttribute("src");
  };
  return { figure, caption, load: (/** @type {string[]} */ urls) => void load(urls), clear };
}
