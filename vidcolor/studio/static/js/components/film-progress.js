// @ts-check
/** The progress of a job: what it does, how far it is, how long it still takes. */

import { make, setText } from "../dom.js";
import { formatDuration, t } from "../strings.js";

/** @typedef {import("../film/types.js").Job} Job */

/**
 * Show the progress of a job in an element.
 *
 * @param {HTMLElement} element
 * @param {Job} job
 * @param {string} title what the job does
 */
export function showProgress(element, job, title) {
  let text = element.querySelector("p");
  let bar = element.querySelector("progress");
  if (!text || !bar) {
    text = make("p", { role: "status" });
    bar = make("progress", { max: 1, "aria-label": title });
    element.replaceChildren(text, bar);
  }
  const { done = 0, total } = job.progress ?? {};
  if (total) bar.value = Math.min(1, done / total);
  else bar.removeAttribute("value");
  setText(text, describeProgress(job, title));
}

/**
 * @param {Job} job
 * @param {string} title
 * @returns {string}
 */
export function describeProgress(job, title) {
  if (job.state === "queued") {
    const position = job.position ?? 0;
    return position > 1
      ? t("film.job.queued.position", { title, position })
      : t("film.job.queued", { title });
  }
  const { done = 0, total } = job.progress ?? {};
  const parts = [title];
  if (total) parts.push(t("film.job.of", { done, total }));
  else if (done) parts.push(t("film.job.done", { done }));
  if (typeof job.seconds_left === "number") {
    parts.push(t("film.job.left", { time: formatDuration(job.seconds_left) }));
  }
  return parts.join(" · ");
}
