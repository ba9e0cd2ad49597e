// @ts-check
/** `<photo-view item="ID">`: one photo, its colors, and everything that changes them. */

import "../components/photo-strip.js";
import "../components/picture-canvas.js";
import { ApiError, request } from "../api.js";
import { connection } from "../connection.js";
import { make, makeButton } from "../dom.js";
import { bindKeys } from "../keys.js";
import { library } from "../library.js";
import { hand } from "../photo/hand.js";
import { Hinting } from "../photo/hinting.js";
import { PhotoBar } from "../photo/photo-bar.js";
import { PhotoStatus } from "../photo/photo-status.js";
import { PhotoStore } from "../photo/photo-store.js";
import { Suggestions } from "../photo/suggestions.js";
import { findReferenceFault, watchPaste } from "../photo/reference.js";
import { GuessTag } from "../components/guess-tag.js";
import { PhotoPanel, describeColor } from "../components/photo-panel.js";
import { PhotoTools } from "../components/photo-tools.js";
import { PictureCanvas } from "../components/picture-canvas.js";
import { describeError, loadPart, navigate, setBar, setTitle, toast, toastError } from "../shell.js";
import { formatPercent, t } from "../strings.js";

/** @typedef {import("../types.js").Photo} Photo */

class PhotoView extends HTMLElement {
  #connection = new AbortController();
  #canvas = new PictureCanvas();
  #panel = new PhotoPanel();
  #tools = new PhotoTools();
  #guess = new GuessTag();
  #status = new PhotoStatus();
  #wasMerged = false;
  /** Whether the photo is being deleted, so that nothing is asked about it any more. */
  #isDeleting = false;
  // These depend on the attribute `item`, and are made when the view is connected.
  #store = /** @type {PhotoStore} */ (/** @type {unknown} */ (null));
  #hinting = /** @type {Hinting} */ (/** @type {unknown} */ (null));
  #suggestions = /** @type {Suggestions} */ (/** @type {unknown} */ (null));
  #bar = /** @type {PhotoBar} */ (/** @type {unknown} */ (null));

