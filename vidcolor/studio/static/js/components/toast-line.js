// @ts-check
/** `<toast-line>`: short messages at the bottom, which are also read out. */

import { make, makeButton, makeIconButton } from "../dom.js";
import { t } from "../strings.js";

const SHOWN_MS = 6000;
/** The same for messages with a button. */
const ACTION_MS = 15000;
const MAX_TOASTS = 3;

export class ToastLine extends HTMLElement {
  /** @type {WeakMap<Element, number>} times at which messages were shown, in milliseconds */
  #since = new WeakMap();

  connectedCallback() {
    this.setAttribute("role", "status");
    this.setAttribute("aria-live", "polite");
    document.addEventListener("toast", (event) => {
      if (event instanceof CustomEvent) this.#show(event.detail);
    });
    // A message about another view is out of date, once there was time to read it.
    window.addEventListener("hashchange", () => {
      const old = Date.now() - SHOWN_MS;
      for (const line of [...this.children]) {
        if ((this.#since.get(line) ?? 0) < old) line.remove();
      }
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
    this.#since.set(line, Date.now());
    while (this.childElementCount > MAX_TOASTS) this.firstElementChild?.remove();
    if (isError) return; // errors stay until they are read
    const shownMs = action ? ACTION_MS : SHOWN_MS;
    let timer = 0;
    const hold = () => window.clearTimeout(timer);
    const release = () => {
      hold();
      timer = window.setTimeout(() => line.remove(), shownMs);
    };
    for (const type of ["pointerenter", "focusin"]) line.addEventListener(type, hold);
    for (const type of ["pointerleave", "focusout"]) line.addEventListener(type, release);
    release();
  }
}

customElements.define("toast-line", ToastLine);
