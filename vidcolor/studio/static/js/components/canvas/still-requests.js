// @ts-check
/** Requests of stills: moot ones are aborted, and a steady stream of new ones still shows pictures. */

import { StillError, loadBitmap } from "./still-loader.js";

/** @typedef {import("./still-loader.js").Still} Still */
/** @typedef {import("./still-loader.js").StillView} StillView */
/** @typedef {Omit<Still, "bitmap">} StillRequest */
/** @typedef {{request: StillRequest, controller: AbortController}} Flight */

/** Number of requests of one slot that may run while newer pictures are asked for. */
const MAX_FLIGHTS = 2;

export class StillRequests {
  /** @type {Map<string, {flights: Flight[], next: StillRequest | null}>} */
  #slots = new Map();
  #onLoaded;
  #onError;

  /**
   * @param {(view: StillView, sharp: boolean, still: Still) => void} onLoaded takes the bitmap over
   * @param {(view: StillView, request: StillRequest, error: StillError) => void} onError
   */
  constructor(onLoaded, onError) {
    this.#onLoaded = onLoaded;
    this.#onError = onError;
  }

  get isBusy() {
    for (const slot of this.#slots.values()) if (slot.flights.length) return true;
    return false;
  }

  /**
   * @param {StillView} view
   * @param {boolean} sharp
   * @param {StillRequest} request
   */
  start(view, sharp, request) {
    const name = `${view}/${sharp}`;
    const slot = this.#slots.get(name) ?? { flights: [], next: null };
    this.#slots.set(name, slot);
    const same = slot.flights.find((flight) => flight.request.url === request.url);
    if (same) {
      // It is the newest one now: those that were asked for after it must not end it.
      slot.flights = [...slot.flights.filter((flight) => flight !== same), same];
      slot.next = null;
      return;
    }
    // A newer color of the same picture makes older ones moot. Of a series of pictures, such as
    // the frames under a moving pointer, the oldest requests run on, so that something is shown.
    for (const flight of slot.flights) {
      const isSame = request.lumaKey !== null && flight.request.lumaKey === request.lumaKey;
      if (isSame) flight.controller.abort();
    }
    slot.flights = slot.flights.filter((flight) => !flight.controller.signal.aborted);
    const isFull = slot.flights.length >= MAX_FLIGHTS;
    slot.next = isFull ? request : null;
    if (!isFull) void this.#fly(view, sharp, slot, request);
  }

  /**
   * @param {StillView} view
   * @param {boolean} sharp
   * @param {{flights: Flight[], next: StillRequest | null}} slot
   * @param {StillRequest} request
   */
  async #fly(view, sharp, slot, request) {
    const flight = { request, controller: new AbortController() };
    slot.flights.push(flight);
    try {
      const bitmap = await loadBitmap(request.url, flight.controller.signal, sharp);
      // Older requests that are still under way would replace a newer picture.
      const position = slot.flights.indexOf(flight);
      for (const older of slot.flights.splice(0, position)) older.controller.abort();
      this.#land(slot, flight);
      this.#onLoaded(view, sharp, { ...request, bitmap });
    } catch (error) {
      this.#land(slot, flight);
      if (flight.controller.signal.aborted) return;
      const problem =
        error instanceof StillError ? error : new StillError(0, "decode", String(error), 0);
      this.#onError(view, request, problem);
    }
    if (slot.next && slot.flights.length < MAX_FLIGHTS) {
      const next = slot.next;
      slot.next = null;
      void this.#fly(view, sharp, slot, next);
    }
  }

  /**
   * @param {{flights: Flight[]}} slot
   * @param {Flight} flight
   */
  #land(slot, flight) {
    slot.flights = slot.flights.filter((other) => other !== flight);
  }

  /**
   * Abort the requests of a slot whose picture is there: theirs would replace it.
   * @param {StillView} view
   * @param {boolean} sharp
   */
  cancel(view, sharp) {
    this.#empty(this.#slots.get(`${view}/${sharp}`));
  }

  /** @param {{flights: Flight[], next: StillRequest | null} | undefined} slot */
  #empty(slot) {
    if (!slot) return;
    for (const flight of slot.flights) flight.controller.abort();
    slot.flights = [];
    slot.next = null;
  }

  /** @param {boolean} [sharpOnly] */
  abort(sharpOnly = false) {
    for (const [name, slot] of this.#slots) {
      if (!sharpOnly || name.endsWith("/true")) this.#empty(slot);
    }
  }
}
