// @ts-check
/**
 * `<guess-tag>`: says that the color is a guess; opens how sure it is, and what a person decided.
 *
 * Events: `confidence` {isShown}.
 */

import { make, makeButton, setText } from "../dom.js";
import { t } from "../strings.js";

/** @typedef {import("../types.js").Photo} Photo */

export class GuessTag extends HTMLElement {
  #button = makeButton(t("guess.tag"), () => this.#toggle(), {
    class: "guess-button",
    "aria-expanded": "false",
    "aria-haspopup": "dialog",
  });
  #decided = make("p", {});
  #overlay = make("input", { type: "checkbox" });
  #popover = make("div", {
    class: "popover",
    popover: "auto",
    role: "dialog",
    "aria-label": t("guess.title"),
  });

  constructor() {
    super();
    this.#overlay.addEventListener("change", () => {
      const detail = { isShown: this.#overlay.checked };
      this.dispatchEvent(new CustomEvent("confidence", { detail }));
    });
    this.#popover.append(
      make("h2", { text: t("guess.title") }),
      make("p", { text: t("guess.text") }),
      this.#decided,
      make("label", { class: "check" }, [this.#overlay, t("guess.confidence")]),
      make("div", { class: "confidence-legend" }, [
        make("span", { text: t("guess.unsure") }),
        make("span", { class: "confidence-ramp", "aria-hidden": "true" }),
        make("span", { text: t("guess.sure") }),
      ]),
      make("p", { class: "quiet", text: t("guess.export") }),
    );
    this.#popover.addEventListener("toggle", (event) => {
      const isOpen = event instanceof ToggleEvent && event.newState === "open";
      this.#button.setAttribute("aria-expanded", String(isOpen));
    });
  }

  connectedCallback() {
    if (!this.childElementCount) this.append(this.#button, this.#popover);
  }

  /**
   * @param {Photo} photo
   * @param {boolean} isOverlayShown
   */
  update(photo, isOverlayShown) {
    const kept = photo.hints.filter((hint) => hint.color === "keep").length;
    const decided = photo.hints.length - kept;
    const parts = [t("guess.decided", { count: decided })];
    if (kept) parts.push(t("guess.kept", { count: kept }));
    if (photo.reference) parts.push(t("guess.reference", { name: photo.reference.name }));
    setText(this.#decided, parts.join(" "));
    setText(this.#button, decided || photo.reference ? t("guess.tag.decided") : t("guess.tag"));
    this.#overlay.checked = isOverlayShown;
  }

  #toggle() {
    const box = this.#button.getBoundingClientRect();
    const left = Math.max(Math.min(box.left, window.innerWidth - 336), 8);
    this.#popover.style.left = `${left}px`;
    this.#popover.style.top = `${box.bottom + 8}px`;
    this.#popover.togglePopover();
  }
}

customElements.define("guess-tag", GuessTag);
