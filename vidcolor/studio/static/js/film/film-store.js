// @ts-check
/**
 * A film as the page knows it, and the changes that are on their way to the server.
 *
 * Changes are sent one after the other, each for the revision that the server answered last. A
 * change that another person or the shell made meanwhile is shown; if it touches the same shot, the
 * person decides which one counts.
 */

import { compareFilms, rebaseChange } from "./differences.js";
import { applyChange, findAddedHint, isPossible } from "./optimistic.js";
import { isMade } from "./own-change.js";
import { findShotIndex } from "./shots.js";

/** @typedef {import("./types.js").Film} Film */
/** @typedef {import("./types.js").ChangeRequest} ChangeRequest */
/** @typedef {import("./differences.js").Difference} Difference */

/**
 * @typedef {object} FilmApi
 * @property {(id: string, signal?: AbortSignal) => Promise<Film>} getFilm
 * @property {(id: string, request: ChangeRequest, revision: number) =>
 *   Promise<{film: Film} | {current: Film, isRepeated: boolean}>} change `current` if the film has
 *   another revision; `isRepeated` is whether the request was sent again because it was lost
 */

/**
 * @typedef {object} Conflict
 * @property {ChangeRequest} mine
 * @property {Film} before the state that the person saw
 * @property {Film} current
 * @property {Difference[]} differences what others have changed
 */

/**
 * @typedef {object} Pending
 * @property {ChangeRequest} request
 * @property {Film} seen the state that the person saw
 * @property {number} temporaryId number of a hint that is added
 * @property {Promise<Partial<ChangeRequest>> | undefined} rest values that are not known yet
 * @property {(film: Film | null) => void} done
 */

/** Times that a change is sent again after changes of others that do not touch it. */
const MAX_REBASES = 5;

/**
 * Events: `film` {previous, isOwn, request, differences} after every change of `film`, where
 * `request` is that of an own change; `shown` when `shown` differs only; `hint-id` {from, to} when a
 * new hint got its number, before `film` with it; `failed` {request, error}; `problem` when `problem`
 * has changed.
 */
export class FilmStore extends EventTarget {
  /** @type {Film | null} the state of the server */
  film = null;
  /** @type {string | null} why the project cannot be read now; `film` is its last state */
  problem = null;
  /** @type {Pending[]} */
  #pending = [];
  #isSending = false;
  #isStale = false;
  #nextId = -1;
  /** @type {Map<number, number>} numbers of hints by their temporary ones */
  #ids = new Map();
  /** @type {Promise<void> | null} */
  #loading = null;
  /**
   * Revisions that this page made and has not taken back, so that undo takes back the last change
   * of this person and not that of another.
   *
   * @type {number[]}
   */
  #ownRevisions = [];
  /**
   * Revisions that this page took back, the last one at the end, so that a change that is made again
   * can be taken back again; null for one that is not known.
   *
   * @type {(number | null)[]}
   */
  #ownUndone = [];

  /**
   * @param {string} id
   * @param {FilmApi} api
   * @param {(conflict: Conflict) => Promise<"mine" | "theirs">} decide
   */
  constructor(id, api, decide) {
    super();
    this.id = id;
    this.api = api;
    this.decide = decide;
  }

  /** The film with the changes that are on their way. */
  get shown() {
    if (!this.film) return null;
    return this.#pending.reduce(
      (film, item) => applyChange(film, this.#translate(item, film), item.temporaryId),
      this.film,
    );
  }

  get hasPending() {
    return this.#pending.length > 0;
  }

