// @ts-check
/** The dialog that saves files about a film for other programs: the list of shots, the project. */

import { requestFile } from "../api.js";
import { make, makeButton } from "../dom.js";
import { projectUrl, shotListUrl } from "../film/film-api.js";
import { library } from "../library.js";
import { saveFile } from "../photo/downloads.js";
import { describeError } from "../shell.js";
import { t } from "../strings.js";
import { FilmDialog } from "./film-dialog.js";

/** @typedef {import("../film/types.js").Film} Film */

/** Formats of the list of shots. */
const FORMATS = ["edl", "otio", "csv", "json"];
/** Time after which a file that was saved is released, in milliseconds. */
const RELEASE = 60_000;

/** @param {Film} film */
export function openExport(film) {
  const dialog = new FilmDialog(t("film.export.title"), "film-export");
  const error = make("p", { class: "film-field-error", role: "alert" });
  const save = async (/** @type {HTMLButtonElement} */ button, /** @type {string} */ path) => {
    error.textContent = "";
    button.setAttribute("aria-busy", "true");
    try {
      const file = await requestFile(path);
      const address = URL.createObjectURL(file);
      saveFile(address, file.name);
      window.setTimeout(() => URL.revokeObjectURL(address), RELEASE);
    } catch (failure) {
      error.textContent = describeError(failure) || t("film.offline");
    }
    button.removeAttribute("aria-busy");
  };
  const makeSave = (/** @type {string} */ text, /** @type {string} */ path) => {
    const button = makeButton(text, () => void save(button, path));
    return button;
  };
  const known = library.info?.shot_list_formats ?? FORMATS;
  const lists = FORMATS.filter((format) => known.includes(format)).map((format) =>
    makeSave(t(`film.export.shots.${format}`), shotListUrl(film.id, format)),
  );
  const { project } = film;
  dialog.body.append(
    makeSection(t("film.export.shots"), t("film.export.shots.text"), lists),
    film.variable_rate ? make("p", { class: "quiet", text: t("film.export.shots.variable") }) : "",
    makeSection(t("film.export.project"), t("film.export.project.text"), [
      makeSave(t("film.export.project.save"), projectUrl(film.id)),
    ]),
    project ? make("p", { class: "quiet film-path", text: project }) : "",
    error,
  );
  dialog.buttons.append(makeButton(t("film.close"), () => dialog.close()));
  dialog.open();
  lists[0]?.focus();
}

/**
 * @param {string} title
 * @param {string} text
 * @param {HTMLElement[]} buttons
 */
function makeSection(title, text, buttons) {
  return make("section", { class: "film-export-section" }, [
    make("h3", { text: title }),
    make("p", { class: "quiet", text }),
    make("div", { class: "row" }, buttons),
  ]);
}