  connectedCallback() {
    const { signal } = this.#connection;
    const id = this.getAttribute("item") ?? "";
    this.#store = new PhotoStore(id, async (conflict) => {
      const dialog = await loadPart(() => import("../components/conflict-dialog.js"));
      return dialog ? dialog.askConflict(conflict) : "theirs";
    });
    this.#hinting = new Hinting(this.#store, this.#canvas, signal);
    this.#suggestions = new Suggestions(id);
    this.#bar = new PhotoBar(
      this.#guess,
      (step) => this.#go(step),
      (action) => this.#act(action),
    );
    this.#canvas.label = t("photo.canvas", { name: library.photos.get(id)?.name ?? "" });
    const strip = make("div", { class: "photo-strip-slot" });
    const stripElement = document.createElement("photo-strip");
    stripElement.setAttribute("current", id);
    strip.append(stripElement);
    this.replaceChildren(
      make("div", { class: "photo-layout" }, [
        this.#tools,
        make("div", { class: "photo-stage" }, [this.#canvas, this.#status.element]),
        this.#panel,
        strip,
      ]),
    );
    this.#bar.show();
    this.#connect(signal);
    this.#connectKeys(signal);
    watchPaste((file) => this.#setReference(file), signal);
    void this.#load(signal);
  }

  disconnectedCallback() {
    this.#connection.abort();
    this.#suggestions.cancel();
    this.#status.stop();
  }

  /** @param {AbortSignal} signal */
  #connect(signal) {
    const update = () => this.#update();
    this.#store.addEventListener("change", update, { signal });
    this.#store.addEventListener(
      "saved",
      () => this.#store.photo && library.setOwnPhoto(this.#store.photo),
      { signal },
    );
    this.#hinting.addEventListener("change", update, { signal });
    this.#suggestions.addEventListener("change", update, { signal });
    library.addEventListener("change", () => this.#onLibrary(), { signal });
    const onFailed = (/** @type {Event} */ event) => {
      if (event instanceof CustomEvent) this.#onError(event.detail.error);
    };
    this.#store.addEventListener("failed", onFailed, { signal });
    this.#hinting.addEventListener("failed", onFailed, { signal });
    this.#store.addEventListener(
      "merged",
      () => {
        if (!this.#wasMerged) toast(t("photo.merged"));
        this.#wasMerged = true;
      },
      { signal },
    );
    connection.addEventListener("online", () => this.#canvas.reload(), { signal });
    this.#connectCanvas(signal);
    this.#connectPanel(signal);
  }

  /** @param {AbortSignal} signal */
  #connectCanvas(signal) {
    const canvas = this.#canvas;
    const on = (/** @type {string} */ type, /** @type {(detail: any) => void} */ handle) => {
      const listen = (/** @type {Event} */ event) => handle(/** @type {CustomEvent} */ (event).detail);
      canvas.addEventListener(type, listen, { signal });
    };
    on("swipe", ({ direction }) => this.#go(direction));
    on("zoomed", () => this.#update());
    on("place-select", ({ index }) => this.#showPlace(index));
    on("loaded", ({ view, key }) => {
      if (view === "color" && key === canvas.source?.key) canvas.saturationPreview = 1;
      this.#status.update(this.#store.shown, canvas);
    });
    on("load-error", ({ error }) => {
      if (error.status === 0) void connection.reportLost();
      else if (error.status === 404) void this.#load(signal);
      else if (error.status !== 503 && error.status !== 409) this.#status.fail(error.message, () => canvas.reload());
    });
    on("pick", () => this.#update());
  }

  /** @param {AbortSignal} signal */
  #connectPanel(signal) {
    const panel = this.#panel;
    const on = (
      /** @type {EventTarget} */ target,
      /** @type {string} */ type,
      /** @type {(detail: any) => void} */ handle,
    ) => {
      const listen = (/** @type {Event} */ event) => handle(/** @type {CustomEvent} */ (event).detail);
      target.addEventListener(type, listen, { signal });
    };
    on(panel.colors, "color", ({ color }) => this.#hinting.applyColor(color));
    on(panel.colors, "leave-field", () => this.#canvas.focus({ preventScroll: true }));
    on(panel.colors, "eyedropper", () => this.#act("eyedropper"));
    on(panel, "hand-clear", () => {
      hand.color = null;
    });
    on(panel, "photo-change", (change) => {
      if (change.do === "remove-hint") this.#hinting.remove(change.id);
      else void this.#store.change(change);
    });
    on(panel, "hint-choose", ({ id }) => this.#hinting.select(id));
    on(panel, "place-choose", ({ index }) => this.#showPlace(index));
    on(panel, "place-color", ({ index, color }) => {
      const place = this.#suggestions.places[index];
      if (place) this.#hinting.addColor(place, color);
    });
    on(panel, "reference", ({ file }) => this.#setReference(file));
    on(panel, "delete", () => void this.#delete());
    on(panel, "preview", ({ saturation }) => {
      const shown = this.#store.photo?.saturation ?? 1;
      this.#canvas.saturationPreview = shown ? saturation / shown : 1;
    });
    on(this.#tools, "tool", ({ action }) => this.#act(action));
    on(this.#guess, "confidence", () => this.#act("confidence"));
  }

  /** @param {AbortSignal} signal */
  #connectKeys(signal) {
    const actions = [
      ...["hint", "protect", "eyedropper", "undo", "redo", "wipe", "zoom", "confidence"],
      ...["download", "place", "neutral", "release", "remove", "smaller", "larger"],
      ...["closer", "farther"],
    ];
    /** @type {Record<string, (event: KeyboardEvent, isDown: boolean) => void>} */
    const handlers = {
      previous: () => this.#go(-1),
      next: () => this.#go(1),
      likely: ({ key }) => this.#hinting.applyLikely(Number(key) - 1),
      before: (_, isDown) => {
        this.#bar.hold(isDown);
        this.#update();
      },
    };
    for (const action of actions) handlers[action] = () => this.#act(action);
    bindKeys("photo", handlers, signal);
  }

  /** @param {string} action */
  #act(action) {
    const hinting = this.#hinting;
    const canvas = this.#canvas;
    /** @type {Record<string, () => void>} */
    const actions = {
      hint: () => (hinting.mode = "hint"),
      protect: () => (hinting.mode = hinting.mode === "protect" ? "hint" : "protect"),
      eyedropper: () => (hinting.mode = hinting.mode === "eyedropper" ? "hint" : "eyedropper"),
      pan: () => (hinting.mode = hinting.mode === "pan" ? "hint" : "pan"),
      undo: () => {
        if (!hinting.dropDraft()) void this.#store.change({ do: "undo" });
      },
      redo: () => void this.#store.change({ do: "redo" }),
      neutral: () => hinting.applyColor("neutral"),
      release: () => hinting.release(),
      remove: () => hinting.remove(hinting.selected),
      smaller: () => hinting.resize(-1),
      larger: () => hinting.resize(1),
      wipe: () => (this.#bar.compare = this.#bar.compare === "wipe" ? "after" : "wipe"),
      zoom: () => canvas.zoomTo(canvas.isFitted ? "one" : "fit"),
      closer: () => canvas.zoomBy(1.5),
      farther: () => canvas.zoomBy(1 / 1.5),
      confidence: () => (canvas.overlay = canvas.overlay ? null : "confidence"),
      place: () => this.#showPlace(this.#suggestions.next()),
      download: () => void this.#download(),
    };
    actions[action]?.();
    this.#update();
  }

  /** @param {AbortSignal} signal */
  async #load(signal) {
    try {
      await this.#store.load(signal);
      this.#suggestions.refresh(this.#store.photo);
    } catch (error) {
      if (!signal.aborted) this.#showMissing(error);
    }
  }

  #onLibrary() {
    if (this.#isDeleting) return;
    const known = library.photos.get(this.#store.id);
    const { photo } = this.#store;
    if (library.isLoaded && photo && !known && connection.isOnline) {
      this.#showMissing(new ApiError(404, "not-found", ""));
      return;
    }
    // Another browser, or the job that decoded it, has changed the photo.
    if (known && photo && known !== photo && this.#store.isSaved) {
      if (known.revision > photo.revision || known.width !== photo.width) {
        void this.#store.refresh().catch(() => {});
      }
    }
    this.#update();
  }

  #update() {
    const photo = this.#store.shown;
    const hinting = this.#hinting;
    const canvas = this.#canvas;
    if (!photo || !this.isConnected) return;
    hinting.check();
    setTitle(photo.name);
    canvas.label = t("photo.canvas", { name: photo.name });
    canvas.compare = this.#bar.shownCompare;
    canvas.hints = hinting.hints.map((hint, index) => ({
      ...hint,
      label: t("canvas.hint", { number: index + 1, color: describeColor(hint.color) }),
    }));
    canvas.selected = hinting.selected;
    canvas.places = this.#suggestions.areShown ? this.#suggestions.places : [];
    this.#setSource();
    this.#bar.update(photo, canvas);
    this.#guess.update(photo, canvas.overlay !== null);
    this.#guess.hidden = Boolean(photo.error);
    this.classList.toggle("is-failed", Boolean(photo.error));
    this.#tools.update(hinting.mode, {
      can_undo: photo.can_undo || !this.#store.isSaved,
      can_redo: photo.can_redo && this.#store.isSaved,
    });
    this.#updatePanel(photo);
    this.#suggestions.refresh(this.#store.photo);
    this.#status.update(photo, canvas);
  }

  /** The picture follows the server's state once nothing is under way. */
  #setSource() {
    const { photo } = this.#store;
    if (this.#isDeleting || !photo?.width || !photo.height || photo.error) return;
    const key = `${photo.id}:${photo.revision}`;
    if (this.#canvas.source?.key === key) return;
    if (this.#canvas.source && !this.#store.isSaved && connection.isOnline) return;
    const path = `/api/photos/${photo.id}/image`;
    const { revision } = photo;
    this.#canvas.source = {
      width: photo.width,
      height: photo.height,
      key,
      lumaKey: photo.id,
      urlFor: ({ view, width }) => `${path}?w=${width}&view=${view}&rev=${revision}`,
    };
  }

  /** @param {Photo} photo */
  #updatePanel(photo) {
    const hinting = this.#hinting;
    const index = photo.hints.findIndex((hint) => hint.id === hinting.selected);
    const selected = photo.hints[index];
    const color = selected?.color ?? hinting.color;
    this.#panel.colors.isWaiting = hinting.isAsking;
    this.#panel.colors.likely = hinting.colors?.colors ?? [];
    this.#panel.colors.selected = color;
    this.#panel.colors.recent = hand.recent;
    this.#panel.colors.isPicking = hinting.mode === "eyedropper";
    const confidence = hinting.colors?.confidence;
    const detail =
      confidence === null || confidence === undefined
        ? ""
        : t("photo.confidence", { confidence: formatPercent(confidence) });
    let title = t("photo.here");
    if (selected) title = t("photo.hint", { number: index + 1 });
    else if (hinting.color) title = t("photo.hand", { color: describeColor(hinting.color) });
    this.#panel.updateTarget(title, detail, !selected && Boolean(hinting.color));
    this.#panel.updatePhoto(photo, hinting.selected);
    this.#panel.updatePlaces(this.#suggestions.places, this.#suggestions.status);
  }

  /** @param {number} index */
  #showPlace(index) {
    const place = this.#suggestions.show(index);
    if (!place) return;
    if (!this.#canvas.isFitted) this.#canvas.zoomTo("one", place);
    this.#hinting.selected = null;
    this.#hinting.colors = { colors: place.colors, current: "", confidence: place.confidence };
    this.#update();
  }

  /** @param {File | null} file */
  #setReference(file) {
    const fault = file && findReferenceFault(file);
    if (fault) {
      toast({ text: fault, isError: true });
      return;
    }
    if (file) toast(t("photo.reference.sending"));
    void this.#store.change({ do: "set-reference", file });
  }

  /** @param {-1 | 1} step */
  #go(step) {
    const ids = [...library.photos.keys()];
    const next = ids[ids.indexOf(this.#store.id) + step];
    if (next) navigate(`#/photo/${next}`);
  }

  async #download() {
    const { id } = this.#store;
    if (!library.isLoaded) await library.load(); // it knows the formats and the other photos
    const dialog = await loadPart(() => import("../components/download-dialog.js"));
    await dialog?.openDownload([id], id, () => this.#store.whenSaved());
  }

  /** @param {unknown} error */
  #onError(error) {
    if (error instanceof ApiError && error.status === 404) this.#showMissing(error);
    else toastError(error);
  }

  /** @param {unknown} error */
  #showMissing(error) {
    this.#connection.abort();
    this.#canvas.source = null;
    setBar({});
    const isGone = error instanceof ApiError && error.status === 404;
    const text = isGone ? t("photo.gone.text") : describeError(error);
    this.replaceChildren(
      make("div", { class: "page-message", role: "alert" }, [
        make("h1", { text: isGone ? t("photo.gone") : t("photo.failed") }),
        make("p", { class: "quiet", text }),
        makeButton(t("photo.back"), () => navigate("#/"), { class: "is-primary" }),
      ]),
    );
  }

  /** Delete the photo from the server, and go back. */
  async #delete() {
    this.#isDeleting = true;
    this.#canvas.source = null;
    this.#suggestions.cancel();
    this.#hinting.close();
    try {
      await request(`/api/photos/${this.#store.id}`, { method: "DELETE", patience: "connection" });
      navigate("#/");
    } catch (error) {
      this.#isDeleting = false;
      this.#onError(error);
      this.#update();
    }
  }
}

customElements.define("photo-view", PhotoView);
