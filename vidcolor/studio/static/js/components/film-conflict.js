// @ts-check
/** The dialog about a change that another person, or the shell, made to the same shot meanwhile. */

import { make, makeButton } from "../dom.js";
import { findChangedShot } from "../film/differences.js";
import { getMiddle } from "../film/shots.js";
import { t } from "../strings.js";
import { describeDifference, describeRequest } from "../film/describe.js";
import { FilmDialog } from "./film-dialog.js";

/** @typedef {import("../film/film-store.js").Conflict} Conflict */
/** @typedef {import("../film/types.js").Film} Film */

/**
 * Show what both have changed, and ask which change counts.
 *
 * @param {Conflict} conflict
 * @param {(film: Film, frame: number) => string} stillUrl URL of a still in color
 * @returns {Promise<"mine" | "theirs">}
 */
export function askConflict(conflict, stillUrl) {
  const { mine, before, current, differences } = conflict;
  return new Promise((resolve) => {
    const dialog = new FilmDialog(t("film.conflict.title"), "film-conflict");
    /** @type {"mine" | "theirs"} */
    let choice = "theirs";
    const shot = findChangedShot(mine, before);
    const text = shot
      ? t("film.conflict.text", { shot: shot.number })
      : t("film.conflict.text.film");
    const listed = differences.length
      ? differences.slice(0, 12).map(describeDifference)
      : [t("film.conflict.unseen")];
    dialog.body.append(
      make("p", { text }),
      make("div", { class: "film-conflict-sides" }, [
        makeSide(t("film.conflict.theirs"), listed, shot ? stillUrl(current, getMiddle(shot)) : null),
        makeSide(t("film.conflict.mine"), [describeRequest(mine)], null),
      ]),
    );
    const keepTheirs = makeButton(t("film.conflict.keep.theirs"), () => dialog.close());
    const keepMine = makeButton(
      t("film.conflict.keep.mine"),
      () => {
        choice = "mine";
        dialog.close();
      },
      { class: "is-primary" },
    );
    dialog.buttons.append(keepTheirs, keepMine);
    dialog.onClose = () => resolve(choice);
    dialog.open();
    keepTheirs.focus();
  });
}

/**
 * @param {string} title
 * @param {string[]} texts
 * @param {string | null} still
 */
function makeSide(title, texts, still) {
  return make("section", {}, [
    make("h3", { text: title }),
    still ? make("img", { src: still, alt: t("film.conflict.still"), class: "film-conflict-still" }) : null,
    make("ul", {}, texts.map((text) => make("li", { text }))),
  ]);
}
