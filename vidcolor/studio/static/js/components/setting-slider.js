// @ts-check
/** A slider with a value that may be the default. */

import { make, makeIconButton, setText } from "../dom.js";
import { formatNumber, t } from "../strings.js";

/**
 * @typedef {object} SliderOptions
 * @property {string} name unique in the page
 * @property {string} label
 * @property {number} [min]
 * @property {number} max
 * @property {number} [step]
 * @property {number} start position of the slider while the value is the default
 * @property {string} defaultText what is shown for the default
 * @property {(value: number) => void} [onInput] called while the slider moves
 * @property {(value: number | null) => void} onChange called once a gesture; null for the default
 */

export class SettingSlider {
  #options;
  #isMoving = false;

  /** @param {SliderOptions} options */
  constructor(options) {
    this.#options = options;
    const { name, label, min = 0, max, step = 0.01 } = options;
    this.input = make("input", { type: "range", id: `setting-${name}`, min, max, step });
    this.value = make("output", { for: this.input.id });
    this.reset = makeIconButton("retry", t("slider.reset", { name: label }), () =>
      options.onChange(null),
    );
    this.element = make("div", { class: "setting" }, [
      make("label", { for: this.input.id, text: label }),
      this.value,
      this.reset,
      this.input,
    ]);
    this.input.addEventListener("input", () => {
      this.#isMoving = true;
      const value = Number(this.input.value);
      setText(this.value, this.#format(value));
      options.onInput?.(value);
    });
    this.input.addEventListener("change", () => {
      this.#isMoving = false;
      options.onChange(Number(this.input.value));
    });
  }

  /**
   * @param {number | null} value null for the default
   * @param {boolean} isDefault
   */
  update(value, isDefault = value === null) {
    this.reset.classList.toggle("is-hidden", isDefault);
    this.reset.disabled = isDefault;
    if (this.#isMoving) return;
    this.input.value = String(value ?? this.#options.start);
    const text = value === null ? this.#options.defaultText : this.#format(value);
    setText(this.value, text);
    this.input.setAttribute("aria-valuetext", text);
  }

  /** @param {number} value */
  #format(value) {
    const digits = (this.#options.step ?? 0.01) < 1 ? 2 : 0;
    return formatNumber(value, { minimumFractionDigits: digits, maximumFractionDigits: digits });
  }
}
