// @ts-check
/** `<review-view item="ID">`: one open shot after another, with as few decisions as possible. */

import { ApiError, Latest } from "../api.js";
import { FilmNotice } from "../components/film-notice.js";
import { ReviewPlaces } from "../components/film-review-places.js";
import { FilmScreen } from "../components/film-screen.js";
import { watchStills } from "../components/film-still-watch.js";
import { askConflict } from "../components/film-conflict.js";
import { PictureCanvas } from "../components/picture-canvas.js";
import { connection } from "../connection.js";
import { make, makeButton, makeIcon, setText } from "../dom.js";
import { serverEvents } from "../events.js";
import { changeFilm, getFilm, getReview, openFilm } from "../film/film-api.js";
import { FilmStore } from "../film/film-store.js";
import { addFilmKeys } from "../film/keys.js";
import { clampFrame, recallFrame, storeFrame } from "../film/navigation.js";
import { getPlaceKey, listOpenPlaces, mergePlaces } from "../film/review.js";
import { STATE_GLYPHS, findNextOpen, findShotIndex, getMiddle, isOpen } from "../film/shots.js";
import { Stage, makeStillUrl } from "../film/stage.js";
import { bindKeys } from "../keys.js";
import { navigate, setBar, setTitle, toast, toastError } from "../shell.js";
import { addStrings, t } from "../strings.js";
import { film as filmStrings } from "../strings/film.en.js";

/** @typedef {import("../film/types.js").Film} Film */
/** @typedef {import("../film/types.js").Shot} Shot */
/** @typedef {import("../film/types.js").ReviewPlace} ReviewPlace */
/** @typedef {"after" | "before" | "wipe"} Compare */

addStrings(filmStrings);
addFilmKeys();

/** Number of places that are asked for. */
const MAX_PLACES = 200;
const CONFLICT_WIDTH = 480;

export class ReviewView extends HTMLElement {
  #life = new AbortController();
  /** @type {FilmStore} */
  #store = /** @type {any} */ (null);
  #screen = new FilmScreen();
  #latest = new Latest();
  #frame = 0;
  /** @type {ReviewPlace[]} */
  #places = [];
  #progress = { done: 0, total: 0 };
  /** Places that got a hint here, until the server has examined the shot again. */
  #applied = new Set();
  /** @type {Compare} */
  #compare = "after";
  #isBuilt = false;

