// @ts-check
/** The film view of a film that is ready: canvas, colors, decisions about the shot, and the strip. */

import { Latest } from "../api.js";
import { make, makeButton } from "../dom.js";
import { addReferenceFile, findPastedPicture } from "../film/add-reference.js";
import { getReview } from "../film/film-api.js";
import { describeDifference } from "../film/describe.js";
import { FilmCommands } from "../film/commands.js";
import { HintTools } from "../film/hint-tools.js";
import { clampFrame, recallFrame, storeFrame } from "../film/navigation.js";
import { Nudger } from "../film/nudger.js";
import { computeNeeds } from "../film/review.js";
import { findShotIndex } from "../film/shots.js";
import { Stage, makeStillUrl } from "../film/stage.js";
import { TrackLoader } from "../film/track-loader.js";
import { bindKeys } from "../keys.js";
import { library } from "../library.js";
import { toast, toastError } from "../shell.js";
import { t } from "../strings.js";
import { FilmBar } from "./film-bar.js";
import { FilmNotice } from "./film-notice.js";
import { FilmPlayer } from "./film-player.js";
import { FilmShotPanel } from "./film-shot-panel.js";
import { watchStills } from "./film-still-watch.js";
import { FilmTimeline } from "./film-timeline.js";
import { FilmTools } from "./film-tools.js";
import { PictureCanvas } from "./picture-canvas.js";

/** @typedef {import("../film/types.js").Film} Film */
/** @typedef {import("../film/types.js").Shot} Shot */
/** @typedef {import("../film/film-store.js").FilmStore} FilmStore */
/** @typedef {import("../film/differences.js").Difference} Difference */
/** @typedef {"after" | "before" | "wipe"} Compare */

/** Number of places that are asked for: the most that the server names. */
const MAX_PLACES = 200;
/** Time after which the page says what it waits for, in milliseconds. */
const SLOW = 2000;

export class FilmWorkspace {
  #life = new AbortController();
  #review = new Latest();
  #slowTimer = 0;
  /** @type {Compare} */
  #compare = "after";
  frame = 0;

  /** @param {FilmStore} store */
  constructor(store) {
    this.store = store;
    const { signal } = this.#life;
    this.canvas = new PictureCanvas();
    this.stage = new Stage(this.canvas);
    this.player = new FilmPlayer();
    this.player.hidden = true;
    this.tools = new HintTools(this.canvas, store, () => this.frame, signal);
    this.colors = new FilmTools(this.tools);
    this.panel = new FilmShotPanel();
    this.timeline = new FilmTimeline();
    this.tracks = new TrackLoader(() => this.update());
    this.commands = new FilmCommands(this);
    this.nudger = new Nudger(
      (pending, isStep) => this.#showNudge(pending, isStep),
      ({ index, frame }) => {
        this.timeline.strip.pointer.hideBoundary();
        void this.#move(index + 1, frame);
      },
    );
    this.bar = new FilmBar(this.commands.barActions);
    this.status = make("p", { class: "film-status", role: "status", hidden: true });
    this.notice = new FilmNotice();
    this.element = make("div", { class: "film-workspace" }, [
      make("div", { class: "film-stage" }, [
        this.canvas,
        this.player,
        this.colors.modeBar,
        this.notice.element,
        this.status,
      ]),
      make("aside", { class: "film-side", "aria-label": t("film.side") }, [
        this.colors.element,
        this.panel,
        this.#makeMore(),
      ]),
      this.timeline.element,
    ]);
    this.#listen(signal);
  }

