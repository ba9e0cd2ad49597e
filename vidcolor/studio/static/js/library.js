// @ts-check
/** The photos, films and jobs that the server knows, kept up to date by its events. */

import { ApiError, request } from "./api.js";
import { connection } from "./connection.js";
import { serverEvents } from "./events.js";

/** @typedef {import("./types.js").Photo} Photo */
/** @typedef {import("./types.js").FilmSummary} FilmSummary */
/** @typedef {import("./types.js").Job} Job */
/** @typedef {import("./types.js").ServerInfo} ServerInfo */

/** Events that arrive in this time make one request, in milliseconds. */
const COLLECT_MS = 120;
/** Number of photos above which the list is read again instead of each photo. */
const FEW = 4;

/**
 * Events: `change` after any change; at most one for each frame of the display.
 */
export class Library extends EventTarget {
  /** @type {Map<string, Photo>} by name */
  photos = new Map();
  /** @type {FilmSummary[]} */
  films = [];
  /** @type {Map<string, Job>} */
  jobs = new Map();
  /** @type {ServerInfo | null} */
  info = null;
  /** @type {unknown} why the state could not be read */
  error = null;
  isLoaded = false;
  /** @type {Promise<void> | null} */
  #loading = null;
  #isStale = false;
  #frame = 0;
  #timer = 0;
  /** @type {Set<string>} */
  #changed = new Set();
  /** @type {Set<string>} own changes whose events bring nothing new */
  #own = new Set();

  constructor() {
    super();
    const { signal } = new AbortController();
    serverEvents.on("job", (job) => this.#setJob(job), signal);
    serverEvents.on(
      "photo",
      ({ id, revision }) => {
        if (!this.#own.delete(`${id}:${revision}`)) this.#refreshLater(id);
      },
      signal,
    );
    serverEvents.on("film", () => this.#refreshLater(""), signal);
    serverEvents.on("deleted", ({ id }) => this.#remove(id), signal);
    serverEvents.addEventListener("resync", () => void this.load());
    connection.addEventListener("online", () => void this.load());
  }

  /** Read everything. */
  load() {
    if (this.#loading) {
      this.#isStale = true;
      return this.#loading;
    }
    this.#loading = this.#load().finally(() => {
      this.#loading = null;
      if (!this.#isStale) return;
      this.#isStale = false;
      void this.load();
    });
    return this.#loading;
  }

  async #load() {
    try {
      const options = { patience: /** @type {const} */ ("all") };
      const [info, photos, films, jobs] = await Promise.all([
        this.info ?? request("/api/info", options),
        request("/api/photos", options),
        request("/api/films", options),
        request("/api/jobs", options),
      ]);
      this.info = info;
      /** @type {Photo[]} */
      const list = toList(photos, "photos");
      list.sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
      this.photos = new Map(list.map((photo) => [photo.id, photo]));
      this.films = toList(films, "films");
      this.jobs = new Map(toList(jobs, "jobs").map((job) => [job.id, job]));
      this.error = null;
      this.isLoaded = true;
    } catch (error) {
      this.error = error;
    }
    this.notify();
  }

  /** @param {Photo} photo */
  setPhoto(photo) {
    const old = this.photos.get(photo.id);
    if (old && old.revision > photo.revision) return;
    this.photos.set(photo.id, photo);
    this.notify();
  }

  /**
   * Take over the answer to a change that was made here.
   * @param {Photo} photo
   */
  setOwnPhoto(photo) {
    const known = this.photos.get(photo.id);
    if (known && known.revision < photo.revision) this.#own.add(`${photo.id}:${photo.revision}`);
    this.setPhoto(photo);
  }

  /**
   * Return the newest job of a subject.
   * @param {string} subject
   * @param {string} [kind]
   */
  findJob(subject, kind) {
    /** @type {Job | null} */
    let newest = null;
    for (const job of this.jobs.values()) {
      if (job.subject !== subject || (kind && job.kind !== kind)) continue;
      if (!newest || job.created > newest.created) newest = job;
    }
    return newest;
  }

  /** Jobs that wait or run, the first to be done first. */
  get activeJobs() {
    return [...this.jobs.values()]
      .filter((job) => job.state === "queued" || job.state === "running")
      .sort((a, b) => (a.position ?? 0) - (b.position ?? 0) || a.created - b.created);
  }

  notify() {
    if (this.#frame) return;
    this.#frame = window.setTimeout(() => {
      this.#frame = 0;
      this.dispatchEvent(new Event("change"));
    }, 16);
  }

  /** @param {Job} job */
  #setJob(job) {
    this.jobs.set(job.id, job);
    if (job.state !== "queued" && job.state !== "running") this.#moveUp();
    const photo = this.photos.get(job.subject);
    if (photo && job.kind === "photo") {
      this.photos.set(photo.id, { ...photo, job });
      if (job.state === "done" || job.state === "failed") this.#refreshLater(photo.id);
    }
    this.notify();
  }

  /** A job has ended, so those that wait are one place further. */
  #moveUp() {
    for (const job of this.jobs.values()) {
      if (job.state !== "queued" || !job.position || job.position < 2) continue;
      const moved = { ...job, position: job.position - 1 };
      this.jobs.set(job.id, moved);
      const photo = this.photos.get(job.subject);
      if (photo?.job?.id === job.id) this.photos.set(photo.id, { ...photo, job: moved });
    }
  }

  /** @param {string} id */
  #remove(id) {
    this.photos.delete(id);
    this.films = this.films.filter((film) => film.id !== id);
    this.notify();
  }

  /** @param {string} id of a photo; empty for the films */
  #refreshLater(id) {
    this.#changed.add(id);
    if (this.#timer) return;
    this.#timer = window.setTimeout(() => {
      this.#timer = 0;
      const ids = [...this.#changed];
      this.#changed.clear();
      void this.#refresh(ids);
    }, COLLECT_MS);
  }

  /** @param {string[]} ids */
  async #refresh(ids) {
    const isNew = ids.some((id) => !id || !this.photos.has(id));
    if (isNew || ids.length > FEW) {
      await this.load();
      return;
    }
    for (const id of ids) {
      try {
        this.setPhoto(await request(`/api/photos/${id}`));
      } catch (error) {
        if (error instanceof ApiError && error.status === 404) this.#remove(id);
      }
    }
  }
}

/**
 * Return the list of an answer, which may be the value of a key.
 * @param {any} answer
 * @param {string} key
 * @returns {any[]}
 */
export function toList(answer, key) {
  return Array.isArray(answer) ? answer : (answer?.[key] ?? []);
}

export const library = new Library();
