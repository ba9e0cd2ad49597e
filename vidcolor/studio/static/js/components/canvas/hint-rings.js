// @ts-check
/** The rings of hints and the markers of places: buttons that lie over the picture. */

import { t } from "../../strings.js";

/** @typedef {import("./viewport.js").Viewport} Viewport */

/**
 * @typedef {object} CanvasHint
 * @property {string | number} id
 * @property {number} x fraction of the width
 * @property {number} y fraction of the height
 * @property {string} color `#rrggbb`, `neutral` or `keep`
 * @property {number | null} [radius] fraction of the short side; null for the default
 * @property {"own" | "carried" | "lost"} [state] of a film: made on this frame, carried to it, or
 *   not found on it
 * @property {string} [label] accessible name
 */

/**
 * @typedef {object} CanvasPlace
 * @property {number} x
 * @property {number} y
 * @property {string} [label]
 */

/** Radius of a hint that specifies none, as a fraction of the short side. */
export const DEFAULT_RADIUS = 0.012;
export const MIN_RADIUS = 0.002;
export const MAX_RADIUS = 0.25;
/** Smallest diameter of a ring and of its pointer target, in CSS pixels. */
const MIN_RING = 14;
const MIN_TARGET = 26;

export class HintRings {
  #layer;
  /** @type {Map<string, HTMLButtonElement>} */
  #rings = new Map();
  /** @type {HTMLButtonElement[]} */
  #markers = [];

  /**
   * @param {HTMLElement} layer
   * @param {(index: number) => void} onPlace a marker of a place was chosen
   */
  constructor(layer, onPlace) {
    this.#layer = layer;
    layer.addEventListener("click", ({ target }) => {
      if (!(target instanceof HTMLElement) || target.dataset.index === undefined) return;
      onPlace(Number(target.dataset.index));
    });
  }

  /**
   * @param {Viewport} viewport
   * @param {CanvasHint[]} hints
   * @param {string | number | null} selected
   */
  update(viewport, hints, selected) {
    const known = new Set(hints.map((hint) => String(hint.id)));
    for (const [id, ring] of this.#rings) {
      if (known.has(id)) continue;
      ring.remove();
      this.#rings.delete(id);
    }
    hints.forEach((hint, index) => {
      const ring = this.#rings.get(String(hint.id)) ?? this.#addRing(String(hint.id));
      ring.className = `ring is-${hint.state ?? "own"}`;
      ring.classList.toggle("is-selected", hint.id === selected);
      ring.classList.toggle("is-keep", hint.color === "keep");
      ring.classList.toggle("is-neutral", hint.color === "neutral");
      ring.setAttribute("aria-pressed", String(hint.id === selected));
      const name = hint.label ?? t("canvas.hint", { number: index + 1, color: hint.color });
      if (ring.getAttribute("aria-label") !== name) ring.setAttribute("aria-label", name);
      const color = hint.color.startsWith("#") ? hint.color : "transparent";
      ring.style.setProperty("--hint-color", color);
      const radius = ringRadius(viewport, hint.radius);
      const diameter = Math.max(2 * radius, MIN_RING);
      const target = Math.max(diameter, MIN_TARGET);
      ring.style.setProperty("--ring-size", `${diameter}px`);
      place(ring, viewport, hint.x, hint.y, target);
    });
  }

  /**
   * @param {Viewport} viewport
   * @param {CanvasPlace[]} places
   */
  updatePlaces(viewport, places) {
    while (this.#markers.length > places.length) this.#markers.pop()?.remove();
    places.forEach((spot, index) => {
      const marker = this.#markers[index] ?? this.#addMarker();
      marker.dataset.index = String(index);
      marker.textContent = String(index + 1);
      marker.setAttribute("aria-label", spot.label ?? t("canvas.place", { number: index + 1 }));
      place(marker, viewport, spot.x, spot.y, MIN_TARGET);
    });
  }

  /**
   * Give a ring another id; the element stays, and with it the focus.
   * @param {string} from
   * @param {string} to
   */
  rename(from, to) {
    const ring = this.#rings.get(from);
    if (!ring || this.#rings.has(to)) return;
    this.#rings.delete(from);
    this.#rings.set(to, ring);
    ring.dataset.hint = to;
  }

  /** @param {string} id */
  #addRing(id) {
    const ring = document.createElement("button");
    ring.type = "button";
    ring.dataset.hint = id;
    this.#layer.append(ring);
    this.#rings.set(id, ring);
    return ring;
  }

  #addMarker() {
    const marker = document.createElement("button");
    marker.type = "button";
    marker.className = "place-marker";
    this.#markers.push(marker);
    this.#layer.append(marker);
    return marker;
  }
}

/**
 * @param {Viewport} viewport
 * @param {number | null | undefined} radius fraction of the short side
 * @returns {number} CSS pixels
 */
export function ringRadius(viewport, radius) {
  const shortSide = Math.min(viewport.pictureWidth, viewport.pictureHeight);
  return ((radius || DEFAULT_RADIUS) * shortSide * viewport.scale) / viewport.ratio;
}

/**
 * Return the radius of a hint that has a radius on the display.
 * @param {Viewport} viewport
 * @param {number} length CSS pixels
 * @returns {number} fraction of the short side
 */
export function measureRadius(viewport, length) {
  const shortSide = Math.min(viewport.pictureWidth, viewport.pictureHeight) * viewport.scale;
  return Math.min(Math.max((length * viewport.ratio) / shortSide, MIN_RADIUS), MAX_RADIUS);
}

/**
 * @param {HTMLElement} element
 * @param {Viewport} viewport
 * @param {number} x
 * @param {number} y
 * @param {number} size CSS pixels
 */
function place(element, viewport, x, y, size) {
  const [left, top] = viewport.toBox(x, y);
  element.style.width = `${size}px`;
  element.style.height = `${size}px`;
  const cssLeft = left / viewport.ratio - size / 2;
  const cssTop = top / viewport.ratio - size / 2;
  element.style.transform = `translate(${cssLeft}px, ${cssTop}px)`;
}