  /** Tools of the bar for which a narrow window has no room. */
  #makeMore() {
    const { render, log, export: openExport, reviewHash } = this.commands.barActions;
    return make("div", { class: "film-more" }, [
      makeButton(t("film.render"), render, { class: "is-portrait-only" }),
      makeButton(t("film.log"), log, { class: "is-portrait-only" }),
      makeButton(t("film.export"), openExport),
      make("a", {
        href: reviewHash,
        class: "film-button is-portrait-only",
        text: t("film.review"),
      }),
    ]);
  }

  /** The film as it is shown, with changes that are on their way. */
  get film() {
    return /** @type {Film} */ (this.store.shown);
  }

  get shot() {
    const { film } = this;
    return /** @type {Shot} */ (film.shots[findShotIndex(film.shots, this.frame)]);
  }

  get compare() {
    return this.#compare;
  }

  /** Show the film, at the frame where it was left. */
  open() {
    const { film } = this;
    this.timeline.strip.stillUrl = (frame, width, view) =>
      makeStillUrl(this.film, frame, width, view);
    this.timeline.strip.film = film;
    this.seek(recallFrame(film.id));
    if (film.notice) toast(film.notice);
    this.loadReview();
    // A finger needs no focus, whose outline would only disturb.
    const isFinger = window.matchMedia("(pointer: coarse)").matches;
    if (document.activeElement === document.body && !isFinger) this.focus();
  }

  /** Give the focus to the picture. */
  focus() {
    this.canvas.focus({ preventScroll: true });
  }

  /** @param {{isDeleted?: boolean}} [reason] changes under way are made unless the film is deleted */
  close({ isDeleted = false } = {}) {
    if (!isDeleted) {
      this.nudger.finish();
      this.panel.saveNote();
    }
    this.#life.abort();
    this.#review.cancel();
    this.nudger.cancel();
    this.tools.close();
    this.tracks.close();
    this.player.close();
    this.stage.close();
    window.clearTimeout(this.#slowTimer);
  }

  /** @param {AbortSignal} signal */
  #listen(signal) {
    const { store, panel, timeline, tools, canvas, player } = this;
    /**
     * @param {EventTarget} target
     * @param {string} type
     * @param {(detail: any) => void} listener
     */
    const on = (target, type, listener) => {
      target.addEventListener(
        type,
        (event) => listener(event instanceof CustomEvent ? event.detail : undefined),
        { signal },
      );
    };
    on(store, "film", (detail) => this.#onFilm(detail));
    on(library, "change", () => this.commands.updateRender());
    on(store, "shown", () => this.update());
    on(store, "failed", ({ error }) => toastError(error));
    on(store, "problem", () => this.#onProblem());
    on(tools, "state", () => this.update());
    on(tools, "error", ({ error }) => toastError(error));
    on(tools, "message", ({ text, values }) => toast(t(text, values)));
    on(this.element, "leave-field", () => this.focus());
    on(panel, "film-change", (request) => void store.change(request));
    on(panel, "film-hint-select", (detail) => this.selectHint(detail));
    on(panel, "film-go", ({ frame }) => this.seek(frame));
    on(panel, "film-approve", () => void this.commands.approve());
    on(panel, "film-split", () => this.commands.split());
    on(panel, "film-merge", () => this.commands.merge());
    on(panel, "film-reference-file", ({ file }) => this.#addReference(file));
    on(timeline.strip, "seek", ({ frame }) => this.seek(frame));
    on(timeline.strip, "boundary-preview", ({ frame }) => this.#showFrame(frame));
    on(timeline.strip, "boundary", ({ shot, frame }) => {
      void this.#move(shot, frame).then((film) => film && this.seek(frame));
    });
    on(timeline.strip, "hint-select", (detail) => this.selectHint(detail));
    on(canvas, "zoomed", ({ isFitted }) => this.bar.setZoom(isFitted));
    watchStills(canvas, this.notice, signal);
    for (const type of ["loaded", "load-error"]) {
      on(canvas, type, () => {
        if (canvas.isShown || this.notice.hasStillError) this.#showSlow(false);
      });
    }
    // After a click on a ring, arrows go on to move through the film instead of moving the ring.
    canvas.addEventListener(
      "pointerup",
      () => window.setTimeout(() => {
        if (document.activeElement?.matches(".ring")) this.focus();
      }),
      { signal },
    );
    document.addEventListener("mousedown", (event) => this.#keepFocus(event), { signal });
    on(canvas, "swipe", ({ direction }) => this.commands.step(direction));
    on(player, "frame", ({ frame }) => this.#showFrame(frame));
    on(player, "stop", ({ frame }) => this.seek(frame));
    document.addEventListener(
      "paste",
      (event) => {
        const file = findPastedPicture(event);
        if (!file || document.querySelector("dialog[open]")) return;
        event.preventDefault();
        this.#addReference(file);
      },
      { signal },
    );
    bindKeys("film", this.commands.keyHandlers, signal);
  }

  /** @param {number} frame */
  seek(frame) {
    const target = clampFrame(this.film, frame);
    if (this.player.isOpen) this.player.close();
    this.#showFrame(target);
  }

  /** @param {number} frame frame that is shown by the canvas or by the player */
  #showFrame(frame) {
    if (frame !== this.frame) this.tools.leaveFrame();
    this.frame = clampFrame(this.film, frame);
    storeFrame(this.film.id, this.frame);
    this.update();
  }

  /** Show everything as it is now. */
  update() {
    const { film, shot, frame } = this;
    if (!shot || this.#life.signal.aborted) return;
    const { selected } = this.tools;
    const tracks = this.tracks.get(this.store.film ?? film, shot);
    this.bar.update(film, shot, frame);
    this.panel.update(film, shot, frame, selected, tracks);
    const { strip } = this.timeline;
    this.timeline.update(film);
    strip.frame = frame;
    strip.selected = selected;
    strip.tracks = tracks;
    if (!this.player.isOpen) {
      const key = this.canvas.source?.key;
      this.stage.show(film, frame);
      if (this.canvas.source?.key !== key) this.#showSlow(!this.canvas.isShown);
    }
    this.stage.showHints(shot, tracks, selected);
    this.colors.update();
    this.timeline.text.textContent = this.tracks.isLoading ? t("film.tracks.loading") : "";
  }

  /** @param {{id: number, frame: number}} hint */
  selectHint({ id, frame }) {
    if (frame !== this.frame) this.seek(frame);
    this.tools.select(id);
  }

  /** @param {Compare} compare */
  setCompare(compare) {
    this.#compare = compare;
    this.showCompare(compare);
    this.bar.setCompare(compare);
  }

  /** @param {Compare} compare shown for as long as a key is held */
  showCompare(compare) {
    this.canvas.compare = compare;
    this.player.compare = compare;
  }

  /** The last rendering of the film. */
  get renderJob() {
    return library.findJob(this.store.id, "render");
  }

  /** Ask where a decision helps most; the server examines shots meanwhile, and says when. */
  loadReview() {
    const { id } = this.film;
    this.#review
      .run((signal) => getReview(id, MAX_PLACES, signal))
      .then((answer) => {
        if (!answer) return;
        this.timeline.strip.needs = computeNeeds(this.film.shots, answer.places);
      })
      .catch(() => {}); // the graph stays as it is
  }

  /** @param {{request: import("../film/types.js").ChangeRequest | null, differences: Difference[]}} detail */
  #onFilm({ request, differences }) {
    const { film } = this;
    this.timeline.strip.film = film;
    this.frame = clampFrame(film, this.frame);
    this.nudger.rebase(film);
    this.player.update(film);
    this.update();
    this.commands.updateRender();
    if (request && request.do !== "undo" && request.do !== "redo") return;
    const { number } = this.shot;
    const here = differences.filter(({ shot }) => shot === number);
    if (request && here.length) return; // what was taken back is in sight
    const key = request ? `film.done.${request.do}` : "film.changed.elsewhere";
    const [first] = here.length ? here : differences;
    if (first) this.#tell(t(key, { text: describeDifference(first) }), differences.length - 1);
    else if (request) this.#tell(t(key, { text: t("film.done.unseen") }), 0);
  }

  /**
   * Tell what has changed, besides what is in sight.
   *
   * @param {string} text
   * @param {number} count further changes
   */
  #tell(text, count) {
    toast({
      text: count ? `${text} ${t("film.more", { count })}` : text,
      action: { text: t("film.log"), run: () => this.commands.openLog() },
    });
  }

  /** The project cannot be read, or can be read again. */
  #onProblem() {
    this.notice.problem = this.store.problem;
    if (!this.store.problem) this.canvas.reload();
  }

  /**
   * @param {number} shot
   * @param {number} frame
   */
  async #move(shot, frame) {
    const film = await this.store.change({ do: "move", shot, frame });
    if (!film) this.timeline.strip.pendingBoundary = null;
    return film;
  }

  /**
   * @param {import("../film/nudger.js").Boundary | null} pending
   * @param {boolean} isStep whether it has moved just now
   */
  #showNudge(pending, isStep) {
    const { strip } = this.timeline;
    strip.pendingBoundary = pending;
    if (!pending) strip.pointer.hideBoundary();
    if (!pending || !isStep) return;
    this.#showFrame(pending.frame);
    strip.pointer.showBoundary(pending.index, pending.frame);
  }

  /** @param {File} file */
  #addReference(file) {
    const { frame, shot } = this;
    void addReferenceFile(this.store, file, { frame, shot: shot.number });
  }

  /**
   * Buttons that are clicked leave the focus to the picture, so that Space plays the shot afterwards
   * and does not press them again.
   *
   * @param {MouseEvent} event
   */
  #keepFocus(event) {
    const { target } = event;
    if (!(target instanceof Element) || target.closest("dialog, .drawer, picture-canvas")) return;
    if (!target.closest("button, summary")) return;
    event.preventDefault();
    this.focus();
  }

  /** @param {boolean} isWaiting */
  #showSlow(isWaiting) {
    window.clearTimeout(this.#slowTimer);
    this.status.hidden = true;
    if (!isWaiting) return;
    this.#slowTimer = window.setTimeout(() => {
      this.status.hidden = false;
      this.status.textContent = t("film.slow", { frame: String(this.frame) });
    }, SLOW);
  }
}
