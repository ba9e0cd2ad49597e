// @ts-check
/** Small samples of the colors of hints. */

import { make } from "../dom.js";

/**
 * Make an element with the color of a hint.
 *
 * @param {string} color `#rrggbb`, `neutral` or `keep`
 * @returns {HTMLElement}
 */
export function makeSwatch(color) {
  const swatch = make("span", { class: "swatch", "aria-hidden": "true" });
  if (color.startsWith("#")) swatch.style.setProperty("--swatch", color);
  else swatch.classList.add(`is-${color}`);
  return swatch;
}
