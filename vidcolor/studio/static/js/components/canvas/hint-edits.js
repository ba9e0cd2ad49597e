// @ts-check
/** Hints as they are shown while a gesture changes them. */

import { DEFAULT_RADIUS, MAX_RADIUS, MIN_RADIUS } from "./hint-rings.js";
import { RingGestures } from "./ring-gestures.js";

/** @typedef {import("./hint-rings.js").CanvasHint} CanvasHint */
/** @typedef {import("./stage.js").Place} Place */
/** @typedef {import("./stage.js").Stage} Stage */

/**
 * @typedef {object} HintHost
 * @property {(type: string, detail: object) => void} emit
 * @property {() => void} invalidate
 */

export class HintEdits {
  /** @type {CanvasHint[]} */
  #hints = [];
  /** @type {Map<string, Partial<CanvasHint>>} */
  #changes = new Map();
  #host;
  #gestures;

  /**
   * @param {Stage} stage
   * @param {HintHost} host
   */
  constructor(stage, host) {
    this.#host = host;
    this.#gestures = new RingGestures(stage.layer, {
      position: (id) => {
        const hint = this.#find(id);
        return hint ? stage.pictureToClient(hint.x, hint.y) : null;
      },
      drag: (id, x, y) => {
        const place = clampPlace(stage.clientToPicture(x, y));
        this.#change(id, place);
        this.#emit("hint-move", id, place);
      },
      drop: (id) => {
        const { x, y } = this.#changes.get(id) ?? {};
        if (x === undefined || y === undefined) return; // the hint is gone
        this.#keep(id, { x, y });
        this.#emit("hint-moved", id, { x, y });
      },
      cancel: (id) => {
        this.#changes.delete(id);
        host.invalidate();
      },
      select: (id) => this.#emit("hint-select", id, {}),
      remove: (id) => this.#emit("hint-remove", id, {}),
      scale: (id, factor) => this.#scale(id, factor),
      scaled: (id) => {
        const { radius } = this.#changes.get(id) ?? {};
        if (radius === undefined) return;
        this.#keep(id, { radius });
        this.#emit("hint-radius", id, { radius });
      },
    });
  }

  get hints() {
    return this.#hints;
  }

  set hints(hints) {
    this.#hints = hints;
    // A change under way goes on with the hint, if the hint still exists.
    for (const id of this.#changes.keys()) {
      if (!this.#find(id)) this.#changes.delete(id);
    }
  }

  /**
   * Give a hint another id. A gesture under way goes on with it.
   * @param {string | number} from
   * @param {string | number} to
   */
  rename(from, to) {
    const [old, name] = [String(from), String(to)];
    this.#hints = this.#hints.map((hint) => (String(hint.id) === old ? { ...hint, id: to } : hint));
    const values = this.#changes.get(old);
    if (values) this.#changes.set(name, values);
    this.#changes.delete(old);
    this.#gestures.rename(old, name);
  }

  /** The hints with the changes under way. */
  get shown() {
    return this.#hints.map((hint) => ({ ...hint, ...this.#changes.get(String(hint.id)) }));
  }

  /**
   * Change the radius of a hint by steps, as the wheel does.
   * @param {string | number} id
   * @param {number} steps
   */
  resize(id, steps) {
    this.#gestures.resize(String(id), steps);
  }

  /** @param {string} id */
  #find(id) {
    return this.shown.find((hint) => String(hint.id) === id);
  }

  /**
   * Report a gesture with the id as its owner wrote it, a number or a text.
   * @param {string} type
   * @param {string} id
   * @param {object} values
   */
  #emit(type, id, values) {
    const hint = this.#find(id);
    if (hint) this.#host.emit(type, { id: hint.id, ...values });
  }

  /**
   * @param {string} id
   * @param {Partial<CanvasHint>} values
   */
  #change(id, values) {
    this.#changes.set(id, { ...this.#changes.get(id), ...values });
    this.#host.invalidate();
  }

  /**
   * Keep what a gesture changed until the owner sets the hints.
   * @param {string} id
   * @param {Partial<CanvasHint>} values
   */
  #keep(id, values) {
    this.#hints = this.#hints.map((hint) => 
      String(hint.id) === id ? { ...hint, ...values } : hint,
    );
    this.#changes.delete(id);
    this.#host.invalidate();
  }

  /**
   * @param {string} id
   * @param {number} factor
   */
  #scale(id, factor) {
    const hint = this.#find(id);
    if (!hint) return;
    const radius = (hint.radius || DEFAULT_RADIUS) * factor;
    this.#change(id, { radius: Math.min(Math.max(radius, MIN_RADIUS), MAX_RADIUS) });
  }
}

/**
 * Return the place in the picture that is nearest to a place.
 * @param {Place} place
 */
export function clampPlace({ x, y }) {
  return { x: Math.min(Math.max(x, 0), 1), y: Math.min(Math.max(y, 0), 1) };
}
