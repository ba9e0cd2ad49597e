// @ts-check
/** `<photo-tools>`: the tools beside the picture. Events: `tool` {action}. */

import { makeIconButton } from "../dom.js";
import { formatKey, listKeys } from "../keys.js";
import { t } from "../strings.js";

/** @typedef {import("../dom.js").IconName} IconName */

/** @type {[string, IconName][]} actions of the table of keys, with their icons */
const TOOLS = [
  ["hint", "hint"],
  ["protect", "protect"],
  ["eyedropper", "eyedropper"],
  ["pan", "hand"],
  ["undo", "undo"],
  ["redo", "redo"],
];

export class PhotoTools extends HTMLElement {
  /** @type {Map<string, HTMLButtonElement>} */
  #buttons = new Map();

  connectedCallback() {
    if (this.childElementCount) return;
    this.setAttribute("role", "toolbar");
    this.setAttribute("aria-label", t("photo.tools"));
    const rows = listKeys("photo");
    for (const [action, icon] of TOOLS) {
      const key = rows.find((row) => row.action === action)?.keys[0];
      const name = t(`photo.tool.${action}`);
      const button = makeIconButton(icon, name, () => this.#emit(action));
      if (key) button.title = `${name} (${formatKey(key)})`;
      if (action === "undo") button.classList.add("is-first");
      this.#buttons.set(action, button);
      this.append(button);
    }
  }

  /**
   * @param {string} mode the active tool
   * @param {{can_undo: boolean, can_redo: boolean}} state
   */
  update(mode, { can_undo: canUndo, can_redo: canRedo }) {
    for (const [action, button] of this.#buttons) {
      if (action === "undo") button.disabled = !canUndo;
      else if (action === "redo") button.disabled = !canRedo;
      else button.setAttribute("aria-pressed", String(action === mode));
    }
  }

  /** @param {string} action */
  #emit(action) {
    this.dispatchEvent(new CustomEvent("tool", { detail: { action } }));
  }
}

customElements.define("photo-tools", PhotoTools);
