// @ts-check
/** `<film-view item="ID">`: the film view, and what is shown until the film can be shown. */

import { ApiError } from "../api.js";
import { connection } from "../connection.js";
import { serverEvents } from "../events.js";
import { cancelJob, changeFilm, getFilm, openFilm, retryJob } from "../film/film-api.js";
import { FilmStore } from "../film/film-store.js";
import { addFilmKeys } from "../film/keys.js";
import { makeStillUrl } from "../film/stage.js";
import { describeError, setBar, setTitle, toastError } from "../shell.js";
import { addStrings, t } from "../strings.js";
import { film as filmStrings } from "../strings/film.en.js";
import { askConflict } from "../components/film-conflict.js";
import { FilmScreen } from "../components/film-screen.js";
import { FilmWorkspace } from "../components/film-workspace.js";

/** @typedef {import("../film/types.js").Job} Job */

addStrings(filmStrings);
addFilmKeys();

/** Width of the still in the dialog about a conflict, in pixels. */
const CONFLICT_WIDTH = 480;

export class FilmView extends HTMLElement {
  #life = new AbortController();
  /** @type {FilmStore | null} */
  #store = null;
  #screen = new FilmScreen();
  /** @type {FilmWorkspace | null} */
  #workspace = null;
  /** @type {Job | null} */
  #job = null;

  connectedCallback() {
    this.#life = new AbortController();
    const { signal } = this.#life;
    const id = this.getAttribute("item") ?? "";
    const store = new FilmStore(id, { getFilm, change: changeFilm }, (conflict) =>
      askConflict(conflict, (film, frame) => makeStillUrl(film, frame, CONFLICT_WIDTH, "color")),
    );
    this.#store = store;
    store.addEventListener("film", () => this.#show(), { signal });
    serverEvents.on("film", (data) => this.#onFilmEvent(data), signal);
    serverEvents.on("job", (job) => this.#onJob(job), signal);
    serverEvents.on("deleted", (data) => this.#onDeleted(data), signal);
    for (const type of ["resync", "ready"]) {
      serverEvents.addEventListener(type, () => void this.#reload(), { signal });
    }
    connection.addEventListener("online", () => void this.#reload(), { signal });
    this.#screen.showLoading("");
    this.replaceChildren(this.#screen.element);
    void this.#open();
  }

  disconnectedCallback() {
    this.#life.abort();
    this.#workspace?.close();
    this.#workspace = null;
  }

  get #id() {
    return this.getAttribute("item") ?? "";
  }

  async #open() {
    const { signal } = this.#life;
    try {
      this.#store?.accept(await openFilm(this.#id, signal));
    } catch (error) {
      if (!signal.aborted) this.#showError(error);
    }
  }

  async #reload() {
    try {
      await this.#store?.load();
      this.#workspace?.loadReview();
    } catch (error) {
      if (this.#life.signal.aborted) return;
      if (this.#workspace && isGone(error)) this.#end();
      else if (!this.#workspace) this.#showError(error);
    }
  }

  /** @param {{id: string, revision: number, review?: boolean}} data */
  #onFilmEvent({ id, revision, review }) {
    if (id !== this.#id) return;
    if (review) this.#workspace?.loadReview();
    const store = this.#store;
    // The answer to a change has its revision already.
    const known = store?.problem ? undefined : store?.film?.revision;
    const isNew = revision === 0 || known === undefined || revision > known;
    if (isNew || (!review && revision !== known)) void this.#reload();
  }

  /** @param {Job} job */
  #onJob(job) {
    if (job.subject !== this.#id) return;
    this.#job = job;
    const hasEnded = job.state !== "queued" && job.state !== "running";
    if (job.kind === "analyze") this.#show();
    if (hasEnded && (job.kind === "render" || !this.#workspace)) void this.#reload();
  }

  /** @param {{id: string}} data */
  #onDeleted({ id }) {
    if (id === this.#id) this.#end();
  }

  /** The film is deleted: nothing is asked for or changed any more. */
  #end() {
    this.#life.abort();
    this.#workspace?.close({ isDeleted: true });
    this.#workspace = null;
    setBar({});
    this.#screen.showError(this.#store?.film?.name ?? "", t("film.deleted"), null);
    this.replaceChildren(this.#screen.element);
  }

  /** Show what the state of the film allows. */
  #show() {
    const film = this.#store?.film;
    if (!film || this.#life.signal.aborted) return;
    setTitle(film.name);
    if (film.shots?.length && film.options) {
      this.#showWorkspace();
      return;
    }
    const job = this.#job?.kind === "analyze" ? this.#job : film.job;
    if (job?.kind === "analyze" && (job.state === "queued" || job.state === "running")) {
      this.#screen.showAnalysis(film.name, job, () => void cancelJob(job.id).catch(toastError));
    } else if (job?.kind === "analyze" && (job.state === "failed" || job.state === "canceled")) {
      const text = film.error ?? job.error ?? t(`film.analysis.${job.state}`);
      this.#screen.showError(film.name, text, () => void this.#retry(job));
    } else if (film.error) {
      this.#screen.showError(film.name, film.error, () => void this.#open());
    } else {
      this.#screen.showLoading(film.name);
    }
  }

  #showWorkspace() {
    if (this.#workspace || !this.#store) return;
    this.#workspace = new FilmWorkspace(this.#store);
    this.replaceChildren(this.#workspace.element);
    this.#workspace.open();
  }

  /** @param {Job} job */
  async #retry(job) {
    try {
      this.#job = null; // the film has the newest one, and events tell more than the answer
      await retryJob(job.id);
      await this.#reload();
    } catch (error) {
      toastError(error);
    }
  }

  /** @param {unknown} error */
  #showError(error) {
    const isOffline = error instanceof ApiError && error.status === 0;
    const text = isOffline ? t("film.offline") : describeError(error);
    if (isGone(error)) this.#screen.showError("", t("film.gone"), null);
    else this.#screen.showError("", text, () => void this.#open());
    if (!this.#workspace) this.replaceChildren(this.#screen.element);
  }
}

/** @param {unknown} error */
function isGone(error) {
  return error instanceof ApiError && error.status === 404;
}

customElements.define("film-view", FilmView);
