// @ts-check
/**
 * A photo as the page knows it, and the changes that are on their way to the server.
 *
 * Changes are sent one after the other, each for the revision that the server answered last. They
 * wait while the server does not answer. A change that another browser made meanwhile is kept; if
 * it touches the same thing, the person decides which one counts.
 */

import { ApiError, request, withQuery } from "../api.js";
import { connection, sleep } from "../connection.js";
import { applyChange, findOverlap, isMade, isPossible, listNewHints } from "./changes.js";

/** @typedef {import("../types.js").Photo} Photo */
/** @typedef {import("../types.js").PhotoChange} PhotoChange */
/** @typedef {import("./changes.js").Overlap} Overlap */
/** @typedef {{change: PhotoChange, ids: string[], settle: () => void}} Pending */

/**
 * @typedef {object} Conflict
 * @property {PhotoChange} change
 * @property {Overlap} overlap
 * @property {Photo} current
 */

/**
 * Events: `change` when `photo` or `shown` differs; `hint-id` {from, to} when a new hint got its
 * number; `saved` when the server has answered a change; `merged` when changes of another browser were kept beside one's own; `failed` {error}.
 */
export class PhotoStore extends EventTarget {
  /** @type {Photo | null} the state of the server */
  photo = null;
  /** @type {Pending[]} */
  #pending = [];
  #isSending = false;
  #sent = Promise.resolve();
  #nextId = 1;
  /** @type {Map<string, number | string>} numbers of hints by their temporary ids */
  #ids = new Map();
  #decide;

  /**
   * @param {string} id
   * @param {(conflict: Conflict) => Promise<"mine" | "theirs">} decide
   */
  constructor(id, decide) {
    super();
    this.id = id;
    this.#decide = decide;
  }

  /** The photo with the changes that the server has not answered yet. */
  get shown() {
    if (!this.photo) return null;
    return this.#pending.reduce(
      (photo, { change, ids }) => applyChange(photo, this.#resolve(change), ids),
      this.photo,
    );
  }

  /** Temporary id of the hint that is added next. */
  get nextId() {
    return `new-${this.#nextId}`;
  }

  get isSaved() {
    return this.#pending.length === 0;
  }

  /** @param {AbortSignal} [signal] */
  async load(signal) {
    const options = { patience: /** @type {const} */ ("all"), ...(signal ? { signal } : {}) };
    this.#accept(await request(`/api/photos/${this.id}`, options));
  }

