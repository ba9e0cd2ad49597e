// @ts-check
/** What the pointer does on a film, and the colors for it. */

import { make, makeIconButton, setText } from "../dom.js";
import { describeColor } from "../film/describe.js";
import { makeSwatch } from "../film/swatch.js";
import { hand } from "../photo/hand.js";
import { formatPercent, t } from "../strings.js";
import { ColorPanel } from "./color-panel.js";

/** @typedef {import("../film/hint-tools.js").HintTools} HintTools */
/** @typedef {import("../film/hint-tools.js").Mode} Mode */
/** @typedef {import("../dom.js").IconName} IconName */

/** @type {[Mode, IconName, string][]} modes with their icons and keys */
const MODES = [
  ["hint", "hint", "H"],
  ["protect", "protect", "P"],
  ["eyedropper", "eyedropper", "I"],
];

export class FilmTools {
  /** @param {HintTools} tools */
  constructor(tools) {
    this.tools = tools;
    this.modes = MODES.map(([mode, icon, key]) =>
      makeIconButton(icon, `${t(`film.mode.${mode}`)} (${key})`, () => tools.toggleMode(mode), {
        "data-mode": mode,
      }),
    );
    this.modeBar = make(
      "div",
      { class: "film-modes", role: "group", "aria-label": t("film.modes") },
      this.modes,
    );
    this.hand = make("p", { class: "film-hand row", role: "status" });
    this.confidence = make("p", { class: "quiet" });
    this.colors = new ColorPanel();
    this.colors.addEventListener("color", (event) => {
      tools.setColor(/** @type {CustomEvent} */ (event).detail.color);
    });
    this.colors.addEventListener("eyedropper", () => {
      tools.toggleMode("eyedropper");
    });
    this.element = make("section", { class: "section film-tools", "aria-label": t("film.colors") }, [
      this.hand,
      this.colors,
      this.confidence,
    ]);
    tools.addEventListener("likely", () => this.#showLikely());
    this.update();
  }

  #showLikely() {
    const { likely, here } = this.tools;
    this.colors.likely = likely;
    setText(
      this.confidence,
      here.confidence === null
        ? ""
        : t("film.confidence.here", { share: formatPercent(here.confidence) }),
    );
  }

  update() {
    const { mode, selectedHint } = this.tools;
    for (const button of this.modes) {
      button.setAttribute("aria-pressed", String(button.dataset.mode === mode));
    }
    const color = selectedHint?.color ?? hand.color;
    this.colors.selected = color;
    this.colors.recent = hand.recent;
    this.colors.isPicking = mode === "eyedropper";
    const state = selectedHint ? "selected" : hand.color && mode === "hint" ? "color" : mode;
    const text = t(`film.hand.${state}`, { color: color ? describeColor(color) : "" });
    if (this.hand.textContent === text) return;
    this.hand.replaceChildren(...(color ? [makeSwatch(color)] : []), text);
  }
}
