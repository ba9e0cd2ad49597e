// @ts-check
/** A pointer that the keyboard moves: Enter shows it and clicks, arrows move it, Escape hides it. */

import { clampPlace } from "./hint-edits.js";

/** @typedef {import("./stage.js").Place} Place */
/** @typedef {import("./stage.js").Stage} Stage */

/** Movement of an arrow key, in CSS pixels; ten times that with Shift. */
const STEP = 4;
/** @type {Record<string, [number, number]>} */
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/**
 * @typedef {object} PointerHost
 * @property {(place: Place, event: KeyboardEvent) => void} choose
 * @property {(place: Place | null) => void} move the pointer rests on a place, or is hidden
 */

export class KeyboardPointer {
  /** @type {Place | null} */
  place = null;
  #stage;
  #host;

  /**
   * @param {HTMLElement} element
   * @param {Stage} stage
   * @param {PointerHost} host
   */
  constructor(element, stage, host) {
    this.#stage = stage;
    this.#host = host;
    element.addEventListener("keydown", (event) => {
      if (event.target === element) this.#onKey(event);
    });
    element.addEventListener("blur", () => this.#set(null));
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    if (event.ctrlKey || event.metaKey) return;
    const { place } = this;
    const move = MOVES[event.key];
    if (event.key === "Enter") {
      if (place) this.#host.choose(place, event);
      else this.#set({ x: 0.5, y: 0.5 });
    } else if (place && event.key === "Escape") {
      this.#set(null);
    } else if (place && move) {
      const step = event.shiftKey ? 10 * STEP : STEP;
      const { x, y } = this.#stage.pictureToClient(place.x, place.y);
      const [dx, dy] = move;
      this.#set(clampPlace(this.#stage.clientToPicture(x + dx * step, y + dy * step)));
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  /** @param {Place | null} place */
  #set(place) {
    if (!place && !this.place) return;
    this.place = place;
    this.#host.move(place);
  }
}
