// @ts-check
/** Adding of a reference picture that a person has chosen or pasted. */

import { askReference } from "../components/film-reference-dialog.js";
import { toast, toastError } from "../shell.js";
import { t } from "../strings.js";
import { addReference } from "./film-api.js";

/** @typedef {import("./film-store.js").FilmStore} FilmStore */
/** @typedef {import("./types.js").Film} Film */

/** Name of a pasted picture. It is stored in the project, so it does not depend on the language. */
const PASTED_NAME = "pasted picture";

/**
 * Ask where the colors of a picture apply, and add it.
 *
 * @param {FilmStore} store
 * @param {File} file
 * @param {{shot: number, frame: number}} place the shot and the frame that are shown
 */
export async function addReferenceFile(store, file, place) {
  const choice = await askReference(file, place);
  if (!choice) return;
  try {
    store.acceptOwn(await send(store, file, choice), { do: "add-reference" });
    const { frame } = choice;
    const key = frame === null ? "film.reference.added.film" : "film.reference.added";
    toast(t(key, { name: file.name, frame: String(frame) }));
  } catch (error) {
    toastError(error);
  }
}

/**
 * @param {FilmStore} store
 * @param {File} file
 * @param {import("../components/film-reference-dialog.js").ReferenceChoice} choice
 * @returns {Promise<Film>}
 */
async function send(store, file, choice) {
  for (;;) {
    const { id, revision } = /** @type {Film} */ (store.film);
    const before = /** @type {Film} */ (store.film);
    const answer = await addReference(id, file, { ...choice, revision });
    if ("film" in answer) return answer.film;
    const { current, isRepeated } = answer;
    if (isRepeated && countReferences(current) > countReferences(before)) return current;
    // Adding a picture never contradicts what others have changed.
    store.accept(current);
  }
}

/** @param {Film} film */
function countReferences({ shots, references = [] }) {
  return shots.reduce((sum, shot) => sum + shot.references.length, references.length);
}

/**
 * Return the picture in what is pasted, with a name for people: browsers give all of them one name.
 *
 * @param {ClipboardEvent} event
 * @returns {File | null}
 */
export function findPastedPicture(event) {
  const files = [...(event.clipboardData?.files ?? [])];
  const found = files.find((file) => file.type.startsWith("image/"));
  return found ? new File([found], PASTED_NAME, { type: found.type }) : null;
}
