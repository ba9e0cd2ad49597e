// @ts-check
/** The box of a picture: its canvases, and the conversion between its coordinates. */

import { Viewport } from "./viewport.js";

/** @typedef {{x: number, y: number}} Point client coordinates, in CSS pixels */
/** @typedef {{x: number, y: number}} Place fractions of the picture */

/** Width, in CSS pixels, below which a picture uses the whole box. */
const NARROW = 600;
const MARGIN = 16;

export class Stage {
  viewport = new Viewport();
  picture = document.createElement("canvas");
  marks = document.createElement("canvas");
  /** Receives the pointer; contains rings and handles. */
  layer = document.createElement("div");
  #resize;

  /** @param {() => void} onResize the canvases are cleared and must be painted at once */
  constructor(onResize) {
    this.picture.className = "picture";
    this.marks.className = "marks";
    this.layer.className = "layer";
    this.picture.setAttribute("aria-hidden", "true");
    this.marks.setAttribute("aria-hidden", "true");
    this.#resize = new ResizeObserver((entries) => {
      const entry = entries.at(-1);
      if (entry && this.#setSize(entry)) onResize();
    });
  }

  /** @param {HTMLElement} element */
  connect(element) {
    if (!this.layer.isConnected) element.append(this.picture, this.marks, this.layer);
    try {
      this.#resize.observe(element, { box: "device-pixel-content-box" });
    } catch {
      this.#resize.observe(element); // Safari has no such box
    }
  }

  disconnect() {
    this.#resize.disconnect();
  }

  /**
   * @param {number} x fraction of the width
   * @param {number} y fraction of the height
   * @returns {Point}
   */
  pictureToClient(x, y) {
    const rect = this.picture.getBoundingClientRect();
    const [left, top] = this.viewport.toBox(x, y);
    return {
      x: rect.left + (left * rect.width) / this.viewport.boxWidth,
      y: rect.top + (top * rect.height) / this.viewport.boxHeight,
    };
  }

  /**
   * @param {number} clientX
   * @param {number} clientY
   * @returns {Place} outside [0, 1] outside the picture
   */
  clientToPicture(clientX, clientY) {
    const [x, y] = this.viewport.toPicture(...this.#toBox({ x: clientX, y: clientY }));
    return { x, y };
  }

  /**
   * The place under the pointer: the center of the device pixel that the pointer is on. A pointer
   * has whole device pixels, so at 1:1 its edge would be the edge between two picture pixels.
   * @param {Point} point
   * @returns {Place | null} null outside the picture
   */
  placeAt(point) {
    const [left, top] = this.#toBox(point);
    const center = (/** @type {number} */ value) => Math.floor(value + 1e-3) + 0.5;
    const [x, y] = this.viewport.toPicture(center(left), center(top));
    const isInside = this.viewport.pictureWidth > 0 && x >= 0 && x <= 1 && y >= 0 && y <= 1;
    return isInside ? { x, y } : null;
  }

  /**
   * @param {number} scale device pixels per picture pixel
   * @param {Point} point stays at its place
   */
  zoomAt(scale, point) {
    this.viewport.zoom(scale, ...this.#toBox(point));
  }

  /** @param {Place} place comes to the middle as far as the picture fills the box */
  center(place) {
    const [left, top] = this.viewport.toBox(place.x, place.y);
    this.viewport.pan(this.viewport.boxWidth / 2 - left, this.viewport.boxHeight / 2 - top);
  }

  /**
   * @param {number} factor
   * @param {Point} center
   * @param {number} dx CSS pixels
   * @param {number} dy CSS pixels
   */
  pinch(factor, center, dx, dy) {
    this.zoomAt(this.viewport.scale * factor, center);
    this.pan(dx, dy);
  }

  /**
   * @param {number} dx CSS pixels
   * @param {number} dy CSS pixels
   */
  pan(dx, dy) {
    const { ratio } = this.viewport;
    this.viewport.pan(Math.round(dx * ratio), Math.round(dy * ratio));
  }

  /**
   * @param {Point} point
   * @returns {[number, number]} device pixels in the box
   */
  #toBox(point) {
    const rect = this.picture.getBoundingClientRect();
    return [
      ((point.x - rect.left) * this.viewport.boxWidth) / (rect.width || 1),
      ((point.y - rect.top) * this.viewport.boxHeight) / (rect.height || 1),
    ];
  }

  /** @param {ResizeObserverEntry} entry */
  #setSize(entry) {
    const box = entry.devicePixelContentBoxSize?.[0];
    const { width: cssWidth, height: cssHeight } = entry.contentRect;
    const width = box?.inlineSize ?? Math.round(cssWidth * window.devicePixelRatio);
    const height = box?.blockSize ?? Math.round(cssHeight * window.devicePixelRatio);
    if (!width || !height) return false;
    for (const canvas of [this.picture, this.marks]) {
      canvas.width = width;
      canvas.height = height;
    }
    this.viewport.margin = cssWidth < NARROW ? 0 : MARGIN;
    this.viewport.setBox(width, height, width / cssWidth);
    return true;
  }
}

/**
 * Zoom and pan by the wheel.
 * @param {HTMLElement} element
 * @param {Stage} stage
 * @param {{onZoom: () => void, onPan: () => void}} handlers
 */
export function connectWheel(element, stage, { onZoom, onPan }) {
  const onWheel = (/** @type {WheelEvent} */ event) => {
    if (!stage.viewport.pictureWidth) return;
    event.preventDefault();
    const unit = event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? 1 : 16;
    const [dx, dy] = [event.deltaX * unit, event.deltaY * unit];
    if (!event.ctrlKey && (event.shiftKey || Math.abs(dx) > Math.abs(dy))) {
      stage.pan(-(dx || dy), 0);
      onPan();
      return;
    }
    const { scale } = stage.viewport;
    const target = scale * Math.exp(-dy * (event.ctrlKey ? 0.01 : 0.0018));
    // Stop at 1:1 on the way.
    const isCrossing = Math.abs(scale - 1) > 1e-6 && (scale - 1) * (target - 1) < 0;
    stage.zoomAt(isCrossing ? 1 : target, { x: event.clientX, y: event.clientY });
    onZoom();
  };
  element.addEventListener("wheel", onWheel, { passive: false });
}
