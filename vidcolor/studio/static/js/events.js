// @ts-check
/** Events of the server: jobs, photos and films that changed. */

import { connection } from "./connection.js";

const TYPES = ["job", "photo", "film", "upload", "deleted"];
/** Wait before the stream is opened again after the server refused it. */
const REOPEN_MS = 3000;
/** Time after the start of the page after which a stream that opens is late, in milliseconds. */
const START_MS = 1000;
/** Name of the lock of the tab that has the stream, and of the channel to the other tabs. */
const SHARED = "vidcolor-events";

/**
 * The stream of events. Listeners get a CustomEvent of the server's type with its data as detail,
 * and `resync` whenever the stream is open again after a break: what happened in between may be
 * missing. `ready` follows the start of the page once: what changed after the page had read it, and
 * before events arrived, may be missing as well.
 *
 * Tabs share the connections to the server, so one tab has the stream, and passes events on to the
 * others. A tab that is hidden hands the stream over, because browsers may suspend it.
 */
class ServerEvents extends EventTarget {
  /** @type {EventSource | null} */
  #source = null;
  /** Whether events may have been missed when the stream opens. */
  #isLate = false;
  #isReady = false;
  /** @type {BroadcastChannel | null} */
  #channel = null;
  /** @type {AbortController | null} ends the turn of this tab, or its waiting for one */
  #turn = null;

  start() {
    window.setTimeout(() => {
      this.#isLate = true;
      this.#becomeReady(); // another tab has the stream
    }, START_MS);
    if (!("locks" in navigator) || typeof BroadcastChannel === "undefined") {
      this.#open(); // the page was not loaded over a secure connection
      return;
    }
    this.#channel = new BroadcastChannel(SHARED);
    this.#channel.addEventListener("message", ({ data }) => {
      this.#emit(data.type, data.detail);
    });
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.#turn?.abort();
      else void this.#takeTurn();
    });
    if (!document.hidden) void this.#takeTurn();
  }

  /** Wait until no other tab has the stream, and open it until the tab is hidden. */
  async #takeTurn() {
    const turn = new AbortController();
    this.#turn = turn;
    const { signal } = turn;
    const hold = () =>
      new Promise((release) => {
        this.#open();
        signal.addEventListener("abort", () => {
          this.#close();
          release(undefined);
        });
      });
    try {
      // A tab that was hidden may have missed events.
      if (this.#isLate) this.#emit("resync");
      await navigator.locks.request(SHARED, { signal }, hold);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  #open() {
    const source = new EventSource("/api/events");
    this.#source = source;
    source.addEventListener("open", () => {
      if (this.#isLate) this.#share("resync");
      this.#isLate = true;
      this.#becomeReady();
    });
    source.addEventListener("error", () => {
      if (source.readyState !== EventSource.CLOSED) {
        void connection.reportLost(); // the browser connects again by itself
        return;
      }
      this.#close();
      window.setTimeout(() => {
        if (!this.#turn?.signal.aborted && !this.#source) this.#open();
      }, REOPEN_MS);
    });
    // The server no longer has the events that this page missed.
    source.addEventListener("reset", () => this.#share("resync"));
    for (const type of TYPES) {
      source.addEventListener(type, (event) => this.#share(type, JSON.parse(event.data)));
    }
  }

  #becomeReady() {
    if (this.#isReady) return;
    this.#isReady = true;
    this.#emit("ready");
  }

  #close() {
    this.#source?.close();
    this.#source = null;
  }

  /**
   * @param {string} type
   * @param {unknown} [detail]
   */
  #share(type, detail) {
    this.#channel?.postMessage({ type, detail });
    this.#emit(type, detail);
  }

  /**
   * @param {string} type
   * @param {unknown} [detail]
   */
  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  /**
   * Call a function at every event of a type.
   * @param {string} type
   * @param {(data: any) => void} listener
   * @param {AbortSignal} signal ends the listening
   */
  on(type, listener, signal) {
    const listen = (/** @type {Event} */ event) =>
      listener(event instanceof CustomEvent ? event.detail : undefined);
    this.addEventListener(type, listen, { signal });
  }
}

export const serverEvents = new ServerEvents();
