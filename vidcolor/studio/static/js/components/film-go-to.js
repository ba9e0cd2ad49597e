// @ts-check
/** The dialog that goes to a shot, a frame or a time code. */

import { make, makeButton } from "../dom.js";
import { makeScale, parseTarget } from "../film/timecode.js";
import { t } from "../strings.js";
import { FilmDialog } from "./film-dialog.js";

/** @typedef {import("../film/types.js").Film} Film */

/**
 * Ask where to go.
 *
 * @param {Film} film
 * @param {(frame: number) => void} go
 */
export function openGoTo(film, go) {
  const dialog = new FilmDialog(t("film.goto.title"), "film-goto");
  const input = make("input", {
    type: "text",
    id: "film-goto-input",
    autocomplete: "off",
    spellcheck: "false",
    "aria-describedby": "film-goto-help film-goto-error",
  });
  const error = make("p", { class: "film-field-error", id: "film-goto-error", role: "alert" });
  const form = make("form", { method: "dialog", id: "film-goto-form" }, [
    make("label", { for: input.id, text: t("film.goto.label") }),
    input,
    make("p", { class: "quiet", id: "film-goto-help", text: t("film.goto.help") }),
    error,
  ]);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const target = parseTarget(input.value, film, makeScale(film));
    if ("error" in target) {
      error.textContent = t(`film.goto.error.${target.error}`, {
        shots: film.shots.length,
        last: String(film.num_frames - 1),
      });
      input.setAttribute("aria-invalid", "true");
      input.select();
      return;
    }
    dialog.close();
    go("frame" in target ? target.frame : (film.shots[target.shot - 1]?.first ?? 0));
  });
  dialog.body.append(form);
  const submit = make("button", {
    type: "submit",
    class: "is-primary",
    form: form.id,
    text: t("film.goto.go"),
  });
  dialog.buttons.append(
    makeButton(t("film.cancel"), () => dialog.close()),
    submit,
  );
  dialog.open();
  input.focus();
}
