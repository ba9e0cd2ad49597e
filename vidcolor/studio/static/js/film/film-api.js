// @ts-check
/** The requests of the film views. */

import { ApiError, request, withQuery } from "../api.js";
import { sleep } from "../connection.js";
import { takeEarlyFilm } from "./early-film.js";

/** @typedef {import("./types.js").Film} Film */
/** @typedef {import("./types.js").Job} Job */
/** @typedef {import("./types.js").Plan} Plan */
/** @typedef {import("./types.js").Track} Track */
/** @typedef {import("./types.js").LogChange} LogChange */
/** @typedef {import("./types.js").LikelyColor} LikelyColor */
/** @typedef {import("./types.js").ReviewPlace} ReviewPlace */
/** @typedef {import("./types.js").ChangeRequest} ChangeRequest */

/** Time for which the server may hold back the answer about a job, in seconds. */
const JOB_WAIT = 30;
/** Pause before a job that has not ended is asked for again, in milliseconds: a server that stops
 * does not hold back its answers. */
const JOB_PAUSE = 500;

/**
 * @param {string} id
 * @param {string} [rest]
 */
function filmPath(id, rest = "") {
  return `/api/films/${encodeURIComponent(id)}${rest}`;
}

/**
 * @param {string} id
 * @param {AbortSignal} [signal]
 * @returns {Promise<Film>}
 */
export async function getFilm(id, signal) {
  return request(filmPath(id), { signal, patience: "connection" });
}

/**
 * Open a film; a film without a project is analyzed. The film that the address names when the page
 * is loaded is asked for before the modules are there.
 *
 * @param {string} id
 * @param {AbortSignal} [signal]
 * @returns {Promise<Film>}
 */
export async function openFilm(id, signal) {
  const early = await takeEarlyFilm(id);
  if (early) return early;
  return request(filmPath(id, "/open"), { method: "POST", json: {}, signal, patience: "all" });
}

/**
 * Make a change. A request that did not reach the server is sent again when it is back; the
 * revision makes sure that it counts once.
 *
 * @param {string} id
 * @param {ChangeRequest} change
 * @param {number} revision
 * @returns {Promise<{film: Film} | Outdated>}
 */
export async function changeFilm(id, change, revision) {
  return send(filmPath(id, "/changes"), { method: "POST", json: change, revision });
}

/**
 * The film has another revision.
 *
 * @typedef {object} Outdated
 * @property {Film} current
 * @property {boolean} isRepeated whether the request was lost and sent again, so that the server may
 *   have made the change at the first time
 */

/**
 * Send a request that makes one change of a film.
 *
 * @param {string} path
 * @param {import("../api.js").RequestOptions} options
 * @returns {Promise<{film: Film} | Outdated>}
 */
async function send(path, options) {
  let isRepeated = false;
  const onLost = () => {
    isRepeated = true;
  };
  try {
    return { film: await request(path, { ...options, patience: "all", onLost }) };
  } catch (error) {
    if (error instanceof ApiError && error.status === 409 && error.body.current) {
      return { current: error.body.current, isRepeated };
    }
    throw error;
  }
}

/**
 * Return the URL of a still. It is valid for ever, because it names all that the still depends on.
 *
 * @param {Film} film
 * @param {number} frame ordinal of the decoded picture
 * @param {{width: number, view: "color" | "gray" | "confidence", rev: string | number}} options
 *   `width` is the greatest length of the longest side, 0 for full size
 * @returns {string}
 */
export function stillUrl(film, frame, { width, view, rev }) {
  return withQuery(filmPath(film.id, `/frames/${frame}`), { w: width, view, rev });
}

/**
 * @param {string} id
 * @param {number} frame
 * @param {{x: number, y: number}} place
 * @param {AbortSignal} signal
 * @returns {Promise<{colors: LikelyColor[], current: string, confidence: number | null}>}
 */
export async function getColors(id, frame, { x, y }, signal) {
  return request(withQuery(filmPath(id, `/frames/${frame}/colors`), { x, y }), { signal });
}

/**
 * Return the region that a hint would cover, or that of a hint that exists.
 *
 * @param {string} id
 * @param {number} frame
 * @param {{x?: number, y?: number, radius?: number | null, color?: string | null, hint?: number}} hint
 * @param {AbortSignal} signal
 * @returns {Promise<{outline: number[][][], share: number}>}
 */
export async function getRegion(id, frame, hint, signal) {
  return request(withQuery(filmPath(id, `/frames/${frame}/region`), hint), { signal });
}

