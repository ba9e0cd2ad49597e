// @ts-check
/** The dialog about a reference picture: where its colors apply, and what supports them. */

import { make, makeButton } from "../dom.js";
import { t } from "../strings.js";
import { FilmDialog } from "./film-dialog.js";

/** @typedef {{frame: number | null, evidence: string | null}} ReferenceChoice */

/**
 * Ask where the colors of a picture apply.
 *
 * @param {File} file
 * @param {{shot: number, frame: number}} place the shot and the frame that are shown
 * @returns {Promise<ReferenceChoice | null>} `frame` is null for the shots that the picture matches;
 *   null if the person gives up
 */
export function askReference(file, { shot, frame }) {
  return new Promise((resolve) => {
    /** @type {ReferenceChoice | null} */
    let choice = null;
    const dialog = new FilmDialog(t("film.reference.title"), "film-reference");
    const address = URL.createObjectURL(file);
    const inShot = makeScope("shot", t("film.reference.shot", { shot, frame: String(frame) }));
    const inFilm = makeScope("film", t("film.reference.film"));
    inShot.input.checked = true;
    const evidence = make("input", {
      type: "text",
      id: "film-reference-evidence",
      autocomplete: "off",
      placeholder: t("film.evidence.placeholder"),
    });
    const form = make("form", { method: "dialog", id: "film-reference-form" }, [
      make("img", { src: address, alt: file.name, class: "film-reference-picture" }),
      make("fieldset", {}, [
        make("legend", { text: t("film.reference.scope") }),
        inShot.label,
        inFilm.label,
      ]),
      make("div", { class: "field" }, [
        make("label", { for: evidence.id, text: t("film.evidence") }),
        evidence,
      ]),
    ]);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      choice = { frame: inShot.input.checked ? frame : null, evidence: evidence.value.trim() || null };
      dialog.close();
    });
    dialog.body.append(form);
    dialog.buttons.append(
      makeButton(t("film.cancel"), () => dialog.close()),
      make("button", {
        type: "submit",
        class: "is-primary",
        form: form.id,
        text: t("film.reference.confirm"),
      }),
    );
    dialog.onClose = () => {
      URL.revokeObjectURL(address);
      resolve(choice);
    };
    dialog.open();
    inShot.input.focus();
  });
}

/**
 * @param {string} value
 * @param {string} text
 */
function makeScope(value, text) {
  const input = make("input", { type: "radio", name: "film-reference-scope", value });
  return { input, label: make("label", { class: "check" }, [input, text]) };
}
