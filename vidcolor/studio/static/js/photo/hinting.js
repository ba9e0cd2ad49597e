// @ts-check
/** The grammar of hints: what clicks, colors and keys do to the hints of a photo. */

import { connection, sleep } from "../connection.js";
import { DEFAULT_RADIUS } from "../components/canvas/hint-rings.js";
import { ApiError } from "../api.js";
import { hand } from "./hand.js";
import { PlaceHelp } from "./place-help.js";
import { coverStroke } from "./strokes.js";

/** @typedef {import("../components/picture-canvas.js").PictureCanvas} PictureCanvas */
/** @typedef {import("../components/picture-canvas.js").CanvasMode} CanvasMode */
/** @typedef {import("../types.js").PhotoHint} PhotoHint */
/** @typedef {import("./photo-store.js").PhotoStore} PhotoStore */
/** @typedef {import("./place-help.js").PlaceColors} PlaceColors */
/** @typedef {{x: number, y: number}} Place */

/** Start of the ids of hints whose color is not known yet. */
const DRAFT = "draft";

/**
 * Events: `change` when the selection, the mode, a hint or the colors of the place differ;
 * `failed` {error}.
 */
export class Hinting extends EventTarget {
  /** @type {number | string | null} */
  selected = null;
  /** @type {PlaceColors | null} of the selected hint, or of the place where the pointer rested */
  colors = null;
  /** @type {PhotoHint[]} hints that wait for their colors */
  #drafts = [];
  #nextDraft = 1;
  #store;
  #canvas;
  #help;

