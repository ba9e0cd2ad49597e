// @ts-check
/** The border between original and color, which a pointer or the keyboard moves. */

import { t } from "../../strings.js";

/** @typedef {import("./viewport.js").Viewport} Viewport */

const KEY_STEP = 0.02;

export class WipeHandle {
  #element = document.createElement("div");
  #position = 0.5;
  #onChange;
  /** @type {{left: number, width: number}} */
  #area = { left: 0, width: 1 };

  /**
   * @param {HTMLElement} layer
   * @param {() => void} onChange
   */
  constructor(layer, onChange) {
    this.#onChange = onChange;
    const element = this.#element;
    element.className = "wipe-handle";
    element.tabIndex = 0;
    element.setAttribute("role", "slider");
    element.setAttribute("aria-orientation", "horizontal");
    element.setAttribute("aria-valuemin", "0");
    element.setAttribute("aria-valuemax", "100");
    element.hidden = true;
    element.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      event.stopPropagation();
      element.setPointerCapture(event.pointerId);
    });
    element.addEventListener("pointermove", (event) => {
      if (!element.hasPointerCapture(event.pointerId)) return;
      event.stopPropagation();
      const box = layer.getBoundingClientRect();
      this.position = (event.clientX - box.left - this.#area.left) / this.#area.width;
    });
    element.addEventListener("keydown", (event) => {
      const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowDown: -1, ArrowUp: 1, Home: -99, End: 99 };
      const step = steps[/** @type {keyof typeof steps} */ (event.key)];
      if (!step) return;
      event.preventDefault();
      event.stopPropagation();
      this.position += step * KEY_STEP * (event.shiftKey ? 5 : 1);
    });
    layer.append(element);
  }

  get position() {
    return this.#position;
  }

  set position(value) {
    this.#position = Math.min(Math.max(value, 0), 1);
    this.#onChange();
  }

  /**
   * Position of the border, in device pixels of the box.
   * @param {Viewport} viewport
   */
  boxX(viewport) {
    const { left, width } = viewport.visible;
    return Math.round(left + width * this.#position);
  }

  /**
   * @param {Viewport} viewport
   * @param {boolean} isShown
   */
  update(viewport, isShown) {
    const element = this.#element;
    element.hidden = !isShown;
    if (!isShown) return;
    const { left, top, width, height } = viewport.visible;
    const { ratio } = viewport;
    this.#area = { left: left / ratio, width: Math.max(width / ratio, 1) };
    element.style.height = `${height / ratio}px`;
    element.style.transform = `translate(${this.boxX(viewport) / ratio}px, ${top / ratio}px)`;
    element.setAttribute("aria-label", t("canvas.wipe"));
    element.setAttribute("aria-valuenow", String(Math.round(this.#position * 100)));
  }
}
