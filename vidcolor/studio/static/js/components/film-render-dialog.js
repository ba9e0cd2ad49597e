// @ts-check
/** The dialog that renders a film: what is stale and why, the options, the progress, the result. */

import { Latest } from "../api.js";
import { make, makeButton, setText } from "../dom.js";
import { describeError } from "../shell.js";
import { formatBytes, formatDuration, t } from "../strings.js";
import { FilmDialog } from "./film-dialog.js";
import { showProgress } from "./film-progress.js";

/** @typedef {import("../film/types.js").Film} Film */
/** @typedef {import("../film/types.js").Plan} Plan */
/** @typedef {import("../film/types.js").Job} Job */

/**
 * @typedef {object} RenderActions
 * @property {() => Film} film the current state
 * @property {() => Job | null} job the last rendering
 * @property {(container: string | null, signal: AbortSignal) => Promise<Plan>} getPlan
 * @property {(values: Record<string, unknown>) => Promise<unknown>} setOptions
 * @property {(options: Record<string, unknown>) => Promise<unknown>} start
 * @property {(job: Job) => Promise<unknown>} cancel
 * @property {string} resultUrl
 * @property {(format: "html" | "json") => string} reportUrl
 * @property {(shot: number) => void} goToShot
 */

const CONTAINERS = Object.freeze([".mp4", ".mov", ".mkv", ".webm", ".mxf"]);
/** Greatest number of segments that are listed. */
const MAX_LISTED = 100;

/** @typedef {"purpose" | "range" | "sound"} OptionName */

/** Choices of the options; the first one is the default. */
const CHOICES = Object.freeze({
  purpose: ["delivery", "editing", "archive"],
  range: ["source", "limited", "full"],
  sound: ["copy", "pcm", "drop"],
});

