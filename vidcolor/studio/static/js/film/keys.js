// @ts-check
/** The keys of the film views, for `bindKeys` and for the help dialog. */

import { addKeys } from "../keys.js";

/** @typedef {import("../keys.js").KeyRow} KeyRow */

/** @type {KeyRow[]} */
const FILM = [
  { action: "back", keys: ["ArrowLeft"], text: "film.keys.back", repeat: true },
  { action: "forward", keys: ["ArrowRight"], text: "film.keys.forward", repeat: true },
  { action: "back-ten", keys: ["Shift+ArrowLeft"], text: "film.keys.back-ten", repeat: true },
  { action: "forward-ten", keys: ["Shift+ArrowRight"], text: "film.keys.forward-ten", repeat: true },
  { action: "previous-shot", keys: ["ArrowUp"], text: "film.keys.previous-shot", repeat: true },
  { action: "next-shot", keys: ["ArrowDown"], text: "film.keys.next-shot", repeat: true },
  { action: "first", keys: ["Home"], text: "film.keys.first" },
  { action: "last", keys: ["End"], text: "film.keys.last" },
  { action: "play", keys: ["Space"], text: "film.keys.play" },
  { action: "reverse", keys: ["J"], text: "film.keys.reverse" },
  { action: "stop", keys: ["K"], text: "film.keys.stop" },
  { action: "faster", keys: ["L"], text: "film.keys.faster" },
  { action: "approve", keys: ["A"], text: "film.keys.approve" },
  { action: "open", keys: ["O"], text: "film.keys.open" },
  { action: "hint", keys: ["H"], text: "film.keys.hint" },
  { action: "protect", keys: ["P"], text: "film.keys.protect" },
  { action: "eyedropper", keys: ["I"], text: "film.keys.eyedropper" },
  { action: "neutral", keys: ["X"], text: "film.keys.neutral" },
  { action: "likely", keys: ["1", "2", "3", "4", "5", "6", "7", "8"], text: "film.keys.likely" },
  { action: "smaller", keys: ["["], text: "film.keys.smaller", repeat: true },
  { action: "larger", keys: ["]"], text: "film.keys.larger", repeat: true },
  { action: "remove", keys: ["Delete", "Backspace"], text: "film.keys.remove" },
  { action: "undo", keys: ["Ctrl+Z"], text: "film.keys.undo", repeat: true },
  { action: "redo", keys: ["Ctrl+Shift+Z", "Ctrl+Y"], text: "film.keys.redo", repeat: true },
  { action: "before", keys: ["B"], text: "film.keys.before", hold: true },
  { action: "wipe", keys: ["W"], text: "film.keys.wipe" },
  { action: "zoom", keys: ["Z"], text: "film.keys.zoom" },
  { action: "closer", keys: ["+", "="], text: "film.keys.closer", repeat: true },
  { action: "farther", keys: ["-"], text: "film.keys.farther", repeat: true },
  { action: "confidence", keys: ["C"], text: "film.keys.confidence" },
  { action: "note", keys: ["N"], text: "film.keys.note" },
  { action: "split", keys: ["S"], text: "film.keys.split" },
  { action: "merge", keys: ["M"], text: "film.keys.merge" },
  { action: "nudge-back", keys: [","], text: "film.keys.nudge-back", repeat: true },
  { action: "nudge-forward", keys: ["."], text: "film.keys.nudge-forward", repeat: true },
  { action: "nudge-back-ten", keys: ["<"], text: "film.keys.nudge-back-ten", repeat: true },
  { action: "nudge-forward-ten", keys: [">"], text: "film.keys.nudge-forward-ten", repeat: true },
  { action: "render", keys: ["R"], text: "film.keys.render" },
  { action: "go-to", keys: ["/"], text: "film.keys.go-to" },
  { action: "release", keys: ["Escape"], text: "film.keys.release" },
];

/** @type {KeyRow[]} */
const REVIEW = [
  { action: "approve", keys: ["A"], text: "film.keys.approve" },
  { action: "note", keys: ["N"], text: "film.keys.note" },
  { action: "next", keys: ["ArrowRight", "O"], text: "film.keys.open" },
  { action: "previous", keys: ["ArrowLeft"], text: "film.keys.previous-open" },
  { action: "before", keys: ["B"], text: "film.keys.before", hold: true },
  { action: "wipe", keys: ["W"], text: "film.keys.wipe" },
  { action: "zoom", keys: ["Z"], text: "film.keys.zoom" },
  { action: "undo", keys: ["Ctrl+Z"], text: "film.keys.undo", repeat: true },
  { action: "redo", keys: ["Ctrl+Shift+Z", "Ctrl+Y"], text: "film.keys.redo", repeat: true },
  { action: "film", keys: ["F"], text: "film.keys.film" },
];

/** Add the tables of the film views. */
export function addFilmKeys() {
  addKeys("film", FILM);
  addKeys("review", REVIEW);
}
