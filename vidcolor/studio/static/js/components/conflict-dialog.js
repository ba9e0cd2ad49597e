// @ts-check
/** Asks which of two changes counts, when another browser changed the same thing of a photo. */

import { make, makeButton } from "../dom.js";
import { t } from "../strings.js";
import { openModal } from "./modal.js";
import { describeColor } from "./photo-panel.js";

/** @typedef {import("../photo/photo-store.js").Conflict} Conflict */

/**
 * @param {Conflict} conflict
 * @returns {Promise<"mine" | "theirs">}
 */
export function askConflict(conflict) {
  return new Promise((resolve) => {
    /** @type {"mine" | "theirs"} */
    let answer = "theirs";
    const choose = (/** @type {"mine" | "theirs"} */ value) => {
      answer = value;
      dialog.close();
    };
    const { overlap } = conflict;
    const isGone = overlap.what === "hint" && !overlap.theirs;
    const keep = makeButton(t(isGone ? "conflict.ok" : "conflict.theirs"), () => choose("theirs"), {
      class: isGone ? "is-primary" : "",
    });
    const mine = makeButton(t("conflict.mine"), () => choose("mine"), { class: "is-primary" });
    const rows = isGone
      ? [make("p", { text: t("conflict.gone") })]
      : [
          describe("conflict.theirs.row", describeTheirs(conflict)),
          describe("conflict.mine.row", describeMine(conflict)),
        ];
    const dialog = openModal(
      t("conflict.title"),
      [
        make("p", { text: t("conflict.text") }),
        make("div", { class: "conflict-rows" }, rows),
        make("div", { class: "dialog-actions" }, isGone ? [keep] : [keep, mine]),
      ],
      { onClose: () => resolve(answer), className: "conflict" },
    );
  });
}

/**
 * @param {string} label
 * @param {{text: string, color: string | null}} state
 */
function describe(label, { text, color }) {
  const swatch = make("span", { class: "swatch", "aria-hidden": "true" });
  if (color?.startsWith("#")) swatch.style.setProperty("--swatch", color);
  swatch.hidden = !color?.startsWith("#");
  return make("div", { class: "row" }, [
    make("strong", { class: "conflict-who", text: t(label) }),
    swatch,
    make("span", { text }),
  ]);
}

/** @param {Conflict} conflict */
function describeTheirs({ overlap }) {
  if (overlap.what === "hint") {
    const { before, theirs } = overlap;
    if (!theirs) return { text: t("conflict.removed"), color: null };
    const text =
      theirs.color === before.color ? t("conflict.moved") : describeColor(theirs.color);
    return { text, color: theirs.color };
  }
  if (overlap.what === "history") return { text: t("conflict.changed"), color: null };
  if (overlap.what === "reference") return describeReference(overlap.theirs);
  const value = overlap.theirs ?? t("photo.automatic");
  return { text: t(`conflict.${overlap.what}`, { value }), color: null };
}

/** @param {Conflict} conflict */
function describeMine({ change }) {
  switch (change.do) {
    case "set-hint":
      return change.color === undefined
        ? { text: t("conflict.radius"), color: null }
        : { text: describeColor(change.color), color: change.color };
    case "move-hint":
      return { text: t("conflict.moved"), color: null };
    case "remove-hint":
      return { text: t("conflict.removed"), color: null };
    case "set-reference":
      return describeReference(change.file?.name ?? null);
    case "set": {
      const what = change.vividness === undefined ? "saturation" : "vividness";
      return { text: t(`conflict.${what}`, { value: change[what] ?? t("photo.automatic") }), color: null };
    }
    default:
      return { text: t(`conflict.${change.do}`), color: null };
  }
}

/** @param {string | null} name */
function describeReference(name) {
  const value = name ?? t("photo.reference.none");
  return { text: t("conflict.reference", { value }), color: null };
}