export class RenderDialog {
  /** @param {RenderActions} actions */
  constructor(actions) {
    this.actions = actions;
    this.latest = new Latest();
    this.dialog = new FilmDialog(t("film.render.title"), "film-render");
    this.summary = make("p", { class: "film-render-summary", role: "status", tabindex: "-1" });
    this.segments = make("ul", { class: "film-rows film-render-segments" });
    this.error = make("p", { class: "film-field-error", role: "alert" });
    this.progress = make("div", { class: "film-progress", hidden: true });
    this.result = make("div", { class: "film-render-result", hidden: true });
    this.start = makeButton("", () => void this.#start(), { class: "is-primary" });
    this.cancel = makeButton(t("film.render.cancel"), () => void this.#cancel());
    this.close = makeButton(t("film.close"), () => this.dialog.close());
    this.mark = make("input", { type: "checkbox" });
    this.replace = make("input", { type: "checkbox" });
    this.confidence = make("input", { type: "checkbox" });
    this.container = make("select", { id: "render-container" }, [
      make("option", { value: "", text: t("film.render.container.auto") }),
      ...CONTAINERS.map((suffix) => make("option", { value: suffix, text: suffix })),
    ]);
    /** @type {[OptionName, HTMLSelectElement][]} */
    this.selects = [];
    this.options = this.#makeOptions();
    this.dialog.body.append(
      this.summary,
      this.segments,
      this.options,
      this.progress,
      this.result,
      this.error,
    );
    this.dialog.buttons.append(this.close, this.cancel, this.start);
    this.dialog.onClose = () => this.latest.cancel();
    /** @type {Plan | null} */
    this.plan = null;
    this.planRevision = -1;
    this.wasBusy = false;
    this.shownResult = "";
  }

  open() {
    this.dialog.open();
    this.summary.focus();
    this.update();
  }

  get isOpen() {
    return this.dialog.isOpen;
  }

  /** Show the current state of the film and of its job. */
  update() {
    if (!this.dialog.isOpen) return;
    const film = this.actions.film();
    const job = this.actions.job();
    const isBusy = job?.state === "queued" || job?.state === "running";
    this.options.disabled = isBusy;
    if (this.wasBusy && !isBusy) this.planRevision = -1; // what was rendered is not stale any more
    this.wasBusy = isBusy;
    this.cancel.hidden = !isBusy;
    this.start.hidden = isBusy;
    this.progress.hidden = !isBusy;
    if (isBusy && job) showProgress(this.progress, job, t("film.render.running"));
    if (job?.state === "failed") this.error.textContent = job.error ?? t("film.render.failed");
    if (job?.state === "canceled") this.error.textContent = t("film.render.canceled");
    this.#showResult(film, isBusy);
    for (const [name, select] of this.selects) {
      select.value = String(film.options[name] ?? CHOICES[name][0]);
    }
    this.mark.checked = film.options.mark === true;
    if (!isBusy && this.planRevision !== film.revision) void this.#loadPlan(film.revision);
  }

  #makeOptions() {
    /** @type {(HTMLElement | null)[]} */
    const fields = [];
    for (const name of /** @type {OptionName[]} */ (Object.keys(CHOICES))) {
      const select = make(
        "select",
        { id: `render-${name}` },
        CHOICES[name].map((value) =>
          make("option", { value, text: t(`film.render.${name}.${value}`) }),
        ),
      );
      select.addEventListener("change", () => void this.#set({ [name]: select.value }));
      this.selects.push([name, select]);
      fields.push(
        make("div", { class: "field" }, [
          make("label", { for: select.id, text: t(`film.render.${name}`) }),
          select,
        ]),
      );
    }
    const { is_upload: isUpload } = this.actions.film();
    this.mark.addEventListener("change", () => void this.#set({ mark: this.mark.checked }));
    this.container.addEventListener("change", () => {
      this.planRevision = -1;
      this.update();
    });
    fields.push(
      make("div", { class: "field" }, [
        make("label", { for: this.container.id, text: t("film.render.container") }),
        this.container,
      ]),
      make("label", { class: "check" }, [this.mark, t("film.render.mark")]),
      make("label", { class: "check" }, [this.confidence, t("film.render.confidence")]),
      // The result of an upload has a place of its own.
      isUpload ? null : make("label", { class: "check" }, [this.replace, t("film.render.replace")]),
    );
    return make("fieldset", { class: "film-render-options" }, [
      make("legend", { text: t("film.render.options") }),
      ...fields,
    ]);
  }

  /** @param {Record<string, unknown>} values */
  async #set(values) {
    this.error.textContent = "";
    await this.actions.setOptions(values);
    this.update();
  }

  /** @param {number} revision */
  async #loadPlan(revision) {
    this.planRevision = revision;
    this.start.disabled = true;
    setText(this.start, t("film.render.start"));
    setText(this.summary, t("film.render.planning"));
    try {
      const container = this.container.value || null;
      const plan = await this.latest.run((signal) => this.actions.getPlan(container, signal));
      if (!plan) return; // another one was asked for, or the dialog is closed
      this.plan = plan;
      this.#showPlan(plan);
    } catch (error) {
      setText(this.summary, "");
      this.error.textContent = describeError(error);
      this.planRevision = -1;
    }
    this.start.disabled = false;
    // Enter renders, unless the person has moved on to the options.
    const { activeElement } = document;
    if (activeElement === this.summary && !this.start.hidden) this.start.focus();
  }

  /** @param {Plan} plan */
  #showPlan(plan) {
    const stale = plan.segments.filter((segment) => segment.reasons.length);
    const count = stale.reduce((sum, { shots: [first = 0, last = 0] }) => sum + last - first + 1, 0);
    if (!count) {
      setText(this.summary, t("film.render.current"));
      this.segments.replaceChildren();
      setText(this.start, t("film.render.again"));
      return;
    }
    const frames = plan.rendered_frames ?? plan.frames;
    const parts = [t("film.render.stale", { count }), t("film.render.frames", { count: frames })];
    if (plan.seconds) parts.push(t("film.render.time", { time: formatDuration(plan.seconds) }));
    setText(this.summary, parts.join(" · "));
    setText(this.start, t("film.render.start"));
    this.segments.replaceChildren(...stale.slice(0, MAX_LISTED).map((row) => this.#makeRow(row)));
    const more = stale.length - MAX_LISTED;
    if (more > 0) {
      this.segments.append(make("li", { class: "quiet", text: t("film.more", { count: more }) }));
    }
  }

  /** @param {Plan["segments"][number]} segment */
  #makeRow({ shots: [first = 1, last = first], frames, reasons }) {
    const name =
      first === last ? t("film.render.shot", { shot: first }) : t("film.render.shots", { first, last });
    const show = () => {
      this.dialog.close();
      this.actions.goToShot(first);
    };
    return make("li", { class: "film-row" }, [
      makeButton(name, show, { class: "film-link" }),
      make("span", { class: "film-row-name", text: reasons.join("; ") }),
      make("span", { class: "quiet", text: t("film.render.frames", { count: frames }) }),
    ]);
  }

  /**
   * @param {Film} film
   * @param {boolean} isBusy
   */
  #showResult(film, isBusy) {
    const { result } = film;
    this.result.hidden = !result || isBusy;
    if (!result || isBusy) return;
    const notes = this.#listNotes();
    // A link that has the focus keeps it.
    const signature = JSON.stringify([result, notes]);
    if (signature === this.shownResult) return;
    this.shownResult = signature;
    const isOld = result.is_stale ?? false;
    const size = typeof result.bytes === "number" ? formatBytes(result.bytes) : "";
    const name = result.path ?? result.name ?? "";
    const links = [
      makeLink(this.actions.resultUrl, t("film.render.download")),
      ...(result.reports ?? []).map((format) =>
        makeLink(this.actions.reportUrl(format), t(`film.render.report.${format}`)),
      ),
    ];
    this.result.replaceChildren(
      make("h3", { text: t(isOld ? "film.render.result.old" : "film.render.result") }),
      make("p", { class: "film-path", text: [name, size].filter(Boolean).join(" · ") }),
      notes.length
        ? make("ul", { class: "film-path" }, notes.map((text) => make("li", { text })))
        : "",
      make("div", { class: "row" }, links),
    );
  }

  /**
   * What the last rendering reports: the film of the confidence, lost hints, warnings.
   *
   * @returns {string[]}
   */
  #listNotes() {
    const report = this.actions.job()?.result;
    if (!report) return [];
    const lost = (report.lost_hints ?? []).map((/** @type {any} */ hint) =>
      t("film.render.lost", { hint: hint.hint, first: String(hint.first), last: String(hint.last) }),
    );
    return [report.confidence, ...lost, ...(report.warnings ?? [])].filter(Boolean);
  }

  async #start() {
    this.error.textContent = "";
    this.close.focus(); // the button is hidden while the film is rendered
    this.start.disabled = true;
    try {
      await this.actions.start({
        container: this.container.value || null,
        confidence: this.confidence.checked,
        replace: this.replace.checked,
      });
    } catch (error) {
      this.error.textContent = describeError(error);
    }
    this.start.disabled = false;
    this.planRevision = -1;
    this.update();
  }

  async #cancel() {
    const job = this.actions.job();
    this.close.focus();
    try {
      if (job) await this.actions.cancel(job);
    } catch (error) {
      this.error.textContent = describeError(error);
    }
    this.planRevision = -1;
    this.update();
  }
}

/**
 * @param {string} href
 * @param {string} text
 */
function makeLink(href, text) {
  return make("a", { href, download: "", class: "film-button", text });
}
