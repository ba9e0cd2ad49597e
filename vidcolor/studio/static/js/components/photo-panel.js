// @ts-check
/**
 * `<photo-panel>`: colors, hints, settings and advice of a photo; on phones a sheet at the bottom.
 *
 * Events: `photo-change` {do, …}, a change of the photo; `hint-choose` {id}; `place-choose` {index};
 * `place-color` {index, color}; `reference` {file}, where null removes it; `preview` {saturation};
 * `hand-clear` {}; `delete` {}.
 */

import { make, makeButton, makeIconButton, replaceRows, setText } from "../dom.js";
import { nameColor, nameNearestColor } from "../photo/colors.js";
import { formatBytes, formatDuration, formatPercent, t } from "../strings.js";
import { ColorPanel } from "./color-panel.js";
import { SettingSlider } from "./setting-slider.js";

/** @typedef {import("../types.js").Photo} Photo */
/** @typedef {import("../types.js").PhotoHint} PhotoHint */
/** @typedef {import("../types.js").Suggestion} Suggestion */

/** Greatest number of colors of a place that are offered. */
const PLACE_COLORS = 4;

export class PhotoPanel extends HTMLElement {
  colors = new ColorPanel();
  #title = make("h2", {});
  #detail = make("span", { class: "quiet" });
  #handClear = makeIconButton("close", t("photo.hand.clear"), () => this.#emit("hand-clear", {}));
  #hintList = make("ul", { class: "hint-list" });
  #hintEmpty = make("p", { class: "quiet", text: t("photo.hints.empty") });
  #resetButton = makeButton(t("photo.reset"), () => this.#change({ do: "reset" }), {
    class: "is-plain",
  });
  #hintTitle = make("h2", {});
  #vividness = new SettingSlider({
    name: "vividness",
    label: t("photo.vividness"),
    max: 1,
    start: 0.5,
    defaultText: t("photo.automatic"),
    onChange: (vividness) => this.#change({ do: "set", vividness }),
  });
  #saturation = new SettingSlider({
    name: "saturation",
    label: t("photo.saturation"),
    max: 3,
    start: 1,
    defaultText: "1.00",
    onInput: (saturation) => this.#emit("preview", { saturation }),
    onChange: (saturation) => this.#change({ do: "set", saturation }),
  });
  #referenceInput = make("input", { type: "file", accept: "image/*", hidden: true });
  #referenceName = make("span", { class: "truncate grow" });
  #referenceRemove = makeIconButton("trash", t("photo.reference.remove"), () =>
    this.#emit("reference", { file: null }),
  );
  #referenceButton = makeButton(t("photo.reference.choose"), () => this.#referenceInput.click());
  #placeList = make("ol", { class: "place-list" });
  #placeStatus = make("p", { class: "quiet" });
  #body = make("div", { class: "panel-body" });
  /** @type {number | string | null} */
  #selected = null;
  #facts = make("p", { class: "quiet" });
  #notice = make("p", {});
  #expires = make("p", { class: "quiet" });
  #delete = makeButton(t("photo.delete"), () => this.#emit("delete", {}), { class: "is-plain" });
  #handle = make("button", { type: "button", class: "sheet-handle", "aria-expanded": "false" }, [
    make("span", { class: "visually-hidden", text: t("photo.sheet") }),
  ]);

  constructor() {
    super();
    this.#handle.addEventListener("click", () => this.toggleSheet());
    this.#connectSwipe();
    this.#referenceInput.addEventListener("change", () => {
      const file = this.#referenceInput.files?.[0];
      this.#referenceInput.value = "";
      if (file) this.#emit("reference", { file });
    });
  }

  connectedCallback() {
    if (this.childElementCount) return;
    const section = (
      /** @type {(Node | null)[]} */ head,
      /** @type {(Node | null)[]} */ body,
      name = "",
    ) => make("section", { class: `section ${name}` }, [make("header", {}, head), ...body]);
    const reference = make("div", { class: "reference" }, [
      make("h3", { class: "quiet", text: t("photo.reference") }),
      make("div", { class: "row" }, [
        this.#referenceName,
        this.#referenceRemove,
        this.#referenceButton,
        this.#referenceInput,
      ]),
      make("p", { class: "quiet", text: t("photo.reference.help") }),
    ]);
    this.#connectDrop(reference);
    this.append(this.#handle, this.#body);
    this.#body.append(
      section(
        [this.#title, make("span", { class: "row" }, [this.#detail, this.#handClear])],
        [this.colors],
        "section-colors",
      ),
      section([this.#hintTitle, this.#resetButton], [this.#hintEmpty, this.#hintList]),
      section(
        [make("h2", { text: t("photo.picture") })],
        [this.#vividness.element, this.#saturation.element, reference],
      ),
      section([make("h2", { text: t("photo.places") })], [this.#placeStatus, this.#placeList]),
      section(
        [make("h2", { text: t("photo.this") }), this.#delete],
        [this.#notice, this.#facts, this.#expires],
      ),
    );
  }

  /**
   * @param {Photo} photo
   * @param {number | string | null} selected
   */
  updatePhoto(photo, selected) {
    const { hints } = photo;
    if (selected !== null && selected !== this.#selected && !this.#isOpen) this.#showColors();
    this.#selected = selected;
    setText(this.#hintTitle, t("photo.hints", { count: hints.length }));
    this.#hintEmpty.hidden = hints.length > 0;
    const hasDecisions =
      hints.length > 0 || photo.vividness !== null || photo.saturation !== 1 || photo.reference;
    this.#resetButton.hidden = !hasDecisions;
    replaceRows(
      this.#hintList,
      hints.map((hint, index) => this.#makeHintRow(hint, index, hint.id === selected)),
    );
    this.#vividness.update(photo.vividness);
    this.#saturation.update(photo.saturation, photo.saturation === 1);
    setText(this.#referenceName, photo.reference?.name ?? t("photo.reference.none"));
    this.#referenceName.classList.toggle("quiet", !photo.reference);
    this.#referenceRemove.hidden = !photo.reference;
    const { width, height, size, expires } = photo;
    setText(this.#facts, t("photo.file", { width: width ?? 0, height: height ?? 0, size: formatBytes(size) }));
    setText(this.#notice, photo.notice ?? "");
    this.#notice.hidden = !photo.notice;
    this.#delete.hidden = !photo.is_upload;
    this.#expires.hidden = !photo.is_upload || !expires;
    const left = Math.max((expires ?? 0) - Date.now() / 1000, 0);
    setText(this.#expires, t("photo.expires", { time: formatDuration(left) }));
  }

  /**
   * @param {string} title what the colors are for
   * @param {string} detail
   * @param {boolean} hasHand whether a color is in hand
   */
  updateTarget(title, detail, hasHand) {
    setText(this.#title, title);
    setText(this.#detail, detail);
    this.#handClear.hidden = !hasHand;
  }

  /**
   * @param {Suggestion[]} places
   * @param {string} status shown when there are none
   */
  updatePlaces(places, status) {
    setText(this.#placeStatus, status);
    this.#placeStatus.hidden = !status;
    replaceRows(
      this.#placeList,
      places.map((place, index) => {
        const percent = formatPercent(place.confidence);
        const go = makeButton("", () => this.#emit("place-choose", { index }), {
          class: "is-plain place-button",
          "aria-label": t("photo.place", { number: index + 1, confidence: percent }),
        });
        go.append(
          make("span", { class: "place-number", text: index + 1 }),
          make("span", { class: "quiet", text: t("photo.place.confidence", { confidence: percent }) }),
        );
        const swatches = place.colors.slice(0, PLACE_COLORS).map(({ color, share }) => {
          const label = t("photo.place.color", {
            color: nameNearestColor(color),
            share: formatPercent(share),
            number: index + 1,
          });
          const swatch = make("button", { type: "button", class: "small-swatch" });
          swatch.title = label;
          swatch.setAttribute("aria-label", label);
          swatch.style.backgroundColor = color;
          swatch.addEventListener("click", () => this.#emit("place-color", { index, color }));
          return swatch;
        });
        return make("li", { class: "row" }, [go, make("span", { class: "row" }, swatches)]);
      }),
    );
  }

  /** @param {boolean} [isOpen] */
  toggleSheet(isOpen = !this.#isOpen) {
    this.classList.toggle("is-open", isOpen);
    if (!isOpen) this.#showColors();
    this.#handle.setAttribute("aria-expanded", String(isOpen));
  }

  get #isOpen() {
    return this.classList.contains("is-open");
  }

  /** A sheet that is closed has room for the colors only; a panel beside the picture shows all. */
  #showColors() {
    if (this.#handle.getClientRects().length) this.#body.scrollTop = 0;
  }

  /**
   * @param {PhotoHint} hint
   * @param {number} index
   * @param {boolean} isSelected
   */
  #makeHintRow(hint, index, isSelected) {
    const swatch = make("span", { class: "swatch", "aria-hidden": "true" });
    if (hint.color.startsWith("#")) swatch.style.setProperty("--swatch", hint.color);
    else swatch.classList.add(`is-${hint.color}`);
    const choose = makeButton("", () => this.#emit("hint-choose", { id: hint.id }), {
      class: "is-plain hint-button grow",
      "aria-pressed": String(isSelected),
    });
    choose.append(
      swatch,
      make("span", {
        text: t("photo.hint.row", { number: index + 1, color: describeColor(hint.color) }),
      }),
    );
    const remove = makeIconButton("trash", t("photo.hint.remove", { number: index + 1 }), () =>
      this.#change({ do: "remove-hint", id: hint.id }),
    );
    return make("li", { class: "row" }, [choose, remove]);
  }

  /** @param {HTMLElement} reference where a picture may be dropped */
  #connectDrop(reference) {
    reference.addEventListener("dragover", (event) => {
      event.preventDefault();
      event.stopPropagation(); // elsewhere in the view, files are refused
    });
    reference.addEventListener("drop", (event) => {
      event.preventDefault();
      const [file] = event.dataTransfer?.files ?? [];
      if (file) this.#emit("reference", { file });
    });
  }

  /** A swipe on the handle opens and closes the sheet. */
  #connectSwipe() {
    let start = 0;
    this.#handle.addEventListener("pointerdown", (event) => {
      start = event.clientY;
      this.#handle.setPointerCapture(event.pointerId);
    });
    this.#handle.addEventListener("pointerup", (event) => {
      const distance = event.clientY - start;
      if (Math.abs(distance) < 24) return; // a click follows
      this.toggleSheet(distance < 0);
      this.#handle.addEventListener("click", (click) => click.stopImmediatePropagation(), {
        once: true,
        capture: true,
      });
    });
  }

  /** @param {import("../types.js").PhotoChange} change */
  #change(change) {
    this.#emit("photo-change", change);
  }

  /**
   * @param {string} type
   * @param {object} detail
   */
  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/**
 * Return how a color of a hint is called.
 * @param {string} color
 */
export function describeColor(color) {
  if (color === "neutral" || color === "keep") return t(`color.${color}`);
  return nameColor(color);
}

customElements.define("photo-panel", PhotoPanel);

