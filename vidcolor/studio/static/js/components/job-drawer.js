// @ts-check
/** `<job-drawer>`: what runs and waits, how far it is, and where the results are. */

import { request } from "../api.js";
import { make, makeButton, makeIconButton, replaceRows, setText } from "../dom.js";
import { library } from "../library.js";
import { toastError } from "../shell.js";
import { formatBytes, formatDuration, formatPercent, formatTime, t } from "../strings.js";

/** @typedef {import("../types.js").Job} Job */

/** Glyphs of the states; color alone never shows a state. */
const GLYPHS = { queued: "○", running: "◐", done: "●", failed: "✕", canceled: "–" };
const MAX_FINISHED = 50;

export class JobDrawer extends HTMLElement {
  #list = make("ul", {});
  #empty = make("p", { class: "section quiet", text: t("queue.empty") });
  #summary = make("p", { class: "section quiet" });
  #drawer = make("aside", { class: "drawer", "aria-label": t("queue.title") });
  /** @type {Element | null} */
  #opener = null;

  constructor() {
    super();
    this.#drawer.hidden = true;
    this.#drawer.append(
      make("header", {}, [
        make("h2", { text: t("queue.title") }),
        makeIconButton("close", t("close"), () => this.toggle(false)),
      ]),
      make("div", { class: "drawer-body", tabindex: 0 }, [this.#summary, this.#empty, this.#list]),
    );
    this.#drawer.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      this.toggle(false);
    });
  }

  connectedCallback() {
    this.append(this.#drawer);
    document.addEventListener("open-queue", () => this.toggle());
    library.addEventListener("change", () => this.#update());
  }

  /** @param {boolean} [isOpen] */
  toggle(isOpen = Boolean(this.#drawer.hidden)) {
    if (isOpen === !this.#drawer.hidden) return;
    this.#drawer.hidden = !isOpen;
    document.querySelector("#queue-button")?.setAttribute("aria-expanded", String(isOpen));
    if (isOpen) {
      this.#opener = document.activeElement;
      this.#update();
      this.#drawer.querySelector("button")?.focus();
    } else if (this.#opener instanceof HTMLElement) {
      this.#opener.focus();
    }
  }

  #update() {
    if (this.#drawer.hidden) return;
    const active = library.activeJobs;
    const finished = [...library.jobs.values()]
      .filter((job) => !active.includes(job) && job.state !== "canceled")
      .sort((a, b) => (b.finished ?? b.created) - (a.finished ?? a.created))
      .slice(0, MAX_FINISHED);
    const rows = [...active, ...finished];
    this.#empty.hidden = rows.length > 0;
    this.#summary.hidden = active.length < 2;
    const seconds = Math.max(0, ...active.map((job) => job.seconds_left ?? 0));
    const values = { count: active.length, time: formatDuration(seconds) };
    setText(this.#summary, t(seconds ? "queue.summary.time" : "queue.summary", values));
    replaceRows(
      this.#list,
      rows.map((job) => makeJobRow(job)),
    );
  }
}

/** @param {Job} job */
function makeJobRow(job) {
  const isActive = job.state === "queued" || job.state === "running";
  const isFilm = ["analyze", "render", "loop"].includes(job.kind);
  const href = isFilm ? `#/film/${job.subject}` : `#/photo/${job.subject}`;
  const name = job.name || t(`job.${job.kind}`);
  const title =
    job.kind === "archive"
      ? make("span", { class: "truncate grow", text: name })
      : make("a", { class: "truncate grow", href, text: name });
  const row = make("li", { class: "job", "data-job": job.id, "data-state": job.state }, [
    make("div", { class: "row" }, [
      make("span", { class: "glyph", "aria-hidden": "true", text: GLYPHS[job.state] }),
      title,
      make("span", { class: "quiet", text: t(`job.${job.kind}`) }),
      isActive ? makeAction(job, "cancel") : null,
    ]),
    make("p", { class: job.error ? "job-error" : "quiet", text: describeJob(job) }),
  ]);
  if (job.state === "running") row.append(makeProgress(job));
  const actions = make("div", { class: "job-actions" });
  if (job.state === "failed") actions.append(makeAction(job, "retry"));
  const url = getResultUrl(job);
  if (url) {
    const download = make("a", { href: url, download: "", class: "button", text: t("download") });
    actions.append(download);
  }
  if (actions.childElementCount) row.append(actions);
  return row;
}

/** @param {Job} job */
function makeProgress(job) {
  const bar = make("progress", { "aria-label": t("job.progress", { name: job.name }) });
  const share = getShare(job);
  if (share !== null) bar.value = share;
  return bar;
}

/**
 * Return how much of the current stage is done, 0 to 1; null if that is not known.
 * @param {Job} job
 */
export function getShare(job) {
  const { done = 0, total = null } = job.progress ?? {};
  return total && total > 1 ? Math.min(done / total, 1) : null;
}

/**
 * Return the state of a job as a sentence.
 * @param {Job} job
 */
export function describeJob(job) {
  const left = job.seconds_left ? t("job.left", { time: formatDuration(job.seconds_left) }) : "";
  switch (job.state) {
    case "queued":
      return [t("job.queued", { position: job.position ?? 1 }), left].filter(Boolean).join(" · ");
    case "running": {
      const { stage = "" } = job.progress ?? {};
      const known = getShare(job);
      const share = known === null ? "" : formatPercent(known);
      return [stage ? describeStage(stage) : t("job.running"), share, left].filter(Boolean).join(" · ");
    }
    case "failed":
      return job.error ?? t("job.failed");
    case "done": {
      const time = job.finished ? formatTime(job.finished) : "";
      const bytes = job.result?.bytes;
      const size = typeof bytes === "number" ? formatBytes(bytes) : "";
      const path = typeof job.result?.path === "string" ? job.result.path : "";
      return [t("job.done"), time, size, path].filter(Boolean).join(" · ");
    }
    default:
      return t("job.canceled");
  }
}

/** @param {string} stage */
function describeStage(stage) {
  const key = `stage.${stage}`;
  const text = t(key);
  return text === key ? stage : text;
}

/** @param {Job} job */
function getResultUrl(job) {
  if (job.state !== "done") return null;
  if (job.kind === "photo") {
    const photo = library.photos.get(job.subject);
    return photo?.result?.revision === photo?.revision && photo
      ? `/api/photos/${job.subject}/result`
      : null;
  }
  if (job.kind === "archive") return `/api/archives/${job.subject}`;
  if (job.kind === "render") return `/api/films/${job.subject}/result`;
  return null;
}

/**
 * @param {Job} job
 * @param {"cancel" | "retry"} action
 */
function makeAction(job, action) {
  const run = async (/** @type {MouseEvent} */ { currentTarget }) => {
    if (currentTarget instanceof HTMLButtonElement) currentTarget.disabled = true;
    try {
      await request(`/api/jobs/${job.id}/${action}`, { method: "POST", patience: "all" });
    } catch (error) {
      toastError(error);
    }
    await library.load(); // events may have reported more than the answer did
  };
  const label = t(`job.${action}.label`, { name: job.name });
  if (action === "cancel") return makeIconButton("close", label, run);
  return makeButton(t(`job.${action}`), run, { "aria-label": label });
}

customElements.define("job-drawer", JobDrawer);
