// @ts-check
/**
 * `<picture-canvas>`: a picture, its original, hints on it, and the gestures that change them.
 *
 * Places are fractions of the displayed picture: `x` and `y` in [0, 1], the center of pixel i of W
 * is (i + 0.5) / W. The element changes nothing by itself: it reports gestures by events, and its
 * owner sets `hints` and `source`. While a ring is dragged or resized, the ring follows at once.
 *
 * Events (CustomEvent; `detail`):
 * - `rest` {x, y}: the pointer rests on a place. `leave` {}: it left the picture.
 * - `place` {x, y, altKey, shiftKey}: click in the modes hint and protect.
 * - `stroke` {points: [{x, y}], radius}: a stroke of the protect brush is complete.
 * - `pick` {x, y, color}: click in the mode eyedropper, or with Alt. `color` is `#rrggbb`.
 * - `hint-move` {id, x, y} while a ring is dragged, `hint-moved` {id, x, y} once afterwards.
 * - `hint-select` {id}, `hint-radius` {id, radius} once after the last step, `hint-remove` {id}.
 * - `place-select` {index}: a marker of `places` was chosen.
 * - `swipe` {direction}: 1 for the next picture, -1 for the previous one.
 * - `zoomed` {scale, isFitted}: `scale` in device pixels per picture pixel.
 * - `loaded` {key, view, isSharp}; `load-error` {key, view, error: StillError}.
 */

import { Gestures } from "./canvas/gestures.js";
import { HintEdits } from "./canvas/hint-edits.js";
import { HintRings, measureRadius } from "./canvas/hint-rings.js";
import { KeyboardPointer } from "./canvas/keyboard-pointer.js";
import { PictureStills } from "./canvas/picture-stills.js";
import { Stage, connectWheel } from "./canvas/stage.js";
import { WipeHandle } from "./canvas/wipe-handle.js";
import { paintMarks, paintPicture } from "./canvas/painter.js";

/** @typedef {import("./canvas/hint-rings.js").CanvasHint} CanvasHint */
/** @typedef {import("./canvas/hint-rings.js").CanvasPlace} CanvasPlace */
/** @typedef {import("./canvas/picture-stills.js").PictureSource} PictureSource */
/** @typedef {import("./canvas/stage.js").Place} Place */
/** @typedef {"hint" | "protect" | "eyedropper" | "pan"} CanvasMode */
/** @typedef {"after" | "before" | "wipe"} Compare */

/** Radius of the protect brush, in CSS pixels. */
const BRUSH_RADIUS = 14;

