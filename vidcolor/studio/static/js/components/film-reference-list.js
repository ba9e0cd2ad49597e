// @ts-check
/** The reference pictures of a shot and of the film. */

import { make, makeButton, makeIconButton, replaceRows, setText } from "../dom.js";
import { t } from "../strings.js";

/** @typedef {import("../film/types.js").Film} Film */
/** @typedef {import("../film/types.js").Shot} Shot */
/** @typedef {import("../film/types.js").Reference} Reference */

export class ReferenceList {
  /** @param {HTMLElement} target element that dispatches the events */
  constructor(target) {
    this.target = target;
    this.signature = "";
    this.heading = make("h3", { id: "shot-references" });
    this.list = make("ul", { class: "film-rows", "aria-labelledby": this.heading.id });
    this.input = make("input", { type: "file", accept: "image/*", hidden: true });
    this.input.addEventListener("change", () => {
      const file = this.input.files?.[0];
      if (file) this.emit("reference-file", { file });
      this.input.value = "";
    });
    this.add = makeButton(t("film.reference.add"), () => this.input.click());
    this.element = make("section", {}, [
      this.heading,
      this.list,
      make("div", { class: "film-row-buttons" }, [this.add, this.input]),
    ]);
  }

  /**
   * @param {Film} film
   * @param {Shot} shot
   * @param {number} frame frame that a new reference would show
   */
  update(film, shot, frame) {
    const references = [...shot.references, ...(film.references ?? [])];
    this.add.title = t("film.reference.help", { frame: String(frame) });
    const signature = JSON.stringify(references);
    if (signature === this.signature) return;
    this.signature = signature;
    const count = references.length;
    setText(this.heading, count ? t("film.references", { count }) : t("film.references.title"));
    replaceRows(
      this.list,
      references.map((reference) => this.makeRow(reference)),
    );
    this.list.hidden = !references.length;
  }

  /** @param {Reference} reference */
  makeRow(reference) {
    const { frame } = reference;
    const name = reference.name ?? t("film.reference.name", { id: reference.id });
    const isFrame = typeof frame === "number";
    const place = isFrame ? t("film.hint.frame", { frame: String(frame) }) : t("film.reference.all");
    const main = makeButton("", () => {
      if (isFrame) this.emit("go", { frame });
    }, { class: "film-row-main", disabled: !isFrame });
    main.append(
      make("span", { class: "film-row-name", text: name, title: name }),
      make("span", { class: "quiet", text: place }),
    );
    const remove = makeIconButton("close", t("film.reference.remove.label", { name }), () => {
      this.emit("change", { do: "remove-reference", id: reference.id });
    });
    const { evidence } = reference;
    return make("li", { class: "film-row" }, [
      main,
      remove,
      evidence ? make("p", { class: "quiet film-row-text", text: evidence }) : null,
    ]);
  }

  /**
   * @param {string} name
   * @param {Record<string, unknown>} detail
   */
  emit(name, detail) {
    this.target.dispatchEvent(new CustomEvent(`film-${name}`, { detail }));
  }
}