  /** Get the state of the server. Changes of others since the last time are reported. */
  async load() {
    this.#isStale = true;
    if (this.#isSending) return; // it is read afterwards
    this.#loading ??= this.#loadUntilCurrent().finally(() => {
      this.#loading = null;
    });
    await this.#loading;
  }

  async #loadUntilCurrent() {
    while (this.#isStale && !this.#isSending) {
      this.#isStale = false;
      const film = await this.api.getFilm(this.id);
      if (this.#isSending) this.#isStale = true;
      else this.accept(film);
    }
  }

  /**
   * Take a state from the server, of an event or of another request, unless it is older.
   *
   * @param {Film} film
   */
  accept(film) {
    if (!film.shots && film.error && this.film?.shots) this.#setProblem(film.error);
    else if ((film.revision ?? 0) >= (this.film?.shots ? this.film.revision : 0)) {
      this.#replace(film, null);
    }
  }

  /**
   * Take the answer to a change that was not made by `change`.
   *
   * @param {Film} film
   * @param {ChangeRequest} request
   */
  acceptOwn(film, request) {
    this.#remember(request, film.revision);
    // The answers to later changes may have arrived before.
    if (film.revision > (this.film?.revision ?? 0)) this.#replace(film, request);
  }

  /** @param {string | null} problem */
  #setProblem(problem) {
    if (problem === this.problem) return;
    this.problem = problem;
    this.dispatchEvent(new CustomEvent("problem", { detail: {} }));
  }

  /**
   * Make a change.
   *
   * @param {ChangeRequest} request
   * @param {Promise<Partial<ChangeRequest>>} [rest] values that are not known yet; the change is
   *   shown without them, and sent with them
   * @returns {Promise<Film | null>} the new state; null if the change was not made
   */
  change(request, rest) {
    const seen = this.shown;
    if (!seen) return Promise.resolve(null);
    const count = request.do === "add-hint" ? 1 : (request.hints ?? []).length;
    const temporaryId = count ? this.#nextId : 0;
    this.#nextId -= count;
    return new Promise((done) => {
      this.#pending.push({ request, seen, temporaryId, rest, done });
      this.dispatchEvent(new CustomEvent("shown", { detail: { temporaryId } }));
      void this.#send();
    });
  }

  /**
   * @param {number} id
   * @returns {number} the number of a hint that had a temporary one
   */
  resolveId(id) {
    return this.#ids.get(id) ?? id;
  }

  async #send() {
    if (this.#isSending) return;
    this.#isSending = true;
    for (let item = this.#pending[0]; item; item = this.#pending[0]) {
      const film = await this.#sendOne(item);
      this.#pending.shift();
      item.done(film);
      if (!film) this.dispatchEvent(new CustomEvent("shown", { detail: {} }));
    }
    this.#isSending = false;
    if (this.#isStale) void this.load().catch(() => {});
  }

  /**
   * @param {Pending} item
   * @returns {Promise<Film | null>}
   */
  async #sendOne(item) {
    if (item.rest) item.request = { ...item.request, ...(await item.rest) };
    const known = /** @type {Film} */ (this.film);
    if (!isPossible(this.#resolve(item.request), known, item.seen)) return null;
    if (item.request.do === "undo" && item.request.revision === undefined) {
      const revision = this.#ownRevisions.pop();
      if (revision !== undefined) item.request = { ...item.request, revision };
    }
    let request = this.#translate(item, /** @type {Film} */ (this.film));
    try {
      for (let attempt = 0; attempt <= MAX_REBASES; attempt += 1) {
        const before = /** @type {Film} */ (this.film);
        const answer = await this.api.change(this.id, request, before.revision);
        if ("film" in answer) {
          this.#finish(item, request, before, answer.film);
          return answer.film;
        }
        const { current, isRepeated } = answer;
        if (isMade(request, before, current, isRepeated)) {
          this.#finish(item, request, before, current);
          return current;
        }
        const rebased = rebaseChange(request, before, current);
        const differences = compareFilms(before, current);
        this.#replace(current, null, !rebased);
        if (rebased) {
          request = rebased;
          continue;
        }
        const conflict = { mine: request, before, current, differences };
        if ((await this.decide(conflict)) === "theirs") return null;
        request = mapShot(request, before, current);
      }
      throw new Error("the film is being changed by others all the time; try again");
    } catch (error) {
      this.dispatchEvent(new CustomEvent("failed", { detail: { request, error } }));
      return null;
    }
  }

  /**
   * @param {Pending} item
   * @param {ChangeRequest} request
   * @param {Film} before
   * @param {Film} film
   */
  #finish(item, request, before, film) {
    if (film.revision > before.revision) this.#remember(request, film.revision);
    const added = request.do === "add-hint" ? [request] : (request.hints ?? []);
    added.forEach((/** @type {ChangeRequest} */ hint, /** @type {number} */ index) => {
      const from = item.temporaryId - index;
      const to = findAddedHint(before, film, hint)?.id;
      if (to === undefined) return;
      this.#ids.set(from, to);
      this.dispatchEvent(new CustomEvent("hint-id", { detail: { from, to } }));
    });
    // The change is in the new state, so it must not be applied to it again.
    this.#pending = this.#pending.filter((other) => other !== item);
    this.#pending.unshift({ ...item, request: { do: "done" } });
    this.#replace(film, request);
  }

  /**
   * Remember which change the next undo takes back.
   *
   * @param {ChangeRequest} request
   * @param {number} revision that it made
   */
  #remember(request, revision) {
    if (request.do === "undo") {
      this.#ownUndone.push(request.revision ?? null);
      this.#ownRevisions = this.#ownRevisions.filter((own) => own !== request.revision);
    } else if (request.do === "redo") {
      const again = this.#ownUndone.pop();
      if (typeof again === "number") this.#ownRevisions.push(again);
    } else {
      this.#ownRevisions.push(revision);
      this.#ownUndone = []; // the server forgets them, too
    }
  }

  /**
   * Return a request with the numbers of the server: of hints that were added by earlier requests,
   * and of shots that were split or merged by them.
   *
   * @param {Pending} item
   * @param {Film} film
   * @returns {ChangeRequest}
   */
  #translate({ request, seen }, film) {
    return mapShot(this.#resolve(request), seen, film);
  }

  /**
   * @param {ChangeRequest} request
   * @returns {ChangeRequest} the same with the number that its hint has now
   */
  #resolve(request) {
    const { id } = request;
    return typeof id === "number" ? { ...request, id: this.resolveId(id) } : request;
  }

  /**
   * @param {Film} film
   * @param {ChangeRequest | null} request the own change that made it; null for another state
   * @param {boolean} [isAsked] whether the person is asked about the differences anyway
   */
  #replace(film, request, isAsked = false) {
    const previous = this.film;
    this.film = film;
    this.#setProblem(null);
    const isSame = previous?.revision === film.revision;
    // A film that is being analyzed has nothing to compare.
    const isComparable = previous?.shots?.length && previous.options && film.shots;
    const isNews = isComparable && !isSame && !isAsked;
    const differences = isNews ? compareFilms(previous, film) : [];
    const detail = { previous, isOwn: request !== null, request, differences };
    this.dispatchEvent(new CustomEvent("film", { detail }));
  }
}

/**
 * Return a request with the number that its shot has in a later state.
 *
 * @param {ChangeRequest} request
 * @param {Film} before
 * @param {Film} after
 * @returns {ChangeRequest}
 */
function mapShot(request, before, after) {
  const shot = typeof request.shot === "number" ? before.shots[request.shot - 1] : undefined;
  if (!shot || before === after) return request;
  const index = findShotIndex(after.shots, shot.first);
  const number = after.shots[index]?.number ?? request.shot;
  return number === request.shot ? request : { ...request, shot: number };
}
