// @ts-check
/** `<film-shot-panel>`: the decisions about the current shot, and those about the whole film. */

import { make, makeButton, setText } from "../dom.js";
import { STATE_GLYPHS, canSplit } from "../film/shots.js";
import { t } from "../strings.js";
import { HintList } from "./film-hint-list.js";
import { ReferenceList } from "./film-reference-list.js";
import { SettingSlider } from "./film-setting-slider.js";

/** @typedef {import("../film/types.js").Film} Film */
/** @typedef {import("../film/types.js").Shot} Shot */
/** @typedef {import("../film/types.js").Track} Track */

/**
 * Events: `change` {do, …}, a change of the film; `hint-select` {id, frame}; `go` {frame};
 * `reference-file` {file}; `approve` {}.
 */
export class FilmShotPanel extends HTMLElement {
  /** @type {Film | null} */
  #film = null;
  /** @type {Shot | null} */
  #shot = null;
  #frame = 0;

  constructor() {
    super();
    this.heading = make("h2", { class: "shot-heading" });
    this.frames = make("p", { class: "quiet shot-frames" });
    this.approve = makeButton("", () => this.#emit("approve", {}), { class: "is-primary" });
    this.reopen = makeButton(t("film.reopen"), () => this.#change({ do: "reopen" }));
    this.gray = makeButton(t("film.gray"), () => this.#toggleGray());
    this.vividness = new SettingSlider({
      name: "vividness",
      label: t("film.vividness"),
      max: 1,
      onChange: (value) => this.#change({ do: "set-shot", vividness: value }),
    });
    this.saturation = new SettingSlider({
      name: "saturation",
      label: t("film.saturation"),
      max: 3,
      onChange: (value) => this.#change({ do: "set-shot", saturation: value }),
    });
    this.kind = make("select", { id: "shot-kind" }, [
      make("option", { value: "", text: t("film.kind.auto") }),
      make("option", { value: "picture", text: t("film.kind.picture") }),
      make("option", { value: "title", text: t("film.kind.title") }),
    ]);
    this.kind.addEventListener("change", () => {
      this.#change({ do: "set-shot", kind: this.kind.value || null });
    });
    this.model = make("select", { id: "shot-model" });
    this.model.addEventListener("change", () => {
      this.#change({ do: "set-shot", model: this.model.value || null });
    });
    this.modelField = field(t("film.model"), this.model);
    this.hints = new HintList(this);
    this.references = new ReferenceList(this);
    this.note = make("textarea", { id: "shot-note", rows: 2 });
    this.evidence = make("input", { id: "shot-evidence", type: "text", autocomplete: "off" });
    for (const input of [this.note, this.evidence]) {
      input.addEventListener("change", () => this.saveNote());
      input.addEventListener("keydown", (event) => {
        if (!(event instanceof KeyboardEvent)) return;
        const isDone = event.key === "Enter" && (input === this.evidence || event.ctrlKey);
        if (isDone || event.key === "Escape") leaveField(input);
      });
    }
    this.split = makeButton(t("film.split"), () => this.#emit("split", {}));
    this.merge = makeButton(t("film.merge"), () => this.#emit("merge", {}));
  }

  connectedCallback() {
    const film = make("details", { class: "film-options" }, [
      make("summary", { text: t("film.whole") }),
      this.#makeFilmOptions(),
    ]);
    this.replaceChildren(
      make("div", { class: "shot-head" }, [this.heading, this.frames]),
      make("div", { class: "shot-decide" }, [this.approve, this.reopen, this.gray]),
      this.vividness.element,
      this.saturation.element,
      this.modelField,
      field(t("film.kind"), this.kind),
      this.hints.element,
      this.references.element,
      field(t("film.note"), this.note),
      field(t("film.evidence"), this.evidence),
      make("div", { class: "shot-boundaries" }, [this.split, this.merge]),
      film,
    );
  }

  #makeFilmOptions() {
    this.filmVividness = new SettingSlider({
      name: "film-vividness",
      label: t("film.vividness"),
      max: 1,
      onChange: (vividness) => this.#changeFilm({ vividness }),
    });
    this.filmSaturation = new SettingSlider({
      name: "film-saturation",
      label: t("film.saturation"),
      max: 3,
      onChange: (saturation) => this.#changeFilm({ saturation }),
    });
    this.titles = make("select", { id: "film-titles" }, [
      make("option", { value: "neutral", text: t("film.titles.neutral") }),
      make("option", { value: "tint", text: t("film.titles.tint") }),
      make("option", { value: "color", text: t("film.titles.color") }),
    ]);
    this.titles.addEventListener("change", () => {
      this.#changeFilm({ titles: this.titles?.value });
    });
    return make("div", { class: "film-options-body" }, [
      this.filmVividness.element,
      this.filmSaturation.element,
      field(t("film.titles"), this.titles),
    ]);
  }

  /**
   * @param {Film} film
   * @param {Shot} shot
   * @param {number} frame
   * @param {number | null} selected number of the selected hint
   * @param {readonly Track[]} tracks
   */
  update(film, shot, frame, selected, tracks) {
    const isOther = this.#shot?.first !== shot.first;
    if (isOther && this.#shot) this.saveNote();
    this.#film = film;
    this.#shot = shot;
    this.#frame = frame;
    const state = t(`film.state.${shot.state}`);
    setText(this.heading, t("film.shot", { shot: shot.number, shots: film.shots.length }));
    const badge = make("span", { class: "film-state", title: state }, [
      make("span", { "aria-hidden": "true", text: STATE_GLYPHS[shot.state] }),
      ` ${state}`,
    ]);
    this.heading.append(badge);
    setText(
      this.frames,
      t("film.frames", {
        first: String(shot.first),
        last: String(shot.end - 1),
        count: shot.end - shot.first,
      }),
    );
    const isDone = shot.is_approved ?? shot.state === "approved";
    setText(this.approve, t(isDone ? "film.approved.next" : "film.approve"));
    this.reopen.hidden = !isDone && shot.state !== "changed";
    const isGray = shot.saturation === 0;
    setText(this.gray, t(isGray ? "film.gray.undo" : "film.gray"));
    this.gray.setAttribute("aria-pressed", String(isGray));
    this.vividness.update(shot.vividness ?? null, film.options.vividness ?? null);
    this.saturation.update(shot.saturation ?? null, film.options.saturation ?? 1);
    this.#updateModel(film, shot);
    this.kind.value = shot.kind ?? "";
    this.hints.update(shot, selected, tracks);
    this.references.update(film, shot, frame);
    this.#updateText(this.note, shot.note ?? "", isOther);
    this.#updateText(this.evidence, shot.evidence ?? "", isOther);
    this.split.disabled = !canSplit(shot, frame);
    this.merge.disabled = shot.number === film.shots.length;
    this.filmVividness?.update(film.options.vividness ?? null, null);
    this.filmSaturation?.update(film.options.saturation ?? null, 1);
    if (this.titles) this.titles.value = film.options.titles ?? "neutral";
  }

  /**
   * Show the model, if there is a choice.
   *
   * @param {Film} film
   * @param {Shot} shot
   */
  #updateModel(film, shot) {
    const { model = "", models = [] } = film;
    const others = models.filter((name) => name !== model);
    this.modelField.hidden = !others.length;
    const signature = JSON.stringify(models);
    if (this.model.dataset.models !== signature) {
      this.model.dataset.models = signature;
      this.model.replaceChildren(
        make("option", { value: "", text: t("film.model.film", { model }) }),
        ...others.map((value) => make("option", { value, text: value })),
      );
    }
    // A shot may name the model of the film.
    this.model.value = shot.model === model ? "" : (shot.model ?? "");
  }

  /**
   * @param {HTMLInputElement | HTMLTextAreaElement} input
   * @param {string} text
   * @param {boolean} isOther whether another shot is shown now
   */
  #updateText(input, text, isOther) {
    // What a person is typing is never replaced, unless it belongs to another shot.
    if (!isOther && document.activeElement === input) return;
    if (input.value !== text) input.value = text;
    input.dataset.saved = text;
  }

  /** Send the note and the evidence, if they were changed. */
  saveNote() {
    const fields = [this.note, this.evidence];
    if (fields.every((input) => input.value === (input.dataset.saved ?? ""))) return;
    /** @type {{do: string} & Record<string, unknown>} */
    const request = { do: "note", text: this.note.value.trim() || null };
    const evidence = this.evidence.value.trim();
    // Without evidence, a new note keeps that of the shot.
    if (evidence !== (this.evidence.dataset.saved ?? "")) request.evidence = evidence;
    this.note.dataset.saved = this.note.value;
    this.evidence.dataset.saved = this.evidence.value;
    this.#change(request);
  }

  focusNote() {
    this.note.focus();
  }

  #toggleGray() {
    const saturation = this.#shot?.saturation === 0 ? null : 0;
    this.#change({ do: "set-shot", saturation });
  }

  /** @param {{do: string} & Record<string, unknown>} request */
  #change(request) {
    if (this.#shot) this.#emit("change", { ...request, shot: this.#shot.number });
  }

  /** @param {Record<string, unknown>} values */
  #changeFilm(values) {
    if (this.#film) this.#emit("change", { do: "set", ...values });
  }

  /**
   * @param {string} name
   * @param {Record<string, unknown>} detail
   */
  #emit(name, detail) {
    this.dispatchEvent(new CustomEvent(`film-${name}`, { detail }));
  }

  /** Number of the frame that is shown. */
  get frame() {
    return this.#frame;
  }
}

/**
 * Save what was typed, and go back to the keys of the view.
 *
 * @param {HTMLElement} input
 */
function leaveField(input) {
  input.blur();
  input.dispatchEvent(new CustomEvent("leave-field", { bubbles: true }));
}

/**
 * @param {string} text
 * @param {HTMLElement} control
 * @returns {HTMLElement}
 */
function field(text, control) {
  return make("div", { class: "field" }, [make("label", { for: control.id, text }), control]);
}

customElements.define("film-shot-panel", FilmShotPanel);
