// @ts-check
/** Gestures on rings: select, drag, change the radius, remove; by pointer, wheel and keyboard. */

/** Movement, in CSS pixels, from which a press on a ring is a drag. */
const DRAG_DISTANCE = 3;
/** Time after the last step of the wheel or a key at which a change is complete. */
const COMPLETE_MS = 250;
/** Factor of the radius of one step. */
const RADIUS_STEP = 1.15;

/**
 * @typedef {object} RingHandlers
 * @property {(id: string) => {x: number, y: number} | null} position client coordinates of a ring
 * @property {(id: string, x: number, y: number) => void} drag client coordinates of the center
 * @property {(id: string) => void} drop the drag is complete
 * @property {(id: string) => void} cancel the drag was given up
 * @property {(id: string) => void} select
 * @property {(id: string) => void} remove
 * @property {(id: string, factor: number) => void} scale
 * @property {(id: string) => void} scaled the change of the radius is complete
 */

/** Must be made before other listeners of the layer: it keeps the events of rings from them. */
export class RingGestures {
  #handlers;
  #layer;
  /** @type {{id: string, pointer: number, dx: number, dy: number, x: number, y: number,
   *   moved: boolean} | null} */
  #grab = null;
  /** @type {Map<string, number>} */
  #timers = new Map();
  /** @type {Map<string, string>} ids of hints by those that they had before */
  #names = new Map();

  /**
   * @param {HTMLElement} layer
   * @param {RingHandlers} handlers
   */
  constructor(layer, handlers) {
    this.#layer = layer;
    this.#handlers = handlers;
    layer.addEventListener("pointerdown", (event) => this.#down(event));
    layer.addEventListener("pointermove", (event) => this.#move(event));
    layer.addEventListener("pointerup", (event) => this.#up(event));
    layer.addEventListener("pointercancel", () => this.cancel());
    layer.addEventListener("contextmenu", (event) => {
      const id = hintOf(event);
      if (!id) return;
      event.preventDefault();
      handlers.remove(id);
    });
    layer.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    layer.addEventListener("keydown", (event) => this.#key(event));
    layer.addEventListener("click", (event) => {
      // Clicks with a pointer are handled on release; this one is of the keyboard.
      const id = hintOf(event);
      if (id && event.detail === 0) handlers.select(id);
    });
  }

  /**
   * Go on with a hint under another id.
   * @param {string} from
   * @param {string} to
   */
  rename(from, to) {
    this.#names.set(from, to);
    if (this.#grab?.id === from) this.#grab.id = to;
  }

  get isDragging() {
    return Boolean(this.#grab?.moved);
  }

  cancel() {
    const grab = this.#grab;
    this.#grab = null;
    if (grab?.moved) this.#handlers.cancel(grab.id);
  }

  /**
   * @param {string} id
   * @param {number} steps
   */
  resize(id, steps) {
    this.#handlers.scale(id, RADIUS_STEP ** steps);
    this.#completeLater("radius", id, (name) => this.#handlers.scaled(name));
  }

  /** @param {PointerEvent} event */
  #down(event) {
    const id = hintOf(event);
    if (!id || event.button !== 0) return;
    const center = this.#handlers.position(id);
    if (!center) return;
    event.stopImmediatePropagation();
    this.#layer.setPointerCapture(event.pointerId);
    this.#grab = {
      id,
      pointer: event.pointerId,
      dx: center.x - event.clientX,
      dy: center.y - event.clientY,
      x: event.clientX,
      y: event.clientY,
      moved: false,
    };
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const grab = this.#grab;
    if (!grab || event.pointerId !== grab.pointer) return;
    event.stopImmediatePropagation();
    const distance = Math.hypot(event.clientX - grab.x, event.clientY - grab.y);
    if (!grab.moved && distance < DRAG_DISTANCE) return;
    grab.moved = true;
    this.#handlers.drag(grab.id, event.clientX + grab.dx, event.clientY + grab.dy);
  }

  /** @param {PointerEvent} event */
  #up(event) {
    const grab = this.#grab;
    if (!grab || event.pointerId !== grab.pointer) return;
    event.stopImmediatePropagation();
    this.#grab = null;
    if (grab.moved) this.#handlers.drop(grab.id);
    else this.#handlers.select(grab.id);
  }

  /** @param {WheelEvent} event */
  #wheel(event) {
    const id = hintOf(event);
    if (!id || event.ctrlKey) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    this.resize(id, event.deltaY < 0 ? 1 : -1);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const id = hintOf(event);
    if (!id || event.ctrlKey || event.metaKey || event.altKey) return;
    const step = event.shiftKey ? 10 : 1;
    const moves = {
      ArrowLeft: [-step, 0],
      ArrowRight: [step, 0],
      ArrowUp: [0, -step],
      ArrowDown: [0, step],
    };
    const move = moves[/** @type {keyof typeof moves} */ (event.key)];
    if (move) {
      const center = this.#handlers.position(id);
      if (center) {
        this.#handlers.drag(id, center.x + (move[0] ?? 0), center.y + (move[1] ?? 0));
        this.#completeLater("move", id, (name) => this.#handlers.drop(name));
      }
    } else if (event.key === "Delete" || event.key === "Backspace") {
      this.#handlers.remove(id);
    } else if (event.key === "[" || event.key === "]") {
      this.resize(id, event.key === "]" ? 1 : -1);
    } else {
      return;
    }
    event.preventDefault();
    event.stopImmediatePropagation();
  }

  /**
   * @param {string} change
   * @param {string} id
   * @param {(id: string) => void} complete
   */
  #completeLater(change, id, complete) {
    const key = `${change} ${id}`;
    window.clearTimeout(this.#timers.get(key));
    const run = () => complete(this.#findName(id));
    this.#timers.set(key, window.setTimeout(run, COMPLETE_MS));
  }

  /**
   * @param {string} id
   * @returns {string} the id that the hint has now
   */
  #findName(id) {
    const name = this.#names.get(id);
    return name === undefined ? id : this.#findName(name);
  }
}

/**
 * @param {Event} event
 * @returns {string | undefined}
 */
function hintOf(event) {
  const { target } = event;
  if (!(target instanceof Element)) return undefined;
  return target.closest("[data-hint]")?.getAttribute("data-hint") ?? undefined;
}
