// @ts-check
/** What keys and buttons of the film view do. */

import { openGoTo } from "../components/film-go-to.js";
import { openLog } from "../components/film-log.js";
import { RenderDialog } from "../components/film-render-dialog.js";
import { library } from "../library.js";
import { loadPart, toast } from "../shell.js";
import { t } from "../strings.js";
import { cancelJob, getLog, getPlan, renderFilm, reportUrl, resultUrl } from "./film-api.js";
import { findNextShot, findOpenFrame, findPreviousShot } from "./navigation.js";
import { canSplit, getMiddle, isOpen } from "./shots.js";

/** @typedef {import("../components/film-workspace.js").FilmWorkspace} FilmWorkspace */
/** @typedef {import("../components/film-bar.js").BarActions} BarActions */

/** Frames of a long step. */
const LONG_STEP = 10;

export class FilmCommands {
  /** @type {RenderDialog | null} */
  #render = null;

  /** @param {FilmWorkspace} workspace */
  constructor(workspace) {
    this.view = workspace;
  }

  /** @returns {BarActions} */
  get barActions() {
    const { view } = this;
    return {
      compare: (compare) => view.setCompare(compare),
      zoom: () => this.zoom(),
      confidence: () => this.toggleConfidence(),
      undo: () => this.undo(),
      redo: () => this.redo(),
      goTo: () => this.goTo(),
      log: () => this.openLog(),
      export: () => void this.openExport(),
      render: () => this.openRender(),
      reviewHash: `#/review/${view.store.id}`,
    };
  }

  /** @returns {Record<string, (event: KeyboardEvent, isDown: boolean) => void>} */
  get keyHandlers() {
    const { view } = this;
    return {
      back: () => this.step(-1),
      forward: () => this.step(1),
      "back-ten": () => this.step(-LONG_STEP),
      "forward-ten": () => this.step(LONG_STEP),
      "previous-shot": () => view.seek(findPreviousShot(view.film, view.frame)),
      "next-shot": () => view.seek(findNextShot(view.film, view.frame)),
      first: () => view.seek(view.shot.first),
      last: () => view.seek(view.shot.end - 1),
      play: () => {
        // A control that was reached by keyboard keeps its own key.
        const focused = document.activeElement;
        const isControl = focused?.matches("button:focus-visible, summary:focus-visible");
        if (focused instanceof HTMLElement && isControl) focused.click();
        else this.togglePlay();
      },
      reverse: () => this.play(-1),
      stop: () => view.player.stop(),
      faster: () => this.play(1),
      approve: () => void this.approve(),
      open: () => this.goToOpen(),
      hint: () => view.tools.setMode("hint"),
      protect: () => view.tools.toggleMode("protect"),
      eyedropper: () => view.tools.toggleMode("eyedropper"),
      neutral: () => view.tools.setColor("neutral"),
      likely: ({ key }) => view.tools.applyLikely(Number(key) - 1),
      smaller: () => this.resize(-1),
      larger: () => this.resize(1),
      remove: () => view.tools.remove(),
      undo: () => this.undo(),
      redo: () => this.redo(),
      before: (_event, isDown) => view.showCompare(isDown ? "before" : view.compare),
      wipe: () => view.setCompare(view.compare === "wipe" ? "after" : "wipe"),
      zoom: () => this.zoom(),
      closer: () => view.canvas.zoomBy(1.25),
      farther: () => view.canvas.zoomBy(1 / 1.25),
      confidence: () => this.toggleConfidence(),
      note: () => view.panel.focusNote(),
      split: () => this.split(),
      merge: () => this.merge(),
      "nudge-back": () => this.nudge(-1),
      "nudge-forward": () => this.nudge(1),
      "nudge-back-ten": () => this.nudge(-LONG_STEP),
      "nudge-forward-ten": () => this.nudge(LONG_STEP),
      render: () => this.openRender(),
      "go-to": () => this.goTo(),
      release: () => this.release(),
    };
  }

