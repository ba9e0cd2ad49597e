// @ts-check
/** Base of the dialogs of a film: a title, a body, and a row of buttons. */

import { make, makeIconButton } from "../dom.js";
import { t } from "../strings.js";

/** A modal dialog that is made when it is opened and removed when it is closed. */
export class FilmDialog {
  /**
   * @param {string} title
   * @param {string} name class of the dialog
   */
  constructor(title, name) {
    const heading = make("h2", { text: title, id: `${name}-title` });
    const close = makeIconButton("close", t("film.close"), () => this.close());
    this.body = make("div", { class: "film-dialog-content" });
    this.buttons = make("div", { class: "dialog-actions" });
    this.element = make("dialog", { class: name, "aria-labelledby": heading.id }, [
      make("div", { class: "dialog-body" }, [
        make("header", { class: "dialog-head" }, [heading, close]),
        this.body,
        this.buttons,
      ]),
    ]);
    /** @type {(() => void) | null} */
    this.onClose = null;
    this.element.addEventListener("close", () => {
      this.element.remove();
      this.onClose?.();
    });
    this.element.addEventListener("click", (event) => {
      if (event.target === this.element) this.close(); // on the backdrop
    });
  }

  open() {
    document.body.append(this.element);
    this.element.showModal();
  }

  close() {
    this.element.close();
  }

  get isOpen() {
    return this.element.open;
  }
}
