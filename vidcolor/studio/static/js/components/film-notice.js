// @ts-check
/** One line over the picture about what keeps the film from being shown or changed. */

import { make, setText } from "../dom.js";
import { t } from "../strings.js";

export class FilmNotice {
  /** Why the project cannot be read. */
  #problem = "";
  /** Why the still cannot be made. */
  #still = "";

  constructor() {
    this.element = make("p", { class: "film-notice", role: "alert", hidden: true });
  }

  /** @param {string | null} error why the project cannot be read */
  set problem(error) {
    this.#problem = error ? t("film.problem", { error }) : "";
    this.#show();
  }

  /** @param {string | null} error why the still cannot be made */
  set still(error) {
    this.#still = error ?? "";
    this.#show();
  }

  get hasStillError() {
    return this.#still !== "";
  }

  #show() {
    // A project that cannot be read is also the reason why there are no stills.
    const text = this.#problem || this.#still;
    setText(this.element, text);
    this.element.hidden = !text;
  }
}