  /** Read the photo again if nothing is being sent. Another browser may have changed it. */
  async refresh() {
    if (this.#pending.length) return;
    this.#accept(await request(`/api/photos/${this.id}`));
  }

  /**
   * Take the state of the server, unless changes were sent since it was asked for.
   * @param {Photo} photo
   */
  #accept(photo) {
    const isOlder = this.photo && photo.revision < this.photo.revision;
    if (!isOlder && !this.#pending.length) this.#take(photo);
  }

  /**
   * Make a change. It is shown at once.
   *
   * @param {PhotoChange} change
   * @returns {Promise<void>} resolved when the server has answered, or refused
   */
  change(change) {
    const ids = listNewHints(change).map(() => {
      const id = this.nextId;
      this.#nextId += 1;
      return id;
    });
    const last = this.#pending.at(-1);
    // Settings that were not sent yet are replaced, not queued.
    const canMerge = this.#pending.length > 1 || !this.#isSending;
    if (last && canMerge && last.change.do === "set" && change.do === "set") {
      last.change = { ...last.change, ...change };
      this.#notify();
      return Promise.resolve();
    }
    return new Promise((settle) => {
      this.#pending.push({ change, ids, settle: () => settle(undefined) });
      this.#notify();
      if (!this.#isSending) this.#sent = this.#send();
    });
  }

  /** Wait until the server has answered all changes, or refused them. */
  async whenSaved() {
    await this.#sent;
  }

  async #send() {
    this.#isSending = true;
    for (let next = this.#pending[0]; next; next = this.#pending[0]) {
      try {
        await this.#sendOne(next);
      } catch (error) {
        this.dispatchEvent(new CustomEvent("failed", { detail: { error } }));
      }
      // Changes of a hint that was never made have nothing to change.
      const unknown = new Set(next.ids.filter((id) => !this.#ids.has(id)));
      this.#pending = this.#pending.filter(
        ({ change }) => change !== next.change && !("id" in change && unknown.has(String(change.id))),
      );
      next.settle();
      this.#notify();
    }
    this.#isSending = false;
  }

  /** @param {Pending} pending */
  async #sendOne(pending) {
    let isRepeated = false;
    for (;;) {
      const before = this.photo;
      if (!before) return;
      const change = this.#resolve(pending.change);
      if (!isPossible(change, before)) return;
      const onLost = () => {
        isRepeated = true;
      };
      try {
        this.#take(await this.#post(change, before.revision, onLost), pending);
        return;
      } catch (error) {
        const current = /** @type {Photo | undefined} */ (
          error instanceof ApiError && error.status === 409 ? error.body.current : undefined
        );
        if (!current) throw error;
        if (isRepeated && isMade(change, before, current)) {
          this.#take(current, pending);
          return;
        }
        this.photo = current;
        if (!(await this.#mayRepeat(change, before, current))) return;
      }
    }
  }

  /**
   * @param {PhotoChange} change
   * @param {number} revision
   * @param {() => void} onLost the answer was lost, and the change is sent again
   * @returns {Promise<Photo>}
   */
  async #post(change, revision, onLost) {
    for (;;) {
      try {
        return await sendChange(this.id, change, revision);
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        if (error.status === 0) {
          onLost();
          await connection.whenBack();
        } else if (error.isBusy) {
          if (!error.isLocked) connection.reportBusy(error.retryMs / 1000);
          await sleep(error.retryMs);
        } else {
          throw error;
        }
      }
    }
  }

  /**
   * Return whether a change is still wanted after those of another browser.
   * @param {PhotoChange} change
   * @param {Photo} before
   * @param {Photo} current
   */
  async #mayRepeat(change, before, current) {
    const overlap = findOverlap(change, before, current);
    if (!overlap) {
      this.dispatchEvent(new Event("merged"));
      return true;
    }
    this.#notify();
    const answer = await this.#decide({ change, overlap, current });
    const isGone = overlap.what === "hint" && !overlap.theirs;
    return answer === "mine" && !isGone;
  }

  /**
   * @param {Photo} photo
   * @param {Pending} [pending] the change that was made
   */
  #take(photo, pending) {
    const known = new Set(this.photo?.hints.map((hint) => hint.id));
    this.photo = photo;
    if (pending) {
      this.dispatchEvent(new Event("saved"));
      this.#pending = this.#pending.filter((other) => other !== pending);
      const added = photo.hints.filter((hint) => !known.has(hint.id));
      pending.ids.forEach((from, index) => {
        const to = added[index]?.id;
        if (to === undefined) return;
        this.#ids.set(from, to);
        this.dispatchEvent(new CustomEvent("hint-id", { detail: { from, to } }));
      });
    } else {
      this.#notify();
    }
  }

  /**
   * Return a change with the numbers of hints that were new when it was made.
   * @param {PhotoChange} change
   * @returns {PhotoChange}
   */
  #resolve(change) {
    if (!("id" in change)) return change;
    return { ...change, id: this.#ids.get(String(change.id)) ?? change.id };
  }

  #notify() {
    this.dispatchEvent(new Event("change"));
  }
}

/**
 * @param {string} id
 * @param {PhotoChange} change
 * @param {number} revision
 * @returns {Promise<Photo>}
 */
function sendChange(id, change, revision) {
  const path = `/api/photos/${id}`;
  if (change.do !== "set-reference") {
    return request(`${path}/changes`, { method: "POST", json: change, revision });
  }
  const { file } = change;
  if (!file) return request(`${path}/reference`, { method: "DELETE", revision });
  return request(withQuery(`${path}/reference`, { name: file.name }), {
    method: "PUT",
    body: file,
    headers: { "Content-Type": file.type || "application/octet-stream" },
    revision,
  });
}
