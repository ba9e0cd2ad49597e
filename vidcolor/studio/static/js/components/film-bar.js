// @ts-check
/** The tools of a film in the bar on top: name, place in the film, comparison, zoom, rendering. */

import { make, makeButton, makeIconButton, setText } from "../dom.js";
import { STATE_GLYPHS } from "../film/shots.js";
import { formatTimecode, makeScale } from "../film/timecode.js";
import { setBar } from "../shell.js";
import { t } from "../strings.js";

/** @typedef {import("../film/types.js").Film} Film */
/** @typedef {import("../film/types.js").Shot} Shot */
/** @typedef {"after" | "before" | "wipe"} Compare */

/** @type {Compare[]} */
const COMPARES = ["before", "after", "wipe"];

/**
 * @typedef {object} BarActions
 * @property {(compare: Compare) => void} compare
 * @property {() => void} zoom
 * @property {() => void} confidence
 * @property {() => void} undo
 * @property {() => void} redo
 * @property {() => void} goTo
 * @property {() => void} log
 * @property {() => void} export
 * @property {() => void} render
 * @property {string} reviewHash
 */

export class FilmBar {
  /** @param {BarActions} actions */
  constructor(actions) {
    this.name = make("h1", { class: "film-name" });
    this.shot = make("span", { class: "film-place-shot" });
    this.place = makeButton("", actions.goTo, {
      class: "is-plain film-place",
      title: t("film.goto.title"),
    });
    this.frame = make("span", { class: "film-place-frame" });
    this.timecode = make("span", { class: "quiet film-place-timecode" });
    this.place.append(this.shot, this.frame, this.timecode);
    this.compares = COMPARES.map((compare) =>
      makeButton(t(`film.compare.${compare}`), () => actions.compare(compare), {
        role: "radio",
        "data-compare": compare,
      }),
    );
    const group = {
      class: "segments film-compare",
      role: "radiogroup",
      "aria-label": t("film.compare"),
    };
    const segments = make("div", group, this.compares);
    segments.addEventListener("keydown", (event) => this.#moveCompare(event, actions));
    this.undo = makeIconButton("undo", t("film.undo"), actions.undo);
    this.redo = makeIconButton("redo", t("film.redo"), actions.redo);
    this.zoom = makeButton(t("film.zoom.one"), actions.zoom, {
      class: "is-plain film-zoom",
      "aria-pressed": "false",
    });
    this.confidence = makeIconButton("map", t("film.confidence"), actions.confidence, {
      class: "icon-button film-confidence",
      "aria-pressed": "false",
    });
    this.render = makeButton(t("film.render"), actions.render, { class: "film-render-button" });
    const review = make("a", {
      href: actions.reviewHash,
      class: "film-button is-wide-only",
      text: t("film.review"),
    });
    const log = makeButton(t("film.log"), actions.log, { class: "is-plain is-wide-only" });
    const exports = makeButton(t("film.export"), actions.export, {
      class: "is-plain is-wide-only film-export-button",
    });
    setBar({
      title: [this.name, this.place],
      tools: [
        this.undo,
        this.redo,
        segments,
        this.zoom,
        this.confidence,
        log,
        exports,
        review,
        this.render,
      ],
    });
    this.setCompare("after");
  }

  /**
   * @param {Film} film
   * @param {Shot} shot
   * @param {number} frame
   */
  update(film, shot, frame) {
    setText(this.name, film.name);
    this.name.title = film.name;
    const state = t(`film.state.${shot.state}`);
    const number = t("film.bar.shot", { shot: shot.number, shots: film.shots.length });
    setText(this.shot, `${number} · ${STATE_GLYPHS[shot.state]} ${state}`);
    setText(this.frame, t("film.bar.frame", { frame: String(frame) }));
    setText(this.timecode, formatTimecode(frame, makeScale(film)));
    this.undo.disabled = film.can_undo === false;
    this.redo.disabled = film.can_redo === false;
  }

  /** @param {Compare} compare */
  setCompare(compare) {
    for (const button of this.compares) {
      const isChosen = button.dataset.compare === compare;
      button.setAttribute("aria-checked", String(isChosen));
      button.tabIndex = isChosen ? 0 : -1;
    }
  }

  /** @param {boolean} isFitted */
  setZoom(isFitted) {
    this.zoom.setAttribute("aria-pressed", String(!isFitted));
  }

  /**
   * @param {KeyboardEvent} event
   * @param {BarActions} actions
   */
  #moveCompare(event, actions) {
    const step = event.key === "ArrowLeft" ? -1 : event.key === "ArrowRight" ? 1 : 0;
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    const index = this.compares.findIndex((button) => button === document.activeElement);
    const next = (index + step + COMPARES.length) % COMPARES.length;
    actions.compare(COMPARES[next] ?? "after");
    this.compares[next]?.focus();
  }
}

