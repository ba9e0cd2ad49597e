// @ts-check
/** A slider of a setting that a shot may have of its own, or take from the film. */

import { make, makeIconButton, setText } from "../dom.js";
import { formatNumber, t } from "../strings.js";

/**
 * @typedef {object} SliderOptions
 * @property {string} name unique in the page
 * @property {string} label
 * @property {number} max
 * @property {(value: number | null) => void} onChange called once a gesture; null for the default
 */

export class SettingSlider {
  /** @param {SliderOptions} options */
  constructor({ name, label, max, onChange }) {
    this.input = make("input", { type: "range", id: `slider-${name}`, min: 0, max, step: 0.01 });
    this.value = make("output", { for: this.input.id, class: "film-slider-value" });
    this.reset = makeIconButton("undo", t("film.default.label", { name: label }), () => {
      this.input.focus({ preventScroll: true }); // the button is hidden then
      onChange(null);
    });
    this.element = make("div", { class: "film-slider" }, [
      make("label", { for: this.input.id, text: label }),
      this.value,
      this.reset,
      this.input,
    ]);
    this.isMoving = false;
    this.input.addEventListener("input", () => {
      this.isMoving = true;
      setText(this.value, formatSetting(Number(this.input.value)));
    });
    this.input.addEventListener("change", () => {
      this.isMoving = false;
      onChange(Number(this.input.value));
    });
  }

  /**
   * @param {number | null} value null if it is that of the film
   * @param {number | null} inherited value of the film; null if the model chooses it
   */
  update(value, inherited) {
    this.reset.hidden = value === null;
    if (this.isMoving) return;
    const shown = value ?? inherited;
    this.input.value = String(shown ?? 0.5);
    this.input.classList.toggle("is-default", value === null);
    const number = shown === null ? t("film.default.model") : formatSetting(shown);
    setText(this.value, number);
    this.value.classList.toggle("quiet", value === null);
    this.input.setAttribute(
      "aria-valuetext",
      value === null ? t("film.default.value", { value: number }) : number,
    );
  }
}

/**
 * @param {number} value
 * @returns {string}
 */
function formatSetting(value) {
  return formatNumber(value, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
}
