// @ts-check
/**
 * Requests that can wait, such as small pictures and suggestions.
 *
 * Over HTTP/1.1, browsers open at most six connections to a server, for all tabs together. Requests
 * that can wait therefore run at most two at a time, and leave connections to what a person has
 * asked for.
 */

/** Connections that browsers open to a server over HTTP/1.1. */
const CONNECTIONS = 6;
/** Connections that stay free of requests that can wait: that of the events, and two for gestures. */
const RESERVED = 3;
const MAX_RUNNING = 2;
/** Requests that are made in this time are done in their order; later ones come first. */
const ROUND_MS = 50;

/**
 * @typedef {object} Task
 * @property {(signal: AbortSignal) => Promise<void>} run
 * @property {number} round
 */

class Background {
  /** @type {Task[]} */
  #waiting = [];
  /** @type {Map<AbortController, Task>} */
  #running = new Map();
  #urgent = 0;

  constructor() {
    document.addEventListener("visibilitychange", () => this.#next());
  }

  /**
   * Make a request when there is a free connection. If a gesture needs the connection, the request
   * is aborted and made again later, so it must not change anything.
   *
   * @template T
   * @param {(signal: AbortSignal) => Promise<T>} start
   * @param {AbortSignal} signal
   * @returns {Promise<T>}
   */
  run(start, signal) {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const ended = new AbortController();
      /** @type {Task} */
      const task = {
        run: async (own) => {
          try {
            resolve(await start(own));
          } catch (error) {
            if (own.aborted) return; // it waits for its next turn, or is no longer wanted
            reject(error);
          }
          ended.abort();
        },
        round: Math.floor(performance.now() / ROUND_MS),
      };
      const drop = () => {
        this.#waiting = this.#waiting.filter((other) => other !== task);
        for (const [controller, other] of this.#running) if (other === task) controller.abort();
        reject(signal.reason);
      };
      signal.addEventListener("abort", drop, { signal: ended.signal });
      this.#waiting.push(task);
      queueMicrotask(() => this.#next());
    });
  }

  /**
   * Make a request that a person waits for, and hold back those that can wait.
   *
   * @template T
   * @param {() => Promise<T>} start
   * @returns {Promise<T>}
   */
  async hurry(start) {
    this.#urgent += 1;
    this.#giveWay();
    try {
      return await start();
    } finally {
      this.#urgent -= 1;
      this.#next();
    }
  }

  get #limit() {
    // Tabs share their connections: hidden ones leave them to the others.
    if (document.hidden) return 0;
    return Math.min(MAX_RUNNING, Math.max(CONNECTIONS - RESERVED - this.#urgent, 0));
  }

  #next() {
    while (this.#waiting.length && this.#running.size < this.#limit) {
      const newest = Math.max(...this.#waiting.map(({ round }) => round));
      const index = this.#waiting.findIndex(({ round }) => round === newest);
      const [task] = this.#waiting.splice(index, 1);
      if (task) void this.#run(task);
    }
  }

  /** @param {Task} task */
  async #run(task) {
    const controller = new AbortController();
    this.#running.set(controller, task);
    await task.run(controller.signal);
    this.#running.delete(controller);
    this.#next();
  }

  /** Abort what was started last, until few enough requests run. */
  #giveWay() {
    const running = [...this.#running].filter(([controller]) => !controller.signal.aborted);
    for (const [controller, task] of running.slice(this.#limit)) {
      controller.abort();
      this.#waiting.push(task);
    }
  }
}

export const background = new Background();

/**
 * Load a picture into an element when there is a free connection.
 *
 * @param {HTMLImageElement} image
 * @param {string} url
 * @param {AbortSignal} signal
 */
export async function loadImage(image, url, signal) {
  const blob = await background.run(async (own) => {
    const response = await fetch(url, { signal: own, priority: "low", credentials: "same-origin" });
    if (!response.ok) throw new Error(response.statusText);
    return response.blob();
  }, signal);
  const address = URL.createObjectURL(blob);
  try {
    image.src = address;
    await image.decode();
  } finally {
    URL.revokeObjectURL(address);
  }
}
