// @ts-check
/** The page of a film that cannot be shown yet: it is loaded, analyzed, or cannot be read. */

import { make, makeButton, makeIcon, setText } from "../dom.js";
import { t } from "../strings.js";
import { showProgress } from "./film-progress.js";

/** @typedef {import("../film/types.js").Job} Job */

export class FilmScreen {
  constructor() {
    this.heading = make("h1", {});
    this.text = make("p", { class: "quiet" });
    this.progress = make("div", { class: "film-progress" });
    this.buttons = make("div", { class: "row" });
    this.element = make("div", { class: "page-message film-screen" }, [
      makeIcon("film"),
      this.heading,
      this.text,
      this.progress,
      this.buttons,
    ]);
  }

  /** @param {string} name */
  showLoading(name) {
    this.#show(name || t("film.loading"), name ? t("film.loading") : "", []);
    this.progress.hidden = true;
  }

  /**
   * @param {string} name
   * @param {Job} job
   * @param {() => void} onCancel
   */
  showAnalysis(name, job, onCancel) {
    this.#show(name, t("film.analysis.text"), [
      ["film.analysis.cancel", onCancel],
    ]);
    this.progress.hidden = false;
    showProgress(this.progress, job, t("film.analysis"));
  }

  /**
   * @param {string} name
   * @param {string} error
   * @param {(() => void) | null} onRetry
   */
  showError(name, error, onRetry) {
    this.#show(name || t("film.error"), error, onRetry ? [["film.retry", onRetry]] : []);
    this.progress.hidden = true;
    this.text.setAttribute("role", "alert");
  }

  /**
   * @param {string} title
   * @param {string} text
   * @param {[string, () => void][]} buttons
   */
  #show(title, text, buttons) {
    setText(this.heading, title);
    setText(this.text, text);
    this.text.removeAttribute("role");
    const names = buttons.map(([name]) => name).join();
    if (this.buttons.dataset.names === names) return;
    this.buttons.dataset.names = names;
    this.buttons.replaceChildren(
      make("a", { href: "#/", class: "film-button", text: t("film.home") }),
      ...buttons.map(([name, run]) => makeButton(t(name), run)),
    );
  }
}
