// @ts-check
/** Dialogs that are made when they are needed. */

import { make, makeIconButton } from "../dom.js";
import { t } from "../strings.js";

/**
 * Open a dialog; it is removed when it closes.
 *
 * @param {string} title
 * @param {(Node | string)[]} content
 * @param {{onClose?: () => void, className?: string}} [options]
 * @returns {HTMLDialogElement}
 */
export function openModal(title, content, { onClose, className = "" } = {}) {
  const dialog = make("dialog", { class: className, "aria-label": title });
  const close = makeIconButton("close", t("close"), () => dialog.close());
  dialog.append(
    make("div", { class: "dialog-body" }, [
      make("header", { class: "dialog-head" }, [make("h2", { text: title }), close]),
      ...content,
    ]),
  );
  dialog.addEventListener("close", () => {
    dialog.remove();
    onClose?.();
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close(); // a click on the backdrop
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}
