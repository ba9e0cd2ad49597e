// @ts-check
/**
 * `<color-panel>`: likely colors with their shares, and every other way to choose a color.
 *
 * Events: `color` {color}, where `color` is `#rrggbb`, `neutral` or `keep`; `eyedropper` {};
 * `leave-field` {} when Enter or Escape ends the input of a color: the picture gets the focus.
 */

import { make, makeButton, makeIcon, replaceRows, setText } from "../dom.js";
import { NAMED_COLORS, nameNearestColor, parseColor } from "../photo/colors.js";
import { formatPercent, t } from "../strings.js";

/** @typedef {import("../types.js").LikelyColor} LikelyColor */

/** Number of likely colors that are shown. */
const MAX_LIKELY = 8;

export class ColorPanel extends HTMLElement {
  /** @type {LikelyColor[]} */
  #likely = [];
  /** @type {string | null} */
  #selected = null;
  /** @type {string[]} */
  #recent = [];
  #likelyList = make("ul", { class: "likely-colors" });
  #emptyLine = make("p", { class: "quiet", text: t("color.likely.empty") });
  #neutral = this.#makeTool("color.neutral", "X", () => this.#choose("neutral"));
  #keep = this.#makeTool("color.keep", "P", () => this.#choose("keep"));
  #eyedropper = this.#makeTool("color.eyedropper", "I", () => this.#emit("eyedropper", {}));
  #text = make("input", {
    type: "text",
    spellcheck: "false",
    autocomplete: "off",
    autocapitalize: "off",
    placeholder: "#3b5f8a",
    "aria-label": t("color.text"),
  });
  /** What was entered with the key Enter. */
  #entered = "";
  #picker = make("input", { type: "color", "aria-label": t("color.picker") });
  #recentList = make("ul", { class: "small-swatches" });
  #recentSection = make("div", { class: "field" }, [
    make("h3", { class: "quiet", text: t("color.recent") }),
    this.#recentList,
  ]);
  #names = make("details", { class: "named-colors" }, [
    make("summary", { text: t("color.named") }),
  ]);

  constructor() {
    super();
    this.#text.addEventListener("change", () => {
      if (this.#text.value !== this.#entered) this.#onText();
      this.#entered = "";
    });
    this.#text.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== "Escape") return;
      if (event.key === "Escape") this.#text.value = "";
      else this.#onText();
      this.#entered = this.#text.value; // the field reports the same value once more when it is left
      event.preventDefault();
      event.stopPropagation();
      if (this.#text.getAttribute("aria-invalid") !== "true") this.#emit("leave-field", {});
    });
    this.#text.addEventListener("input", () => this.#text.removeAttribute("aria-invalid"));
    this.#picker.addEventListener("change", () => this.#choose(this.#picker.value));
    // The list of names is made when it is opened first.
    this.#names.addEventListener("toggle", () => {
      if (this.#names.querySelector("ul")) return;
      const list = make("ul", { class: "small-swatches" });
      list.append(...NAMED_COLORS.map((name) => this.#makeSwatch(parseColor(name) ?? name, name)));
      this.#names.append(list);
    });
  }

  connectedCallback() {
    if (this.childElementCount) return;
    this.append(
      this.#emptyLine,
      this.#likelyList,
      make("div", { class: "color-tools" }, [this.#neutral, this.#keep, this.#eyedropper]),
      make("div", { class: "row" }, [this.#picker, this.#text]),
      this.#recentSection,
      this.#names,
    );
    this.#update();
  }

  get likely() {
    return this.#likely;
  }

  set likely(value) {
    if (JSON.stringify(value) === JSON.stringify(this.#likely)) return;
    this.#likely = value;
    this.#update();
  }

  /** The color that is marked: that of the selected hint, or the one in hand. */
  get selected() {
    return this.#selected;
  }

  set selected(value) {
    if (value === this.#selected) return;
    this.#selected = value;
    this.#update();
  }

  get recent() {
    return this.#recent;
  }

  set recent(value) {
    if (value === this.#recent) return;
    this.#recent = value;
    this.#update();
  }

  /** @param {boolean} value whether the eyedropper is active */
  set isPicking(value) {
    this.#eyedropper.setAttribute("aria-pressed", String(value));
  }

  /** @param {boolean} value whether the likely colors are on their way */
  set isWaiting(value) {
    setText(this.#emptyLine, t(value ? "color.likely.waiting" : "color.likely.empty"));
  }

  #update() {
    const likely = this.#likely.slice(0, MAX_LIKELY);
    this.#emptyLine.hidden = likely.length > 0;
    this.#likelyList.hidden = !likely.length;
    replaceRows(
      this.#likelyList,
      likely.map(({ color, share }, index) => {
        const percent = formatPercent(share);
        const name = nameNearestColor(color);
        const button = make("button", {
          type: "button",
          title: `${name} · ${percent} · ${index + 1}`,
          "aria-label": t("color.likely", { color: name, share: percent }),
          "aria-pressed": String(color === this.#selected),
        });
        const bar = make("span", { class: "likely-swatch" });
        bar.style.backgroundColor = color;
        button.append(bar, make("span", { text: percent }));
        button.addEventListener("click", () => this.#choose(color));
        return make("li", {}, [button]);
      }),
    );
    this.#neutral.setAttribute("aria-pressed", String(this.#selected === "neutral"));
    this.#keep.setAttribute("aria-pressed", String(this.#selected === "keep"));
    this.#recentSection.hidden = !this.#recent.length;
    replaceRows(
      this.#recentList,
      this.#recent.map((color) => this.#makeSwatch(color, nameNearestColor(color))),
    );
    const color = this.#selected?.startsWith("#") ? this.#selected : null;
    if (document.activeElement !== this.#text) this.#text.value = color ?? "";
    this.#picker.value = color ?? likely[0]?.color ?? "#808080";
  }

  /**
   * @param {string} text key of the text
   * @param {string} key
   * @param {() => void} onClick
   */
  #makeTool(text, key, onClick) {
    const button = makeButton(t(text), onClick, { title: `${t(`${text}.title`)} (${key})` });
    if (text === "color.eyedropper") button.prepend(makeIcon("eyedropper"));
    else button.prepend(make("span", { class: `swatch is-${text.slice(6)}`, "aria-hidden": "true" }));
    button.setAttribute("aria-pressed", "false");
    return button;
  }

  /**
   * @param {string} color
   * @param {string} name
   */
  #makeSwatch(color, name) {
    const button = make("button", { type: "button", "aria-label": name, title: name });
    button.style.backgroundColor = color;
    button.addEventListener("click", () => this.#choose(color));
    return make("li", {}, [button]);
  }

  #onText() {
    if (!this.#text.value.trim()) return;
    const color = parseColor(this.#text.value);
    this.#text.setAttribute("aria-invalid", String(!color));
    if (color) this.#choose(color);
  }

  /** @param {string} color */
  #choose(color) {
    this.#emit("color", { color });
  }

  /**
   * @param {string} type
   * @param {object} detail
   */
  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail, bubbles: true }));
  }
}

customElements.define("color-panel", ColorPanel);
