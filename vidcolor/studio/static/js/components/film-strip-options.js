// @ts-check
/** The shots of a strip for assistive technology: a list box with the shots around the current one. */

import { t } from "../strings.js";

/** @typedef {import("../film/types.js").Shot} Shot */
/** @typedef {import("../film/strip-scale.js").StripScale} StripScale */

/** Number of shots before and after the current one that have an element. */
const REACH = 40;

/** Keeps the options of a list box in step with the shots. */
export class StripOptions {
  /** @param {HTMLElement} list */
  constructor(list) {
    this.list = list;
    /** @type {Map<number, HTMLElement>} by index of the shot */
    this.elements = new Map();
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-orientation", "horizontal");
    list.tabIndex = 0;
  }

  /**
   * @param {readonly Shot[]} shots
   * @param {number} current
   * @param {StripScale} scale
   */
  update(shots, current, scale) {
    const first = Math.max(0, current - REACH);
    const last = Math.min(shots.length - 1, current + REACH);
    for (const [index, element] of this.elements) {
      if (index >= first && index <= last) continue;
      element.remove();
      this.elements.delete(index);
    }
    for (let index = first; index <= last; index += 1) {
      const shot = shots[index];
      if (!shot) continue;
      const element = this.elements.get(index) ?? this.make(index);
      setAttribute(element, "aria-selected", String(index === current));
      setAttribute(element, "aria-setsize", String(shots.length));
      setAttribute(element, "aria-posinset", String(index + 1));
      setAttribute(element, "aria-label", this.describe(shot));
      const left = Math.max(0, scale.toX(shot.first));
      const right = Math.min(scale.width, scale.toX(shot.end));
      element.style.left = `${left}px`;
      element.style.width = `${Math.max(0, right - left)}px`;
    }
    const active = this.elements.get(current);
    if (active) setAttribute(this.list, "aria-activedescendant", active.id);
    else this.list.removeAttribute("aria-activedescendant");
  }

  /** @param {number} index */
  make(index) {
    const element = document.createElement("div");
    element.id = `strip-shot-${index + 1}`;
    element.className = "strip-option";
    element.setAttribute("role", "option");
    // The order of the elements is that of the shots, also when earlier ones are added.
    const next = [...this.elements].filter(([n]) => n > index).sort(([a], [b]) => a - b)[0];
    this.list.insertBefore(element, next?.[1] ?? null);
    this.elements.set(index, element);
    return element;
  }

  /**
   * @param {Shot} shot
   * @returns {string} number, state, frames and decisions of a shot
   */
  describe(shot) {
    const parts = [
      t("film.strip.shot", {
        shot: shot.number,
        state: t(`film.state.${shot.state}`),
        first: String(shot.first),
        last: String(shot.end - 1),
      }),
    ];
    if (shot.hints.length) parts.push(t("film.hints", { count: shot.hints.length }));
    if (shot.references.length) parts.push(t("film.references", { count: shot.references.length }));
    if (shot.note) parts.push(shot.note);
    return parts.join(" · ");
  }
}

/**
 * @param {Element} element
 * @param {string} name
 * @param {string} value
 */
function setAttribute(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}