  connectedCallback() {
    this.#life = new AbortController();
    const { signal } = this.#life;
    const id = this.getAttribute("item") ?? "";
    this.#store = new FilmStore(id, { getFilm, change: changeFilm }, (conflict) =>
      askConflict(conflict, (film, frame) => makeStillUrl(film, frame, CONFLICT_WIDTH, "color")),
    );
    const listen = (/** @type {string} */ type, /** @type {(detail: any) => void} */ run) =>
      this.#store.addEventListener(type, (event) => run(/** @type {any} */ (event).detail), { signal });
    listen("film", () => this.#update());
    listen("shown", () => this.#update());
    listen("failed", ({ error }) => toastError(error));
    listen("problem", () => this.#onProblem());
    serverEvents.on("film", (data) => this.#onFilmEvent(data), signal);
    serverEvents.on("deleted", (data) => data.id === id && this.#onDeleted(), signal);
    for (const type of ["resync", "ready"]) {
      serverEvents.addEventListener(type, () => void this.#load(), { signal });
    }
    connection.addEventListener("online", () => void this.#load(), { signal });
    this.#screen.showLoading("");
    this.replaceChildren(this.#screen.element);
    this.#isBuilt = false;
    void this.#load(true);
  }

  disconnectedCallback() {
    if (this.#isBuilt && !this.#life.signal.aborted) this.#saveNote();
    this.#end();
  }

  #end() {
    this.#life.abort();
    this.#latest.cancel();
    this.stage?.close();
  }

  #onDeleted() {
    this.#end();
    setBar({});
    const text = t(this.#isBuilt ? "film.deleted" : "film.gone");
    this.#screen.showError(this.#store.film?.name ?? "", text, null);
    this.replaceChildren(this.#screen.element);
  }

  get #film() {
    return /** @type {Film} */ (this.#store.shown);
  }

  get #shot() {
    return /** @type {Shot} */ (this.#film.shots[findShotIndex(this.#film.shots, this.#frame)]);
  }

  async #load(isFirst = false) {
    try {
      if (isFirst) this.#store.accept(await openFilm(this.#store.id, this.#life.signal));
      else await this.#store.load();
      this.#loadPlaces();
    } catch (error) {
      if (this.#life.signal.aborted) return;
      if (error instanceof ApiError && error.status === 404) this.#onDeleted();
      if (this.#isBuilt || this.#life.signal.aborted) return;
      const text = error instanceof Error && error.message ? error.message : t("film.offline");
      this.#screen.showError("", text, () => void this.#load(true));
    }
  }

  /** @param {{id: string, revision: number, review?: boolean}} data */
  #onFilmEvent({ id, revision, review }) {
    if (id !== this.#store.id) return;
    if (review) this.#loadPlaces();
    if (this.#store.problem || revision !== this.#store.film?.revision) void this.#load();
  }

  /** The project cannot be read, or can be read again. */
  #onProblem() {
    if (this.notice) this.notice.problem = this.#store.problem;
    if (!this.#store.problem) this.canvas?.reload();
  }

  #loadPlaces() {
    const { id } = this.#store;
    this.#latest
      .run((signal) => getReview(id, MAX_PLACES, signal))
      .then((answer) => {
        if (!answer) return;
        const { done = 0, total = 0 } = answer;
        this.#progress = { done, total };
        this.#places = mergePlaces(this.#places, answer.places, done >= total);
        if (done >= total) this.#applied.clear();
        this.#update();
      })
      .catch(() => {}); // the list stays as it is
  }

  #build() {
    this.#isBuilt = true;
    const { signal } = this.#life;
    this.canvas = new PictureCanvas();
    this.canvas.mode = "pan";
    this.stage = new Stage(this.canvas);
    this.notice = new FilmNotice();
    watchStills(this.canvas, this.notice, signal);
    this.list = new ReviewPlaces({
      go: (place) => this.#go(place.frame),
      apply: (place, color) => this.#apply(place, color),
    });
    this.note = make("input", { type: "text", id: "review-note", autocomplete: "off" });
    this.note.addEventListener("change", () => this.#saveNote());
    this.note.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== "Escape") return;
      event.stopPropagation();
      this.note?.blur();
      this.canvas?.focus({ preventScroll: true });
    });
    this.summary = make("p", { class: "review-summary" });
    this.bar = make("progress", { max: 1, "aria-label": t("review.progress.label") });
    this.state = make("p", { class: "quiet", role: "status" });
    this.element = make("div", { class: "review" }, [
      make("div", { class: "film-stage" }, [this.canvas, this.notice.element]),
      make("aside", { class: "review-side", "aria-label": t("review.places") }, [
        make("section", { class: "section" }, [
          this.summary,
          this.bar,
          this.state,
          make("div", { class: "field" }, [
            make("label", { for: this.note.id, text: t("film.note") }),
            this.note,
          ]),
        ]),
        this.list.element,
      ]),
      make("div", { class: "review-actions" }, [
        this.#makeAction("review.note", "N", () => this.note?.focus()),
        this.#makeAction("review.approve", "A", () => this.#approve(), "is-primary"),
        this.#makeAction("review.next", "→", () => this.#next()),
      ]),
    ]);
    this.canvas.addEventListener("place-select", (event) => {
      this.list?.focus(/** @type {CustomEvent} */ (event).detail.index);
    });
    this.canvas.addEventListener("swipe", (event) => {
      if (/** @type {CustomEvent} */ (event).detail.direction > 0) this.#next();
      else this.#previous();
    });
    this.name = make("h1", { class: "film-name" });
    this.position = make("span", { class: "film-place" });
    this.beforeButton = this.#makeCompare("before");
    this.wipe = this.#makeCompare("wipe", "is-wide-only");
    const href = `#/film/${this.#store.id}`;
    setBar({
      title: [this.name, this.position],
      tools: [
        this.beforeButton,
        this.wipe,
        make("a", { href, class: "film-button", "aria-label": t("review.film") }, [
          makeIcon("film"),
          make("span", { class: "is-wide-only", text: t("review.film") }),
        ]),
      ],
    });
    bindKeys("review", this.#keyHandlers, signal);
    this.replaceChildren(this.element);
    const isFinger = window.matchMedia("(pointer: coarse)").matches;
    if (document.activeElement === document.body && !isFinger) {
      this.canvas.focus({ preventScroll: true });
    }
    const start = clampFrame(this.#film, recallFrame(this.#store.id));
    const { shots } = this.#film;
    const index = findShotIndex(shots, start);
    const shot = shots[index];
    if (shot && isOpen(shot)) this.#frame = start || getMiddle(shot);
    else {
      const open = shots[Math.max(0, findNextOpen(shots, index))];
      this.#frame = getMiddle(/** @type {Shot} */ (open));
    }
  }

  /**
   * @param {Compare} compare
   * @param {string} [style]
   */
  #makeCompare(compare, style) {
    const toggle = () => this.#setCompare(this.#compare === compare ? "after" : compare);
    return makeButton(t(`film.compare.${compare}`), toggle, {
      class: style,
      "aria-pressed": "false",
    });
  }

  /**
   * @param {string} text
   * @param {string} key
   * @param {() => void} run
   * @param {string} [style]
   */
  #makeAction(text, key, run, style) {
    const button = makeButton(t(text), run, { class: style, "aria-keyshortcuts": key });
    button.append(make("kbd", { text: key, "aria-hidden": "true" }));
    return button;
  }

  /** @returns {Record<string, (event: KeyboardEvent, isDown: boolean) => void>} */
  get #keyHandlers() {
    return {
      approve: () => this.#approve(),
      note: () => this.note?.focus(),
      next: () => this.#next(),
      previous: () => this.#previous(),
      before: (_event, isDown) => {
        if (this.canvas) this.canvas.compare = isDown ? "before" : this.#compare;
      },
      wipe: () => this.#setCompare(this.#compare === "wipe" ? "after" : "wipe"),
      zoom: () => this.canvas?.zoomTo(this.canvas.isFitted ? "one" : "fit"),
      undo: () => void this.#store.change({ do: "undo" }),
      redo: () => void this.#store.change({ do: "redo" }),
      film: () => navigate(`#/film/${this.#store.id}`),
    };
  }

  #update() {
    const film = this.#store.shown;
    if (!film || this.#life.signal.aborted) return;
    if (!film.shots?.length) {
      navigate(`#/film/${this.#store.id}`); // which shows the analysis
      return;
    }
    setTitle(t("review.title", { name: film.name }));
    if (!this.#isBuilt) this.#build();
    const shot = this.#shot;
    const { summary, state, note, name, position, list, canvas, stage } = this;
    if (!summary || !state || !note || !name || !position || !list || !canvas || !stage) return;
    const decided = film.shots.filter((item) => !isOpen(item)).length;
    setText(name, film.name);
    const number = t("film.bar.shot", { shot: shot.number, shots: film.shots.length });
    setText(position, `${number} · ${STATE_GLYPHS[shot.state]}`);
    position.title = t(`film.state.${shot.state}`);
    position.append(make("span", { class: "is-wide-only", text: t(`film.state.${shot.state}`) }));
    setText(summary, t("review.progress", { done: decided, count: film.shots.length }));
    if (this.bar) this.bar.value = decided / film.shots.length;
    const { done, total } = this.#progress;
    setText(state, done < total ? t("review.places.searching", { done, total }) : "");
    if (document.activeElement !== note) {
      note.value = shot.note ?? "";
      note.dataset.saved = note.value;
    }
    const open = listOpenPlaces(this.#places, film.shots, this.#applied);
    const here = open.filter((place) => place.shot === shot.number);
    const others = open.filter((place) => place.shot !== shot.number);
    list.update(here, others, done < total);
    stage.show(film, this.#frame);
    stage.showHints(shot, [], null);
    canvas.places = here
      .filter((place) => place.frame === this.#frame)
      .map((place) => ({
        x: place.x,
        y: place.y,
        label: t("review.place", { number: here.indexOf(place) + 1 }),
      }));
    storeFrame(film.id, this.#frame);
  }

  /** @param {number} frame */
  #go(frame) {
    this.#saveNote();
    this.note?.blur();
    this.#frame = clampFrame(this.#film, frame);
    this.#update();
  }

  /** @param {Compare} compare */
  #setCompare(compare) {
    this.#compare = compare;
    if (this.canvas) this.canvas.compare = compare;
    this.beforeButton?.setAttribute("aria-pressed", String(compare === "before"));
    this.wipe?.setAttribute("aria-pressed", String(compare === "wipe"));
  }

  #approve() {
    const shot = this.#shot;
    this.#saveNote();
    if (!shot.is_approved || isOpen(shot)) {
      void this.#store.change({ do: "approve", shot: shot.number });
    }
    this.#next();
  }

  #next() {
    const { shots } = this.#film;
    const index = findNextOpen(shots, findShotIndex(shots, this.#frame));
    const shot = shots[index];
    if (shot) this.#go(getMiddle(shot));
    else if (!isOpen(this.#shot)) this.#showDone();
    else toast(t("film.open.only"));
  }

  #previous() {
    const { shots } = this.#film;
    const reversed = [...shots].reverse();
    const index = findNextOpen(reversed, shots.length - 1 - findShotIndex(shots, this.#frame));
    const shot = reversed[index];
    if (shot) this.#go(getMiddle(shot));
  }

  #showDone() {
    toast({
      text: `${t("review.done.title")}. ${t("review.done.text")}`,
      action: { text: t("review.film"), run: () => navigate(`#/film/${this.#store.id}`) },
    });
  }

  /**
   * @param {ReviewPlace} place
   * @param {string} color
   */
  #apply(place, color) {
    const { frame, x, y } = place;
    this.#applied.add(getPlaceKey(place));
    if (frame !== this.#frame) this.#go(frame);
    void this.#store.change({ do: "add-hint", frame, x, y, color }).then((film) => {
      if (film) return;
      this.#applied.delete(getPlaceKey(place));
      this.#update();
    });
    this.#update();
    // The button of the last place is gone.
    if (document.activeElement === document.body) this.canvas?.focus({ preventScroll: true });
  }

  #saveNote() {
    const { note } = this;
    if (!note || note.value === (note.dataset.saved ?? "")) return;
    note.dataset.saved = note.value;
    const text = note.value.trim() || null;
    void this.#store.change({ do: "note", shot: this.#shot.number, text });
  }
}

customElements.define("review-view", ReviewView);
