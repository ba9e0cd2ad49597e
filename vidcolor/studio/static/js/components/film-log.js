// @ts-check
/** The log of decisions: who changed what, when and why, and how to take it back. */

import { make, makeButton } from "../dom.js";
import { describeError } from "../shell.js";
import { t } from "../strings.js";
import { FilmDialog } from "./film-dialog.js";

/** @typedef {import("../film/types.js").LogChange} LogChange */

/**
 * Show the log.
 *
 * @param {() => Promise<LogChange[]>} load changes, the newest first
 * @param {(revision: number) => Promise<unknown>} undo takes a change back
 */
export function openLog(load, undo) {
  const dialog = new FilmDialog(t("film.log.title"), "film-log");
  const status = make("p", { class: "quiet", role: "status", text: t("film.loading") });
  const list = make("ol", {
    class: "film-log-list",
    reversed: true,
    tabindex: 0,
    "aria-labelledby": "film-log-title",
  });
  dialog.body.append(status, list);
  const refresh = async () => {
    try {
      const changes = await load();
      status.textContent = changes.length ? "" : t("film.log.empty");
      status.hidden = changes.length > 0;
      list.replaceChildren(...listItems(changes, async (revision) => {
        await undo(revision);
        await refresh();
        list.scrollTop = 0; // where the new change is
      }));
      list.focus({ preventScroll: true }); // the button of the change is gone
    } catch (error) {
      status.hidden = false;
      status.textContent = describeError(error);
    }
  };
  dialog.buttons.append(makeButton(t("film.close"), () => dialog.close()));
  dialog.open();
  void refresh();
}

/**
 * @param {LogChange[]} changes
 * @param {(revision: number) => Promise<void>} undo
 * @returns {HTMLElement[]}
 */
function listItems(changes, undo) {
  // A change that was undone, and not made again since, cannot be undone once more.
  const undone = new Set();
  for (const change of [...changes].reverse()) {
    if (change.undoes) undone.add(change.undoes);
    if (change.redoes) undone.delete(change.redoes);
  }
  return changes.map((change) => {
    const item = make("li", { value: change.revision });
    const time = make("time", { datetime: change.at, text: formatMoment(change.at) });
    const verb = make("strong", { text: describeVerb(change) });
    const head = make("div", { class: "film-log-head" }, [
      make("span", { class: "film-log-number", text: String(change.revision) }),
      verb,
      make("span", { class: "quiet", text: change.by }),
      time,
    ]);
    item.append(head);
    const { summary } = change;
    const texts = Array.isArray(summary) ? summary : summary ? [summary] : [];
    for (const text of texts) item.append(make("p", { class: "film-log-text", text }));
    if (change.evidence) {
      item.append(
        make("p", { class: "quiet", text: t("film.log.evidence", { text: change.evidence }) }),
      );
    }
    if (undone.has(change.revision)) {
      item.classList.add("is-undone");
      head.append(make("span", { class: "quiet", text: t("film.log.undone") }));
    } else if (change.do !== "new" && change.do !== "undo" && change.do !== "redo") {
      const label = t("film.log.undo.label", { revision: change.revision });
      const button = makeButton(
        t("film.log.undo"),
        () => {
          button.disabled = true;
          void undo(change.revision);
        },
        { "aria-label": label },
      );
      head.append(button);
    }
    return item;
  });
}

/**
 * @param {LogChange} change
 * @returns {string}
 */
function describeVerb(change) {
  if (change.undoes) return t("film.log.undoes", { revision: change.undoes });
  if (change.redoes) return t("film.log.redoes", { revision: change.redoes });
  const key = `film.log.do.${change.do}`;
  const text = t(key);
  return text === key ? change.do : text;
}

/**
 * @param {string} at ISO 8601
 * @returns {string}
 */
function formatMoment(at) {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return at;
  const language = document.documentElement.lang || "en";
  return date.toLocaleString(language, { dateStyle: "medium", timeStyle: "short" });
}
