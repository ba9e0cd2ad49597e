// @ts-check
/** Pointer gestures on the picture: rest, click, stroke, pan, pinch, swipe and hold. */

/** Movement, in CSS pixels, from which a press is a drag. */
const DRAG_DISTANCE = { mouse: 5, touch: 10 };
/** Movement, in CSS pixels, that a resting pointer may make. */
const REST_DISTANCE = 1.5;
const REST_MS = 60;
const HOLD_MS = 350;
/** Movement, in CSS pixels, of a swipe. */
const SWIPE_DISTANCE = 60;

/** @typedef {{x: number, y: number}} Point client coordinates, in CSS pixels */

/**
 * @typedef {object} GestureHandlers
 * @property {(point: Point) => void} rest
 * @property {() => void} leave
 * @property {(point: Point, event: PointerEvent) => void} click
 * @property {() => "stroke" | "pan" | "swipe"} drag what a drag does now
 * @property {(dx: number, dy: number) => void} pan CSS pixels
 * @property {(factor: number, center: Point, dx: number, dy: number) => void} pinch
 * @property {(points: Point[], isOver: boolean) => void} stroke
 * @property {(direction: -1 | 1) => void} swipe 1 for the next picture
 * @property {(isHeld: boolean) => void} hold
 */

export class Gestures {
  #surface;
  #handlers;
  /** @type {Map<number, Point>} */
  #pointers = new Map();
  /** @type {"idle" | "pressed" | "pan" | "stroke" | "swipe" | "pinch" | "hold" | "spent"} */
  #state = "idle";
  /** @type {Point} */
  #start = { x: 0, y: 0 };
  /** @type {Point[]} */
  #path = [];
  /** @type {Point | null} */
  #rested = null;
  #restTimer = 0;
  #holdTimer = 0;

  /**
   * @param {HTMLElement} surface
   * @param {GestureHandlers} handlers
   */
  constructor(surface, handlers) {
    this.#surface = surface;
    this.#handlers = handlers;
    surface.addEventListener("pointerdown", (event) => this.#down(event));
    surface.addEventListener("pointermove", (event) => this.#move(event));
    surface.addEventListener("pointerup", (event) => this.#up(event, false));
    surface.addEventListener("pointercancel", (event) => this.#up(event, true));
    surface.addEventListener("pointerleave", () => this.#leave());
  }

  /** Forget the place where the pointer rested, so that it is reported again. */
  forgetRest() {
    this.#rested = null;
  }

  /** @param {PointerEvent} event */
  #down(event) {
    if (event.button > 1 || event.target !== this.#surface) return; // markers have their own clicks
    this.#stopTimers();
    const point = { x: event.clientX, y: event.clientY };
    this.#pointers.set(event.pointerId, point);
    this.#surface.setPointerCapture(event.pointerId);
    if (event.button === 1) event.preventDefault();
    if (this.#pointers.size > 1) {
      if (this.#state === "hold") this.#handlers.hold(false);
      if (this.#state === "stroke") this.#handlers.stroke([], true);
      this.#state = "pinch";
      return;
    }
    this.#start = point;
    this.#path = [point];
    this.#state = event.button === 1 ? "pan" : "pressed";
    if (event.pointerType !== "mouse") {
      this.#holdTimer = window.setTimeout(() => {
        if (this.#state !== "pressed") return;
        this.#state = "hold";
        this.#handlers.hold(true);
      }, HOLD_MS);
    }
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const point = { x: event.clientX, y: event.clientY };
    const last = this.#pointers.get(event.pointerId);
    if (!last) {
      if (event.pointerType === "mouse" || event.pointerType === "pen") this.#hover(point);
      return;
    }
    if (this.#state === "pinch") {
      this.#pinch(event.pointerId, last, point);
      return;
    }
    this.#pointers.set(event.pointerId, point);
    if (this.#state === "pressed") {
      const kind = event.pointerType === "mouse" ? "mouse" : "touch";
      const distance = Math.hypot(point.x - this.#start.x, point.y - this.#start.y);
      if (distance < DRAG_DISTANCE[kind]) return;
      this.#stopTimers();
      const drag = this.#handlers.drag();
      // A mouse that slips on a picture that fits the box neither clicks nor turns the page.
      this.#state = drag === "swipe" && kind === "mouse" ? "spent" : drag;
    }
    if (this.#state === "pan") this.#handlers.pan(point.x - last.x, point.y - last.y);
    if (this.#state === "stroke") {
      this.#path.push(point);
      this.#handlers.stroke(this.#path, false);
    }
  }

  /**
   * @param {number} id
   * @param {Point} last
   * @param {Point} point
   */
  #pinch(id, last, point) {
    const other = [...this.#pointers].find(([pointer]) => pointer !== id)?.[1];
    this.#pointers.set(id, point);
    if (!other) return;
    const before = Math.hypot(last.x - other.x, last.y - other.y);
    const after = Math.hypot(point.x - other.x, point.y - other.y);
    const center = { x: (point.x + other.x) / 2, y: (point.y + other.y) / 2 };
    const dx = (point.x - last.x) / 2;
    const dy = (point.y - last.y) / 2;
    this.#handlers.pinch(before ? after / before : 1, center, dx, dy);
  }

  /**
   * @param {PointerEvent} event
   * @param {boolean} isCanceled
   */
  #up(event, isCanceled) {
    if (!this.#pointers.delete(event.pointerId)) return;
    this.#stopTimers();
    const state = this.#state;
    if (this.#pointers.size) {
      this.#state = "spent";
      return;
    }
    this.#state = "idle";
    if (state === "hold") this.#handlers.hold(false);
    if (state === "stroke") this.#handlers.stroke(isCanceled ? [] : this.#path, true);
    if (isCanceled) return;
    if (state === "pressed") this.#handlers.click(this.#start, event);
    if (state === "swipe") {
      const dx = event.clientX - this.#start.x;
      const dy = event.clientY - this.#start.y;
      if (Math.abs(dx) > SWIPE_DISTANCE && Math.abs(dx) > 2 * Math.abs(dy)) {
        this.#handlers.swipe(dx < 0 ? 1 : -1);
      }
    }
  }

  /** @param {Point} point */
  #hover(point) {
    const rested = this.#rested;
    if (rested && Math.hypot(point.x - rested.x, point.y - rested.y) < REST_DISTANCE) return;
    this.#rested = null;
    window.clearTimeout(this.#restTimer);
    this.#restTimer = window.setTimeout(() => {
      this.#rested = point;
      this.#handlers.rest(point);
    }, REST_MS);
  }

  #leave() {
    if (this.#pointers.size) return;
    window.clearTimeout(this.#restTimer);
    this.#rested = null;
    this.#handlers.leave();
  }

  #stopTimers() {
    window.clearTimeout(this.#restTimer);
    window.clearTimeout(this.#holdTimer);
  }
}
