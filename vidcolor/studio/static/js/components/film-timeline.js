// @ts-check
/** The strip of a film with its head: how many shots are open, the reach of a hint, zoom. */

import { make, makeButton, setText } from "../dom.js";
import { STATE_GLYPHS, countStates } from "../film/shots.js";
import { t } from "../strings.js";
import { FilmStrip } from "./film-strip.js";

/** @typedef {import("../film/types.js").Film} Film */
/** @typedef {import("../film/types.js").ShotState} ShotState */

/** @type {ShotState[]} */
const STATES = ["open", "changed", "approved", "gray"];

export class FilmTimeline {
  constructor() {
    this.strip = new FilmStrip();
    this.states = new Map(STATES.map((state) => [state, make("span", { class: "film-count" })]));
    this.text = make("p", { class: "quiet film-timeline-text", role: "status" });
    const zoom = make("div", { class: "film-timeline-zoom" }, [
      makeButton("−", () => this.strip.zoom(1 / 1.6), this.#name("film.strip.out")),
      makeButton(t("film.strip.fit"), () => this.strip.fit(), { class: "is-plain" }),
      makeButton("+", () => this.strip.zoom(1.6), this.#name("film.strip.in")),
    ]);
    this.element = make("section", { class: "film-timeline", "aria-label": t("film.timeline") }, [
      make("div", { class: "film-timeline-head" }, [
        make("div", { class: "film-counts" }, [...this.states.values()]),
        this.text,
        zoom,
      ]),
      this.strip,
    ]);
  }

  /** @param {string} key */
  #name(key) {
    return { class: "is-plain", "aria-label": t(key), title: t(key) };
  }

  /** @param {Film} film */
  update(film) {
    const counts = countStates(film.shots);
    for (const [state, element] of this.states) {
      const count = counts[state];
      element.hidden = !count && state !== "open";
      setText(element, `${STATE_GLYPHS[state]} ${t(`film.count.${state}`, { count })}`);
    }
  }
}