  /** @param {number} frames */
  step(frames) {
    this.view.seek(this.view.frame + frames);
  }

  /** @param {1 | -1} direction */
  play(direction) {
    const { view } = this;
    void view.player.play(view.film, view.shot, view.frame, direction);
  }

  togglePlay() {
    if (this.view.player.isOpen) this.view.player.stop();
    else this.play(1);
  }

  async approve() {
    const { view } = this;
    const { film, shot, frame } = view;
    view.nudger.finish();
    view.panel.saveNote();
    const isDone = shot.is_approved && !isOpen(shot);
    const change = isDone ? null : view.store.change({ do: "approve", shot: shot.number });
    const next = findOpenFrame(film, frame);
    if (next !== null) view.seek(next);
    else if (!change) toast(t("film.open.none"));
    else if (await change) toast(t("film.approved.last"));
  }

  goToOpen() {
    const { view } = this;
    const next = findOpenFrame(view.film, view.frame);
    if (next !== null) view.seek(next);
    else toast(t(isOpen(view.shot) ? "film.open.only" : "film.open.none"));
  }

  /** @param {number} steps */
  resize(steps) {
    const { selected } = this.view.tools;
    if (selected !== null) this.view.canvas.resizeHint(String(selected), steps);
  }

  undo() {
    if (this.view.nudger.cancel()) return;
    // A change that is on its way can be undone, too.
    const { film, store } = this.view;
    if (film.can_undo !== false || store.hasPending) void store.change({ do: "undo" });
  }

  redo() {
    const { film, store } = this.view;
    if (film.can_redo !== false || store.hasPending) void store.change({ do: "redo" });
  }

  zoom() {
    const { canvas } = this.view;
    canvas.zoomTo(canvas.isFitted ? "one" : "fit");
  }

  toggleConfidence() {
    const { canvas, bar } = this.view;
    canvas.overlay = canvas.overlay ? null : "confidence";
    bar.confidence.setAttribute("aria-pressed", String(canvas.overlay !== null));
  }

  split() {
    this.view.nudger.finish();
    const { shot, frame, store } = this.view;
    if (canSplit(shot, frame)) void store.change({ do: "split", frame });
    else toast(t(frame === shot.first ? "film.split.first" : "film.split.dissolve"));
  }

  merge() {
    this.view.nudger.finish();
    const { film, shot, store } = this.view;
    if (shot.number < film.shots.length) void store.change({ do: "merge", shot: shot.number });
    else toast(t("film.merge.last"));
  }

  /** @param {number} frames */
  nudge(frames) {
    const { nudger, film, frame } = this.view;
    if (!nudger.move(film, frame, frames)) toast(t("film.nudge.none"));
  }

  release() {
    if (this.view.player.isOpen) this.view.player.stop();
    else this.view.tools.release();
  }

  goTo() {
    const { view } = this;
    openGoTo(view.film, (frame) => view.seek(frame));
  }

  openLog() {
    const { store } = this.view;
    openLog(
      () => getLog(store.id),
      (revision) => store.change({ do: "undo", revision }),
    );
  }

  async openExport() {
    const part = await loadPart(() => import("../components/film-export-dialog.js"));
    part?.openExport(this.view.film);
  }

  openRender() {
    const { view } = this;
    const { id } = view.film;
    view.nudger.finish();
    view.panel.saveNote();
    this.#render = new RenderDialog({
      film: () => view.film,
      job: () => view.renderJob,
      getPlan: (container, signal) => getPlan(id, container, signal),
      setOptions: (values) => view.store.change({ do: "set", ...values }),
      start: async (options) => {
        await renderFilm(id, options);
        await library.load();
      },
      cancel: (job) => cancelJob(job.id),
      resultUrl: resultUrl(id),
      reportUrl: (format) => reportUrl(id, format),
      goToShot: (number) => {
        const shot = view.film.shots[number - 1];
        if (shot) view.seek(getMiddle(shot));
      },
    });
    this.#render.open();
  }

  updateRender() {
    this.#render?.update();
  }
}
