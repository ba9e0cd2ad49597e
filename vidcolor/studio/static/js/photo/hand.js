// @ts-check
/** The color in hand, which the next click applies, and the colors that were used lately. */

const KEY = "recent-colors";
const MAX_RECENT = 16;

/** Events: `change`. The color in hand stays while a person goes to another picture. */
class Hand extends EventTarget {
  /** @type {string | null} `#rrggbb`, `neutral` or `keep` */
  #color = null;
  /** @type {string[]} newest first */
  recent = readRecent();

  get color() {
    return this.#color;
  }

  set color(color) {
    if (color === this.#color) return;
    this.#color = color;
    this.dispatchEvent(new Event("change"));
  }

  /** @param {string} color that was used */
  remember(color) {
    if (!color.startsWith("#")) return;
    this.recent = [color, ...this.recent.filter((other) => other !== color)].slice(0, MAX_RECENT);
    window.localStorage.setItem(KEY, JSON.stringify(this.recent));
    this.dispatchEvent(new Event("change"));
  }
}

/** @returns {string[]} */
function readRecent() {
  try {
    const colors = JSON.parse(window.localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(colors) ? colors.filter((color) => /^#[0-9a-f]{6}$/.test(color)) : [];
  } catch {
    return [];
  }
}

export const hand = new Hand();
