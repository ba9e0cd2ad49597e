// @ts-check
/** Whether the server answers. */

/** Waits between attempts to reach a server that does not answer, in milliseconds. */
const WAITS = [500, 1000, 2000, 3000, 5000];

/**
 * Events: `offline`, `online`, and `busy` {seconds} when the server asks to try again later.
 */
export class Connection extends EventTarget {
  isOnline = true;
  /** @type {Promise<void> | null} */
  #back = null;

  constructor() {
    super();
    window.addEventListener("online", () => this.#wake?.());
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.#wake?.();
    });
  }

  /** @type {(() => void) | null} ends the wait before the next attempt */
  #wake = null;

  /** A request did not reach the server: try until it answers. */
  reportLost() {
    if (this.#back) return this.#back;
    this.isOnline = false;
    this.dispatchEvent(new Event("offline"));
    this.#back = this.#reach().then(() => {
      this.#back = null;
      this.isOnline = true;
      this.dispatchEvent(new Event("online"));
    });
    return this.#back;
  }

  /**
   * Resolve when the server answers again.
   * @param {AbortSignal} [signal]
   */
  async whenBack(signal) {
    await abortable(this.reportLost(), signal);
  }

  /** @param {number} seconds */
  reportBusy(seconds) {
    this.dispatchEvent(new CustomEvent("busy", { detail: { seconds } }));
  }

  async #reach() {
    for (let attempt = 0; ; attempt += 1) {
      const wait = WAITS[Math.min(attempt, WAITS.length - 1)] ?? 5000;
      await new Promise((resolve) => {
        this.#wake = () => resolve(undefined);
        window.setTimeout(resolve, wait);
      });
      this.#wake = null;
      try {
        const response = await fetch("/healthz", { cache: "no-store" });
        if (response.ok) return;
      } catch {
        // The next attempt follows.
      }
    }
  }
}

/**
 * @template T
 * @param {Promise<T>} promise
 * @param {AbortSignal} [signal]
 * @returns {Promise<T>}
 */
export function abortable(promise, signal) {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    promise.then(resolve, reject);
  });
}

/**
 * @param {number} ms
 * @param {AbortSignal} [signal]
 */
export function sleep(ms, signal) {
  return abortable(new Promise((resolve) => void window.setTimeout(resolve, ms)), signal);
}

export const connection = new Connection();
