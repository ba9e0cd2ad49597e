// @ts-check
/** The photos, films and jobs that the server knows, kept up to date by its events. */

import { request } from "./api.js";
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
  /** Number of times that everything was asked for. */
  #loads = 0;
  /** @type {(() => void)[]} events since everything was asked for, which the answers may lack */
  #news = [];
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
    serverEvents.addEventListener("ready", () => {
      if (this.#isUnfinished) void this.load();
    });
    connection.addEventListener("online", () => void this.load());
  }

  /** Read everything, as it is now or later. */
  load() {
    this.#isStale = true;
    this.#loading ??= this.#loadUntilCurrent().finally(() => {
      this.#loading = null;
    });
    return this.#loading;
  }

  /** Read everything, unless that was done or is under way. */
  async ensureLoaded() {
    if (!this.isLoaded) await (this.#loading ?? this.load());
  }

  async #loadUntilCurrent() {
    while (this.#isStale) {
      this.#isStale = false;
      await this.#load();
    }
  }

  async #load() {
    this.#loads += 1;
    this.#news = [];
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
      for (const apply of this.#news) apply();
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

  /** Whether something is on its way to its final state. */
  get #isUnfinished() {
    const photos = [...this.photos.values()];
    return this.activeJobs.length > 0 || photos.some(({ width, error }) => !width && !error);
  }

  /**
   * Apply an event, also to the answers of requests that are under way.
   * @param {() => void} apply
   */
  #apply(apply) {
    apply();
    if (this.#loading) this.#news.push(apply);
    this.notify();
  }

  /** @param {Job} job */
  #setJob(job) {
    if (job.state !== "queued" && job.state !== "running") this.#moveUp();
    this.#apply(() => this.#putJob(job));
  }

  /** @param {Job} job */
  #putJob(job) {
    this.jobs.set(job.id, job);
    const photo = this.photos.get(job.subject);
    if (photo && job.kind === "photo") {
      this.photos.set(photo.id, { ...photo, job });
      if (job.state === "done" || job.state === "failed") this.#refreshLater(photo.id);
    }
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
    this.#apply(() => {
      this.photos.delete(id);
      this.films = this.films.filter((film) => film.id !== id);
    });
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
    await this.#loading;
    const isNew = ids.some((id) => !id || !this.photos.has(id));
    if (isNew || ids.length > FEW) {
      await this.load();
      return;
    }
    const loads = this.#loads;
    const query = ids.map((id) => `id=${encodeURIComponent(id)}`).join("&");
    try {
      const photos = toList(await request(`/api/photos?${query}`), "photos");
      if (loads !== this.#loads) return; // what was read meanwhile is newer
      // A photo that was deleted meanwhile is not in the answer, or stays away.
      for (const photo of photos) if (this.photos.has(photo.id)) this.setPhoto(photo);
    } catch {
      // The connection and the queue report a server that is gone or busy; then all is read again.
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