  /**
   * @param {PhotoStore} store
   * @param {PictureCanvas} canvas
   * @param {AbortSignal} signal ends the listening
   */
  constructor(store, canvas, signal) {
    super();
    this.#store = store;
    this.#canvas = canvas;
    this.#help = new PlaceHelp(store.id, (outline) => {
      canvas.outline = outline;
    });
    /** @type {Record<string, (detail: any) => void>} */
    const handlers = {
      rest: (place) => void this.#rest(place),
      leave: () => this.#help.leave(),
      place: ({ x, y, shiftKey }) => void this.place({ x, y }, shiftKey),
      stroke: ({ points, radius }) => this.#protectStroke(points, radius),
      pick: ({ color }) => this.applyColor(color),
      "hint-move": ({ id, x, y }) => this.#dragged(id, { x, y }),
      "hint-moved": ({ id, x, y }) => this.#moved(id, { x, y }),
      "hint-select": ({ id }) => this.select(id),
      "hint-radius": ({ id, radius }) => this.#resized(id, radius),
      "hint-remove": ({ id }) => this.remove(id),
    };
    for (const [type, handle] of Object.entries(handlers)) {
      const listen = (/** @type {Event} */ event) => {
        if (event instanceof CustomEvent) handle(event.detail);
      };
      canvas.addEventListener(type, listen, { signal });
    }
    const onId = (/** @type {Event} */ event) => {
      const { from, to } = /** @type {CustomEvent} */ (event).detail;
      canvas.renameHint(from, to);
      if (this.selected === from) this.selected = to;
    };
    store.addEventListener("hint-id", onId, { signal });
    hand.addEventListener("change", () => this.#notify(), { signal });
    signal.addEventListener("abort", () => this.close());
  }

  /** Give up the requests for what is under the pointer. */
  close() {
    this.#help.cancel();
  }

  get mode() {
    return this.#canvas.mode;
  }

  /** @param {CanvasMode} mode */
  set mode(mode) {
    this.#canvas.mode = mode;
    if (mode !== "hint") this.#help.leave();
    this.#notify();
  }

  /** The hints to show, with those that wait for their colors. */
  get hints() {
    return [...(this.#store.shown?.hints ?? []), ...this.#drafts];
  }

  /** Whether the likely colors of a click are on their way. */
  get isAsking() {
    return this.#drafts.length > 0;
  }

  /** The color that the next click applies; null for the most likely one. */
  get color() {
    return hand.color;
  }

  /**
   * Select a hint, and show the likely colors of its place.
   * @param {number | string | null} id
   */
  select(id) {
    this.selected = id;
    this.#help.leave();
    this.#help.cancel();
    this.colors = null;
    this.#notify();
    const hint = id === null ? null : this.#find(id);
    if (hint) void this.#showColors(hint);
  }

  /**
   * Put a hint on a place. Its ring appears at once.
   * @param {Place} place
   * @param {boolean} isProtected keeps the color that the place has
   */
  async place(place, isProtected = false) {
    if (isProtected || this.mode === "protect") {
      const radius = this.mode === "protect" ? this.#canvas.brushRadius : DEFAULT_RADIUS;
      this.#send({ do: "add-hint", ...place, color: "keep", radius });
      return;
    }
    if (this.color) {
      this.colors = null;
      this.#add(place, this.color);
      await this.#showColors(place);
      return;
    }
    // Without a color in hand, a hint gets the most likely color of its place.
    /** @type {PhotoHint} */
    const draft = { id: `${DRAFT}-${this.#nextDraft++}`, ...place, color: "" };
    this.#drafts.push(draft);
    this.selected = draft.id;
    this.#notify();
    try {
      const colors = await this.#askColors(place);
      if (!this.#drafts.includes(draft)) return; // a color was chosen for it meanwhile
      this.#drop(draft);
      const isSelected = this.selected === draft.id;
      if (isSelected) this.colors = colors;
      this.#add(draft, colors.colors[0]?.color ?? colors.current, isSelected);
    } catch (error) {
      if (!this.#drafts.includes(draft)) return;
      this.#drop(draft);
      if (this.selected === draft.id) this.selected = null;
      this.#fail(error);
    }
  }

  /**
   * Take back the last hint that waits for its colors.
   * @returns {boolean} whether there was one
   */
  dropDraft() {
    const draft = this.#drafts.at(-1);
    if (draft) this.remove(draft.id);
    return Boolean(draft);
  }

  /** @param {PhotoHint} draft */
  #drop(draft) {
    this.#drafts = this.#drafts.filter((other) => other !== draft);
  }

  /**
   * Apply a color to the selected hint, or take it in hand. A hint that waits for its most likely
   * color gets this one at once.
   * @param {string} color
   */
  applyColor(color) {
    hand.remember(color);
    const draft = this.#findDraft(this.selected);
    if (draft) {
      this.#drop(draft);
      this.#add(draft, color);
      void this.#showColors(draft);
    } else if (this.selected === null) hand.color = color;
    else this.#send({ do: "set-hint", id: this.selected, color });
    if (this.mode === "eyedropper" || this.mode === "pan") this.mode = "hint";
  }

  /** @param {number} index of the likely colors */
  applyLikely(index) {
    const color = this.colors?.colors[index]?.color;
    if (color) this.applyColor(color);
  }

  /**
   * Put a hint with a color on a place.
   * @param {Place} place
   * @param {string} color
   */
  addColor({ x, y }, color) {
    hand.remember(color);
    this.#add({ x, y }, color);
    void this.#showColors({ x, y });
  }

  /** @param {number | string | null} id */
  remove(id) {
    if (id === null) return;
    if (this.selected === id) this.select(null);
    const draft = this.#findDraft(id);
    if (draft) {
      this.#drop(draft);
      this.#notify();
    } else {
      this.#send({ do: "remove-hint", id });
    }
  }

  /** @param {number} steps */
  resize(steps) {
    if (this.selected !== null) this.#canvas.resizeHint(this.selected, steps);
  }

  /** Let go: first the eyedropper, then the color in hand, then the selected hint. */
  release() {
    if (this.mode !== "hint") this.mode = "hint";
    else if (hand.color) hand.color = null;
    else this.select(null);
  }

  /** Forget a selected hint that no longer exists, such as after undo. */
  check() {
    const { selected } = this;
    if (selected !== null && !this.#find(selected)) this.select(null);
  }

  /** @param {Place} place */
  async #rest(place) {
    const { photo } = this.#store;
    if (!photo || this.mode === "eyedropper" || this.mode === "pan") return;
    const radius = this.mode === "protect" ? this.#canvas.brushRadius : null;
    const color = this.mode === "protect" ? "keep" : this.color;
    void this.#help.showRegion(place, { color, radius });
    // The colors of the selected hint stay while the pointer is on its way to them.
    if (this.selected === null && this.mode === "hint") await this.#showColors(place);
  }

  /** @param {Place} place */
  async #showColors(place) {
    const revision = this.#store.photo?.revision ?? 0;
    try {
      const colors = await this.#help.findColors(place, revision);
      if (!colors) return;
      this.colors = colors;
      this.#notify();
    } catch {
      // The colors are a help only; the next place asks again.
    }
  }

  /**
   * Return the likely colors of a place, when the server answers.
   * @param {Place} place
   */
  async #askColors(place) {
    for (;;) {
      try {
        return await this.#help.askColors(place, this.#store.photo?.revision ?? 0);
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        if (error.status === 0) await connection.whenBack();
        else if (error.isBusy) await sleep(error.retryMs);
        else throw error;
      }
    }
  }

  /**
   * @param {Place & Partial<PhotoHint>} place a draft, or a place
   * @param {string} color
   * @param {boolean} [isSelected]
   */
  #add({ id, x, y, radius }, color, isSelected = true) {
    const { nextId } = this.#store;
    if (id !== undefined) this.#canvas.renameHint(id, nextId);
    if (isSelected) this.selected = nextId;
    this.#send({ do: "add-hint", x, y, color, ...(radius ? { radius } : {}) });
    this.#help.leave();
    this.#notify();
  }

  /**
   * @param {Place[]} points
   * @param {number} radius
   */
  #protectStroke(points, radius) {
    const { photo } = this.#store;
    if (!photo?.width || !photo.height) return;
    const size = { width: photo.width, height: photo.height };
    const hints = coverStroke(points, radius, size).map(({ x, y }) => ({
      x,
      y,
      color: "keep",
      radius,
    }));
    this.#send({ do: "add-hints", hints });
  }

  /**
   * @param {number | string} id
   * @param {Place} place
   */
  #dragged(id, place) {
    const { color, radius = null } = this.#find(id) ?? {};
    this.#help.dragRegion(place, { color: color || null, radius });
  }

  /**
   * @param {number | string} id
   * @param {Place} place
   */
  #moved(id, place) {
    this.#help.leave();
    const draft = this.#findDraft(id);
    if (draft) Object.assign(draft, place);
    else this.#send({ do: "move-hint", id, ...place });
    if (id === this.selected) void this.#showColors(place);
  }

  /**
   * @param {number | string} id
   * @param {number} radius
   */
  #resized(id, radius) {
    const draft = this.#findDraft(id);
    if (draft) draft.radius = radius;
    else this.#send({ do: "set-hint", id, radius });
  }

  /** @param {number | string | null} id */
  #findDraft(id) {
    return this.#drafts.find((draft) => draft.id === id) ?? null;
  }

  /** @param {number | string} id */
  #find(id) {
    return this.hints.find((hint) => hint.id === id) ?? null;
  }

  /** @param {import("../types.js").PhotoChange} change */
  #send(change) {
    void this.#store.change(change);
  }

  /** @param {unknown} error */
  #fail(error) {
    this.dispatchEvent(new CustomEvent("failed", { detail: { error } }));
    this.#notify();
  }

  #notify() {
    this.dispatchEvent(new Event("change"));
  }
}

