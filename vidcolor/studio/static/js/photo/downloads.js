// @ts-check
/** Making and saving of results: one photo as a file, several as a ZIP. */

import { ApiError, request } from "../api.js";
import { library } from "../library.js";
import { t } from "../strings.js";

/** @typedef {import("../types.js").Job} Job */
/** @typedef {import("../types.js").Photo} Photo */

/**
 * @typedef {object} RenderOptions
 * @property {string} [format] suffix such as `.jpg`; the format of the source if it is left out
 * @property {number} [quality] 1 to 100
 * @property {boolean} [mark] a visible mark that the color was made by AI
 */

/** @typedef {(stage: {name: string, done: number, total: number}) => void} OnProgress */

/** Longest wait for a job in one request, in seconds. */
const WAIT_SECONDS = 25;
/** Times that a photo is rendered while it is changed. */
const MAX_RENDERINGS = 5;

/**
 * Render photos and return the URL of the file: of one photo, or of a ZIP. Photos of several that
 * are deleted meanwhile are left out.
 *
 * @param {string[]} ids
 * @param {RenderOptions} options
 * @param {OnProgress} onProgress
 * @param {AbortSignal} signal
 * @returns {Promise<{url: string, name: string, bytes: number | null}>}
 * @throws {Error} the server refuses, or a job fails
 */
export async function prepareDownload(ids, options, onProgress, signal) {
  onProgress({ name: "render", done: 0, total: ids.length });
  const [first] = ids;
  if (ids.length === 1 && first) return prepareOne(first, options, signal);
  const known = ids.filter((id) => library.photos.has(id));
  const jobs = await renderPhotos(known, options, signal);
  let done = known.length - jobs.length;
  onProgress({ name: "render", done, total: known.length });
  for (const job of jobs) {
    await unlessGone(waitForJob(job, signal));
    done += 1;
    onProgress({ name: "render", done, total: known.length });
  }
  const left = known.filter((id) => library.photos.has(id));
  if (!left.length) throw new Error(t("download.gone"));
  onProgress({ name: "archive", done: 0, total: 1 });
  const archive = await request("/api/archives", {
    method: "POST",
    json: { photos: left },
    signal,
    patience: "all",
  });
  const job = await waitForJob(archive.job ?? archive, signal);
  const { bytes = null, name = "photos.zip" } = job.result ?? {};
  return { url: `/api/archives/${job.subject}`, name, bytes };
}

/**
 * Render a photo until its result has the current decisions.
 *
 * @param {string} id
 * @param {RenderOptions} options
 * @param {AbortSignal} signal
 */
async function prepareOne(id, options, signal) {
  /** @type {Photo} */
  let photo = await request(`/api/photos/${id}`, { signal, patience: "all" });
  for (let count = 0; count < MAX_RENDERINGS && !isCurrent(photo, options); count += 1) {
    await waitForJob(await renderPhoto(id, options, signal), signal);
    photo = await request(`/api/photos/${id}`, { signal, patience: "all" });
  }
  const { name = photo.name, bytes = null } = photo.result ?? {};
  return { url: `/api/photos/${id}/result`, name, bytes };
}

/**
 * @param {string} id
 * @param {RenderOptions} options
 * @param {AbortSignal} signal
 * @returns {Promise<Job>}
 */
async function renderPhoto(id, options, signal) {
  const path = `/api/photos/${id}/render`;
  const answer = await request(path, { method: "POST", json: options, signal, patience: "all" });
  return answer.job ?? answer;
}

/**
 * @param {string[]} ids
 * @param {RenderOptions} options
 * @param {AbortSignal} signal
 * @returns {Promise<Job[]>} those of the photos that have no current result
 */
async function renderPhotos(ids, options, signal) {
  const jobs = [];
  for (const id of ids) {
    const photo = await unlessGone(request(`/api/photos/${id}`, { signal, patience: "all" }));
    if (!photo || isCurrent(photo, options)) continue;
    const job = await unlessGone(renderPhoto(id, options, signal));
    if (job) jobs.push(job);
  }
  return jobs;
}

/**
 * Return what is asked for, or null if its photo was deleted.
 *
 * @template T
 * @param {Promise<T>} answer
 * @returns {Promise<T | null>}
 */
async function unlessGone(answer) {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  }
}

/**
 * Return whether the result of a photo has these options already.
 * @param {Photo} photo
 * @param {RenderOptions} options
 */
function isCurrent(photo, { format = "", quality = 0, mark = false }) {
  const output = photo.output ?? {};
  return (
    photo.result?.revision === photo.revision &&
    (output.format ?? "") === format &&
    (output.quality ?? 0) === quality &&
    (output.mark ?? false) === mark
  );
}

/** A job that failed or was canceled. */
export class JobError extends Error {
  /** @param {Job} job */
  constructor(job) {
    super(job.error ?? job.state);
    this.job = job;
  }
}

/**
 * Return a job when it is done.
 *
 * @param {Job} job
 * @param {AbortSignal} signal
 * @returns {Promise<Job>}
 * @throws {JobError}
 */
export async function waitForJob(job, signal) {
  let current = job;
  while (current.state === "queued" || current.state === "running") {
    const path = `/api/jobs/${job.id}?wait=${WAIT_SECONDS}`;
    current = await request(path, { signal, patience: "all" });
  }
  if (current.state !== "done") throw new JobError(current);
  return current;
}

/**
 * Let the browser save a file.
 * @param {string} url
 * @param {string} name
 */
export function saveFile(url, name) {
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
}

/** Formats in which photos can be saved, of those that the server writes. */
export function listFormats() {
  const known = [".jpg", ".png", ".tif", ".webp", ".avif", ".jxl"];
  const formats = new Set(library.info?.still_formats ?? []);
  return known.filter((suffix) => formats.has(suffix));
}

