// @ts-check
/** What the photo view shows in the bar on top. */

import { Segments } from "../components/segments.js";
import { make, makeButton, makeIcon, makeIconButton, setText } from "../dom.js";
import { library } from "../library.js";
import { setBar } from "../shell.js";
import { formatPercent, t } from "../strings.js";

/** @typedef {import("../types.js").Photo} Photo */
/** @typedef {import("../components/picture-canvas.js").Compare} Compare */
/** @typedef {import("../components/picture-canvas.js").PictureCanvas} PictureCanvas */

export class PhotoBar {
  #name = make("h1", {});
  #position = make("span", { class: "photo-position quiet is-wide-only" });
  #guess;
  #previous;
  #next;
  #compareButtons;
  #wipe;
  #zoom;
  #download;
  /** @type {Compare} */
  #compare = "after";
  #isHeld = false;
  #act;

  /**
   * @param {HTMLElement} guess
   * @param {(step: -1 | 1) => void} go
   * @param {(action: string) => void} act
   */
  constructor(guess, go, act) {
    this.#guess = guess;
    this.#act = act;
    this.#previous = makeIconButton("back", t("photo.previous"), () => go(-1));
    this.#next = makeIconButton("forward", t("photo.next"), () => go(1));
    this.#compareButtons = new Segments(
      t("photo.compare"),
      [
        ["before", t("photo.before")],
        ["wipe", t("photo.wipe")],
        ["after", t("photo.after")],
      ],
      (value) => {
        this.#compare = /** @type {Compare} */ (value);
        act("");
      },
    );
    this.#wipe = makeIconButton("theme", t("photo.wipe"), () => act("wipe"), {
      class: "icon-button is-narrow-only",
    });
    this.#zoom = makeButton("", () => act("zoom"), { class: "zoom-button is-wide-only" });
    this.#download = makeButton(t("photo.download"), () => act("download"), {
      class: "is-primary download-button",
    });
    this.#download.prepend(makeIcon("download"));
  }

  get compare() {
    return this.#compare;
  }

  set compare(value) {
    this.#compare = value;
  }

  /** What the canvas shows while a key may be held. */
  get shownCompare() {
    return this.#isHeld ? "before" : this.#compare;
  }

  /** @param {boolean} isHeld whether the key of the original is held */
  hold(isHeld) {
    this.#isHeld = isHeld;
  }

  show() {
    for (const button of [this.#previous, this.#next]) button.classList.add("is-wide-only");
    this.#compareButtons.element.classList.add("is-wide-only");
    setBar({
      title: [this.#previous, this.#next, this.#name, this.#position, this.#guess],
      tools: [this.#compareButtons.element, this.#wipe, this.#zoom, this.#download],
    });
    this.#act("");
  }

  /**
   * @param {Photo} photo
   * @param {PictureCanvas} canvas
   */
  update(photo, canvas) {
    setText(this.#name, photo.name);
    this.#name.title = photo.name;
    const ids = [...library.photos.keys()];
    const index = ids.indexOf(photo.id);
    const isAlbum = ids.length > 1 && index >= 0;
    setText(this.#position, isAlbum ? t("photo.position", { number: index + 1, total: ids.length }) : "");
    this.#previous.hidden = this.#next.hidden = !isAlbum;
    this.#previous.disabled = index <= 0;
    this.#next.disabled = index < 0 || index >= ids.length - 1;
    this.#compareButtons.update(this.shownCompare);
    this.#wipe.setAttribute("aria-pressed", String(this.#compare === "wipe"));
    setText(this.#zoom, canvas.isFitted ? t("photo.fit") : formatPercent(canvas.scale));
    this.#zoom.title = t("photo.zoom.title");
    this.#zoom.setAttribute("aria-pressed", String(!canvas.isFitted));
  }
}