export class PictureCanvas extends HTMLElement {
  #stage = new Stage(() => {
    this.#refreshStills();
    this.#paint();
  });
  #viewport = this.#stage.viewport;
  #rings = new HintRings(this.#stage.layer, (index) => this.#emit("place-select", { index }));
  #wipe = new WipeHandle(this.#stage.layer, () => this.#invalidate());
  #stills = new PictureStills(this.#viewport, (type, detail) => {
    this.#showLoading();
    this.#emit(type, detail);
    this.#invalidate();
  });
  #edits = new HintEdits(this.#stage, {
    emit: (type, detail) => this.#emit(type, detail),
    invalidate: () => this.#invalidate(),
  });
  #keyboard = new KeyboardPointer(this, this.#stage, {
    choose: (place, event) => this.#choose(place, event),
    move: (place) => this.#onRest(place),
  });
  #gestures = new Gestures(this.#stage.layer, {
    rest: (point) => this.#onRest(this.#stage.placeAt(point)),
    leave: () => this.#onRest(null),
    click: (point, event) => {
      this.focus({ preventScroll: true });
      this.#choose(this.#stage.placeAt(point), event);
    },
    drag: () => {
      if (this.#mode === "protect") return "stroke";
      return this.#viewport.isCropped ? "pan" : "swipe";
    },
    pan: (dx, dy) => {
      this.#stage.pan(dx, dy);
      this.#invalidate();
    },
    pinch: (factor, center, dx, dy) => {
      this.#stage.pinch(factor, center, dx, dy);
      this.#onZoom();
    },
    stroke: (path, isOver) => {
      const points = path.flatMap((point) => this.#stage.placeAt(point) ?? []);
      this.#stroke = isOver ? [] : points;
      this.#invalidate();
      if (isOver && points.length) this.#emit("stroke", { points, radius: this.brushRadius });
    },
    swipe: (direction) => this.#emit("swipe", { direction }),
    hold: (isHeld) => {
      this.#isHeld = isHeld;
      this.#refreshStills();
    },
  });

  /** @type {number[][][]} */
  #outline = [];
  /** @type {CanvasPlace[]} */
  #places = [];
  /** @type {CanvasMode} */
  #mode = "hint";
  /** @type {Compare} */
  #compare = "after";
  /** Whether a finger holds the picture to see the original. */
  #isHeld = false;
  /** @type {string | number | null} */
  #selected = null;
  /** @type {Place[]} */
  #stroke = [];
  #frame = 0;

  constructor() {
    super();
    connectWheel(this, this.#stage, {
      onZoom: () => this.#onZoom(),
      onPan: () => this.#invalidate(),
    });
  }

  connectedCallback() {
    if (!this.hasAttribute("tabindex")) this.tabIndex = 0;
    this.setAttribute("role", "application");
    this.setAttribute("aria-label", this.label);
    this.#stage.connect(this);
  }

  disconnectedCallback() {
    this.#stage.disconnect();
    this.#stills.clear();
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
  }

  static observedAttributes = ["label"];

  attributeChangedCallback() {
    this.setAttribute("aria-label", this.label);
  }

  /** Accessible name. */
  get label() {
    return this.getAttribute("label") ?? "";
  }

  set label(value) {
    if (value !== this.label) this.setAttribute("label", value);
  }

  /** The picture, or null for none. Zoom and pan stay when the size stays. */
  get source() {
    return this.#stills.source;
  }

  /** @param {PictureSource | null} value */
  set source(value) {
    if (value?.key !== this.source?.key) this.#gestures.forgetRest();
    this.#viewport.setPicture(value?.width ?? 0, value?.height ?? 0);
    this.#stills.source = value;
    this.#refreshStills();
  }

  get hints() {
    return this.#edits.hints;
  }

  set hints(value) {
    this.#edits.hints = value;
    this.#invalidate();
  }

  /** Polygons of [x, y], such as the region that a hint covers. */
  get outline() {
    return this.#outline;
  }

  set outline(value) {
    this.#outline = value;
    this.#invalidate();
  }

  /** Numbered markers. */
  get places() {
    return this.#places;
  }

  set places(value) {
    this.#places = value;
    this.#invalidate();
  }

  get mode() {
    return this.#mode;
  }

  set mode(value) {
    this.#mode = value;
    this.dataset.mode = value;
  }

  get compare() {
    return this.#compare;
  }

  set compare(value) {
    this.#compare = value;
    this.#refreshStills();
  }

  get overlay() {
    return this.#stills.overlay;
  }

  /** @param {null | "confidence"} value */
  set overlay(value) {
    this.#stills.overlay = value;
    this.#refreshStills();
  }

  /** Id of the selected hint. */
  get selected() {
    return this.#selected;
  }

  set selected(value) {
    this.#selected = value;
    this.#invalidate();
  }

  /** @param {number} factor of the saturation, as a preview until the picture is there; 1 for none */
  set saturationPreview(factor) {
    this.#stage.picture.style.filter = factor === 1 ? "" : `saturate(${factor})`;
  }

  /** Device pixels per picture pixel; 1 is 1:1. */
  get scale() {
    return this.#viewport.scale;
  }

  get isFitted() {
    return this.#viewport.isFitted;
  }

  /** Radius of the protect brush, as a fraction of the picture's short side. */
  get brushRadius() {
    return measureRadius(this.#viewport, BRUSH_RADIUS);
  }

  /**
   * Show the whole picture, or one picture pixel on one device pixel.
   * @param {"fit" | "one"} zoom
   * @param {Place} [at] place that comes to the middle
   */
  zoomTo(zoom, at) {
    if (zoom === "fit") this.#viewport.fit();
    else this.#viewport.zoom(1);
    if (at) this.#stage.center(at);
    this.#onZoom();
  }

  /** @param {number} factor about the middle */
  zoomBy(factor) {
    this.#viewport.zoom(this.#viewport.scale * factor);
    this.#onZoom();
  }

  /**
   * @param {number} x fraction of the width
   * @param {number} y fraction of the height
   * @returns {{x: number, y: number}} client coordinates, in CSS pixels
   */
  pictureToClient(x, y) {
    return this.#stage.pictureToClient(x, y);
  }

  /**
   * @param {number} clientX CSS pixels
   * @param {number} clientY CSS pixels
   * @returns {Place} outside [0, 1] outside the picture
   */
  clientToPicture(clientX, clientY) {
    return this.#stage.clientToPicture(clientX, clientY);
  }

  /**
   * Return the color that is shown at a place, or null where nothing is loaded.
   * @param {number} x
   * @param {number} y
   * @returns {string | null} `#rrggbb`
   */
  colorAt(x, y) {
    return this.#stills.colorAt(x, y, this.#shownCompare === "before");
  }

  /**
   * Change the radius of a hint by steps, as the wheel does.
   * @param {string | number} id
   * @param {number} steps
   */
  resizeHint(id, steps) {
    this.#edits.resize(id, steps);
  }

  /**
   * Give a hint its number, which the server has answered while a gesture may change the hint. Must
   * be called before `hints` has the new id.
   * @param {string | number} from
   * @param {string | number} to
   */
  renameHint(from, to) {
    this.#edits.rename(from, to);
    this.#rings.rename(String(from), String(to));
  }

  /** Whether the picture that is to be shown is loaded. */
  get isShown() {
    return this.#stills.isShown;
  }

  /** Load again what could not be loaded. */
  reload() {
    this.#stills.retry();
    this.#refreshStills();
  }

  get #shownCompare() {
    return this.#isHeld ? "before" : this.#compare;
  }

  /**
   * @param {Place | null} place
   * @param {{altKey: boolean, shiftKey: boolean}} event
   */
  #choose(place, { altKey, shiftKey }) {
    if (!place || !this.source || this.#mode === "pan") return;
    if (this.#mode === "eyedropper" || altKey) {
      const color = this.colorAt(place.x, place.y);
      if (color) this.#emit("pick", { ...place, color });
      return;
    }
    this.#emit("place", { ...place, altKey, shiftKey });
  }

  /** @param {Place | null} place */
  #onRest(place) {
    this.#emit(place ? "rest" : "leave", place ?? {});
    this.#invalidate();
  }

  #onZoom() {
    this.#gestures.forgetRest();
    this.#emit("zoomed", { scale: this.scale, isFitted: this.isFitted });
    this.#refreshStills();
  }

  #refreshStills() {
    this.#stills.compare = this.#shownCompare;
    this.#stills.refresh();
    this.#showLoading();
    this.#invalidate();
  }

  #showLoading() {
    this.setAttribute("aria-busy", String(this.#stills.isLoading));
  }

  #invalidate() {
    if (this.#frame || !this.isConnected) return;
    this.#frame = requestAnimationFrame(() => this.#paint());
  }

  #paint() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    const viewport = this.#viewport;
    const compare = this.#shownCompare;
    const hasPicture = viewport.pictureWidth > 0;
    this.#wipe.update(viewport, compare === "wipe" && hasPicture);
    const scene = this.#stills.scene(compare, this.#wipe.boxX(viewport));
    const picture = this.#stage.picture.getContext("2d");
    if (picture) paintPicture(picture, viewport, scene);
    const outline = compare === "before" ? [] : this.#outline;
    const brush = BRUSH_RADIUS * viewport.ratio;
    const marks = { outline, stroke: this.#stroke, brush, cross: this.#keyboard.place };
    const overlay = this.#stage.marks.getContext("2d");
    if (overlay) paintMarks(overlay, viewport, marks);
    this.#stage.layer.classList.toggle("hides-hints", this.#isHeld);
    this.#rings.update(viewport, hasPicture ? this.#edits.shown : [], this.#selected);
    this.#rings.updatePlaces(viewport, hasPicture ? this.#places : []);
    if (this.#stills.isFading) this.#invalidate();
  }

  /**
   * @param {string} type
   * @param {object} detail
   */
  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail, bubbles: true }));
  }
}

customElements.define("picture-canvas", PictureCanvas);
