// @ts-check
/** The places where a decision helps most, with their likely colors: one click applies one. */

import { make, makeButton, replaceRows, setText } from "../dom.js";
import { makeSwatch } from "../film/swatch.js";
import { nameNearestColor } from "../photo/colors.js";
import { formatPercent, t } from "../strings.js";

/** @typedef {import("../film/types.js").ReviewPlace} ReviewPlace */

/** Greatest number of places in other shots that are listed. */
const MAX_OTHERS = 20;

/**
 * @typedef {object} ReviewPlacesActions
 * @property {(place: ReviewPlace) => void} go
 * @property {(place: ReviewPlace, color: string) => void} apply
 */

export class ReviewPlaces {
  /** @param {ReviewPlacesActions} actions */
  constructor(actions) {
    this.actions = actions;
    this.here = make("ol", { class: "review-places" });
    this.empty = make("p", { class: "quiet" });
    this.others = make("ol", { class: "review-places" });
    this.otherSection = make("section", { class: "section" }, [
      make("h2", { text: t("review.places.others") }),
      this.others,
    ]);
    this.element = make("div", {}, [
      make("section", { class: "section" }, [
        make("h2", { text: t("review.places") }),
        this.empty,
        this.here,
      ]),
      this.otherSection,
    ]);
    this.signature = "";
  }

  /**
   * @param {ReviewPlace[]} here places in the shot that is shown
   * @param {ReviewPlace[]} others
   * @param {boolean} isSearching whether some shots are not examined yet
   */
  update(here, others, isSearching) {
    const listed = others.slice(0, MAX_OTHERS);
    const signature = JSON.stringify([here, listed, isSearching]);
    if (signature === this.signature) return;
    this.signature = signature;
    this.empty.hidden = here.length > 0;
    setText(this.empty, t(isSearching ? "review.places.wait" : "review.places.empty"));
    replaceRows(
      this.here,
      here.map((place, index) => this.#makeRow(place, index + 1, true)),
    );
    this.otherSection.hidden = !listed.length;
    replaceRows(
      this.others,
      listed.map((place, index) => this.#makeRow(place, index + 1, false)),
    );
  }

  /** @param {number} index */
  focus(index) {
    const button = this.here.children[index]?.querySelector(".review-colors button");
    if (button instanceof HTMLElement) button.focus();
  }

  /**
   * @param {ReviewPlace} place
   * @param {number} number
   * @param {boolean} isHere
   */
  #makeRow(place, number, isHere) {
    const name = isHere
      ? t("review.place", { number })
      : t("review.place.go", { shot: place.shot, frame: String(place.frame) });
    const go = makeButton(isHere ? String(number) : "→", () => this.actions.go(place), {
      class: "review-number",
      "aria-label": name,
    });
    const colors = place.colors.map(({ color, share }) => {
      const percent = formatPercent(share);
      const colorName = nameNearestColor(color);
      const button = makeButton("", () => this.actions.apply(place, color), {
        "aria-label": t("review.color", { color: colorName, share: percent, number }),
        title: colorName,
      });
      button.append(makeSwatch(color), percent);
      return button;
    });
    const details = t("review.place.text", {
      area: formatPercent(place.area ?? 0),
      confidence: formatPercent(place.confidence ?? 0),
    });
    return make("li", { class: "review-place" }, [
      go,
      make("div", {}, [
        isHere ? null : make("p", { text: name }),
        make("p", { class: "quiet", text: details }),
      ]),
      make("div", { class: "review-colors" }, colors),
    ]);
  }
}