/**
 * @param {string} id
 * @param {number} shot
 * @param {string | number} rev
 * @param {AbortSignal} [signal]
 * @returns {Promise<{rev: string | null, tracks: Track[]}>} `rev` differs if the shot was changed
 */
export async function getTracks(id, shot, rev, signal) {
  const path = withQuery(filmPath(id, `/shots/${shot}/tracks`), { rev });
  return request(path, { signal, patience: "all", canWait: true });
}

/**
 * @param {string} id
 * @param {number} limit
 * @param {AbortSignal} [signal]
 * @returns {Promise<{places: ReviewPlace[]} & Record<string, any>>}
 */
export async function getReview(id, limit, signal) {
  const path = withQuery(filmPath(id, "/review"), { limit });
  return request(path, { signal, patience: "all", canWait: true });
}

/**
 * @param {string} id
 * @returns {Promise<LogChange[]>} the newest first
 */
export async function getLog(id) {
  const { changes } = await request(filmPath(id, "/log"), { patience: "connection" });
  return changes;
}

/**
 * @param {string} id
 * @param {string | null} container suffix of the result; null for that of the purpose
 * @param {AbortSignal} signal
 * @returns {Promise<Plan>}
 */
export async function getPlan(id, container, signal) {
  const path = withQuery(filmPath(id, "/plan"), { container });
  return request(path, { signal, patience: "all" });
}

/**
 * @param {string} id
 * @param {Record<string, unknown>} options
 * @returns {Promise<Job>}
 */
export async function renderFilm(id, options) {
  const answer = await request(filmPath(id, "/render"), {
    method: "POST",
    json: options,
    patience: "all",
  });
  return answer.job ?? answer;
}

/** @param {string} id */
export function resultUrl(id) {
  return filmPath(id, "/result");
}

/**
 * @param {string} id
 * @param {"html" | "json"} format
 */
export function reportUrl(id, format) {
  return filmPath(id, `/report.${format}`);
}

/**
 * @param {string} id
 * @param {string} format such as `edl`
 */
export function shotListUrl(id, format) {
  return filmPath(id, `/shots.${format}`);
}

/** @param {string} id */
export function projectUrl(id) {
  return filmPath(id, "/project");
}

/**
 * Add a reference picture.
 *
 * @param {string} id
 * @param {File} file
 * @param {{frame: number | null, evidence: string | null, revision: number}} options `frame` is the
 *   one that the picture shows; null for the shots that it matches
 * @returns {Promise<{film: Film} | Outdated>}
 */
export async function addReference(id, file, { frame, evidence, revision }) {
  const path = withQuery(filmPath(id, "/references"), { name: file.name, frame, evidence });
  return send(path, { method: "POST", body: file, revision });
}

/**
 * Start the making of the proxy of a shot, unless there is one.
 *
 * @param {string} id
 * @param {number} shot
 * @param {string | number} rev
 * @param {AbortSignal} signal
 * @returns {Promise<{ready: true, rev: string} | Job>}
 */
export async function startLoop(id, shot, rev, signal) {
  const path = withQuery(filmPath(id, `/shots/${shot}/loop`), { rev });
  return request(path, { method: "POST", json: {}, signal, patience: "all" });
}

/**
 * @param {string} id
 * @param {number} shot
 * @param {"mp4" | "webm"} format
 * @param {string | number} rev
 * @returns {string}
 */
export function loopUrl(id, shot, format, rev) {
  return withQuery(filmPath(id, `/shots/${shot}/loop.${format}`), { rev });
}

/**
 * Wait until a job has ended.
 *
 * @param {Job} job
 * @param {(job: Job) => void} report called when something is known about it
 * @param {AbortSignal} signal
 * @returns {Promise<Job>}
 */
export async function waitForJob(job, report, signal) {
  let current = job;
  for (;;) {
    report(current);
    if (!isActive(current)) return current;
    const path = withQuery(`/api/jobs/${encodeURIComponent(current.id)}`, { wait: JOB_WAIT });
    current = await request(path, { signal, patience: "all" });
    if (isActive(current)) await sleep(JOB_PAUSE, signal);
  }
}

/** @param {Job} job */
function isActive({ state }) {
  return state === "queued" || state === "running";
}

/** @param {string} id */
export async function cancelJob(id) {
  return request(`/api/jobs/${encodeURIComponent(id)}/cancel`, { method: "POST", json: {} });
}

/** @param {string} id */
export async function retryJob(id) {
  return request(`/api/jobs/${encodeURIComponent(id)}/retry`, {
    method: "POST",
    json: {},
    patience: "all",
  });
}
