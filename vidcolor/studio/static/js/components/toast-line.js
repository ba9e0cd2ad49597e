// @ts-check
/** `<toast-line>`: short messages at the bottom, which are also read out. */

import { make, makeButton, makeIconButton } from "../dom.js";
import { t } from "../strings.js";

const SHOWN_MS = 6000;
const MAX_TOASTS = 3;

export class ToastLine extends HTMLElement {
  connectedCallback() {
    this.setAttribute("role", "status");
    this.setAttribute("aria-live", "polite");
    document.addEventListener("toast", (event) => {
      if (event instanceof CustomEvent) this.#show(event.detail);
    });
  }

  /** @param {import("../shell.js").Toast} message */
  #show({ text, isError = false, action }) {
    for (const old of this.children) {
      if (old.firstElementChild?.textContent === text) old.remove();
    }
    const line = make("div", { class: "toast" }, [make("span", { text })]);
    if (isError) line.setAttribute("role", "alert");
    if (action) {
      const run = () => {
        line.remove();
        action.run();
      };
      line.append(makeButton(action.text, run));
    }
    line.append(makeIconButton("close", t("close"), () => line.remove()));
    this.append(line);
    while (this.childElementCount > MAX_TOASTS) this.firstElementChild?.remove();
    // Errors, and messages with a button, stay until they are read.
    if (isError || action) return;
    let timer = window.setTimeout(() => line.remove(), SHOWN_MS);
    line.addEventListener("pointerenter", () => window.clearTimeout(timer));
    line.addEventListener("pointerleave", () => {
      timer = window.setTimeout(() => line.remove(), SHOWN_MS);
    });
  }
}

customElements.define("toast-line", ToastLine);
