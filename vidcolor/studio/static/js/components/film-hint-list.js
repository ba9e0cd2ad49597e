// @ts-check
/** The hints of a shot: color, frame, reach through the shot, evidence. */

import { describeColor } from "../film/describe.js";
import { make, makeButton, makeIconButton, setText } from "../dom.js";
import { makeSwatch } from "../film/swatch.js";
import { computeReach } from "../film/tracks.js";
import { t } from "../strings.js";

/** @typedef {import("../film/types.js").Hint} Hint */
/** @typedef {import("../film/types.js").Shot} Shot */
/** @typedef {import("../film/types.js").Track} Track */

export class HintList {
  /** @param {HTMLElement} target element that dispatches the events */
  constructor(target) {
    this.target = target;
    this.heading = make("h3", { id: "shot-hints" });
    this.list = make("ul", { class: "film-rows", "aria-labelledby": this.heading.id });
    this.element = make("section", {}, [this.heading, this.list]);
    this.signature = "";
  }

  /**
   * @param {Shot} shot
   * @param {number | null} selected
   * @param {readonly Track[]} tracks
   */
  update(shot, selected, tracks) {
    const signature = JSON.stringify([shot.hints, shot.first, shot.end, selected, tracks]);
    if (signature === this.signature) return;
    const { activeElement } = document;
    if (activeElement instanceof HTMLInputElement && this.list.contains(activeElement)) {
      const isSame = activeElement.dataset.hint === String(selected);
      if (isSame) return; // the evidence is being typed
    }
    this.signature = signature;
    const count = shot.hints.length;
    setText(this.heading, count ? t("film.hints", { count }) : t("film.hints.title"));
    const rows = shot.hints.map((hint) => {
      const track = tracks.find((item) => item.hint === hint.id);
      return this.makeRow(hint, shot, hint.id === selected, track);
    });
    const focused = activeElement instanceof HTMLElement && this.list.contains(activeElement);
    const key = focused ? activeElement.dataset.key : undefined;
    this.list.replaceChildren(
      ...(rows.length ? rows : [make("li", { class: "quiet", text: t("film.hints.none") })]),
    );
    const again = key ? this.list.querySelector(`[data-key="${key}"]`) : null;
    if (again instanceof HTMLElement) again.focus();
  }

  /**
   * @param {Hint} hint
   * @param {Shot} shot
   * @param {boolean} isSelected
   * @param {Track | undefined} track
   */
  makeRow(hint, shot, isSelected, track) {
    const name = describeColor(hint.color);
    const select = () => this.emit("hint-select", { id: hint.id, frame: hint.frame });
    const choose = makeButton("", select, {
      class: "film-row-main",
      "aria-pressed": String(isSelected),
      "data-key": `hint-${hint.id}`,
    });
    choose.append(
      makeSwatch(hint.color),
      make("span", { class: "film-row-name", text: name }),
      make("span", {
        class: "quiet",
        text: t("film.hint.frame", { frame: String(hint.frame) }),
      }),
    );
    const remove = makeIconButton(
      "close",
      t("film.hint.remove.label", { color: name, frame: String(hint.frame) }),
      () => this.change({ do: "remove-hint", id: hint.id }),
    );
    const row = make("li", { class: isSelected ? "film-row is-selected" : "film-row" }, [
      choose,
      remove,
    ]);
    if (isSelected) row.append(this.makeDetails(hint, shot, track));
    else if (track && isLost(hint, shot, track)) {
      row.append(make("p", { class: "quiet film-row-text", text: t("film.hint.lost.part") }));
    }
    return row;
  }

  /**
   * @param {Hint} hint
   * @param {Shot} shot
   * @param {Track | undefined} track
   */
  makeDetails(hint, shot, track) {
    const evidence = make("input", {
      type: "text",
      id: `hint-evidence-${hint.id}`,
      autocomplete: "off",
      value: hint.evidence ?? "",
      "data-hint": hint.id,
      placeholder: t("film.evidence.placeholder"),
    });
    evidence.addEventListener("change", () => {
      this.change({ do: "set-hint", id: hint.id, evidence: evidence.value.trim() });
    });
    evidence.addEventListener("keydown", ({ key }) => {
      if (key !== "Enter" && key !== "Escape") return;
      evidence.blur();
      this.element.dispatchEvent(new CustomEvent("leave-field", { bubbles: true }));
    });
    return make("div", { class: "film-row-details" }, [
      make("p", { class: "quiet", text: describeReach(hint, shot, track) }),
      hint.by ? make("p", { class: "quiet", text: t("film.hint.by", { by: hint.by }) }) : null,
      make("label", { for: evidence.id, text: t("film.evidence") }),
      evidence,
    ]);
  }

  /** @param {Record<string, unknown>} request */
  change(request) {
    this.emit("change", request);
  }

  /**
   * @param {string} name
   * @param {Record<string, unknown>} detail
   */
  emit(name, detail) {
    this.target.dispatchEvent(new CustomEvent(`film-${name}`, { detail }));
  }
}

/**
 * @param {Hint} hint
 * @param {Shot} shot
 * @param {Track} track
 */
function isLost(hint, shot, track) {
  return computeReach(hint, track.frames, shot).some((run) => !run.found);
}

/**
 * Return where a hint is found and where it is lost, in words.
 *
 * @param {Hint} hint
 * @param {Shot} shot
 * @param {Track | undefined} track
 * @returns {string}
 */
export function describeReach(hint, shot, track) {
  if (!track?.frames.length) return t("film.reach.unknown");
  const runs = computeReach(hint, track.frames, shot);
  if (runs.every((run) => run.found)) return t("film.reach.all");
  return runs
    .map(({ first, last, found }) =>
      t(found ? "film.reach.found" : "film.reach.lost", {
        first: String(first),
        last: String(last),
      }),
    )
    .join("; ");
}
