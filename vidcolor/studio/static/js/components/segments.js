// @ts-check
/** A row of buttons of which one is chosen. */

import { make } from "../dom.js";

export class Segments {
  /** @type {Map<string, HTMLButtonElement>} */
  #buttons = new Map();

  /**
   * @param {string} label
   * @param {[string, string][]} choices values and texts
   * @param {(value: string) => void} onChoose
   */
  constructor(label, choices, onChoose) {
    this.element = make("div", { class: "segments", role: "radiogroup", "aria-label": label });
    for (const [value, text] of choices) {
      const button = make("button", { type: "button", role: "radio", text });
      button.addEventListener("click", () => onChoose(value));
      this.#buttons.set(value, button);
      this.element.append(button);
    }
    this.element.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
      if (!step) return;
      event.preventDefault();
      event.stopPropagation();
      const buttons = [...this.#buttons.values()];
      const index = buttons.findIndex((button) => button === document.activeElement);
      const next = buttons[(index + step + buttons.length) % buttons.length];
      next?.focus();
      next?.click();
    });
  }

  /** @param {string} value */
  update(value) {
    for (const [other, button] of this.#buttons) {
      button.setAttribute("aria-checked", String(other === value));
      button.tabIndex = other === value ? 0 : -1;
    }
  }
}
