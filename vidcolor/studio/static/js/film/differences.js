// @ts-check
/**
 * What differs between two states of a film, and whether a change still applies to the later one.
 */

import { findHint, findShotIndex } from "./shots.js";

/** @typedef {import("./types.js").Film} Film */
/** @typedef {import("./types.js").Shot} Shot */
/** @typedef {import("./types.js").Hint} Hint */
/** @typedef {import("./types.js").ChangeRequest} ChangeRequest */

/**
 * One difference; `what` is the key of its text in the table of strings.
 *
 * @typedef {object} Difference
 * @property {string} what
 * @property {number | null} shot number of the shot in the later state; null for the film
 * @property {Record<string, string | number>} values
 */

/** @type {readonly ("vividness" | "saturation" | "model" | "kind" | "note" | "evidence" | "state")[]} */
const SHOT_FIELDS = ["vividness", "saturation", "model", "kind", "note", "evidence", "state"];
/** @type {readonly ("vividness" | "saturation" | "titles")[]} */
const FILM_FIELDS = ["vividness", "saturation", "titles"];
/** @type {readonly ("frame" | "x" | "y" | "color" | "radius")[]} */
const HINT_FIELDS = ["frame", "x", "y", "color", "radius"];

/**
 * Return the differences that a person would see.
 *
 * @param {Film} before
 * @param {Film} after
 * @returns {Difference[]}
 */
export function compareFilms(before, after) {
  /** @type {Difference[]} */
  const differences = [];
  for (const field of FILM_FIELDS) {
    const value = after.options[field] ?? null;
    if (value !== (before.options[field] ?? null)) {
      const what = `film-${field}`;
      differences.push({ what, shot: null, values: { value: value ?? "" } });
    }
  }
  const old = new Map(before.shots.map((shot) => [shot.first, shot]));
  for (const shot of after.shots) {
    const previous = old.get(shot.first);
    old.delete(shot.first);
    if (!previous) {
      differences.push({ what: "shot-starts", shot: shot.number, values: { frame: shot.first } });
      continue;
    }
    if (previous === shot) continue;
    differences.push(...compareShots(previous, shot));
  }
  for (const shot of old.values()) {
    const index = findShotIndex(after.shots, shot.first);
    const number = after.shots[index]?.number ?? null;
    differences.push({ what: "shot-gone", shot: number, values: { frame: shot.first } });
  }
  differences.push(...compareHints(before, after));
  return differences;
}

/**
 * @param {Shot} before
 * @param {Shot} after
 * @returns {Difference[]}
 */
function compareShots(before, after) {
  /** @type {Difference[]} */
  const differences = [];
  for (const field of SHOT_FIELDS) {
    const value = after[field] ?? null;
    if (value === (before[field] ?? null)) continue;
    const what = `shot-${field}${value === null ? "-removed" : ""}`;
    differences.push({ what, shot: after.number, values: { value: value ?? "" } });
  }
  const references = new Set(before.references.map((item) => item.id));
  for (const { id } of after.references) {
    if (!references.delete(id)) {
      differences.push({ what: "reference-added", shot: after.number, values: { id } });
    }
  }
  for (const id of references) {
    differences.push({ what: "reference-removed", shot: after.number, values: { id } });
  }
  return differences;
}

/**
 * @param {Film} film
 * @returns {Map<number, {hint: Hint, shot: number}>}
 */
function indexHints(film) {
  const hints = new Map();
  for (const shot of film.shots) {
    for (const hint of shot.hints) hints.set(hint.id, { hint, shot: shot.number });
  }
  return hints;
}

/**
 * @param {Film} before
 * @param {Film} after
 * @returns {Difference[]}
 */
function compareHints(before, after) {
  /** @type {Difference[]} */
  const differences = [];
  const old = indexHints(before);
  for (const [id, { hint, shot }] of indexHints(after)) {
    const previous = old.get(id)?.hint;
    old.delete(id);
    const values = { id, color: hint.color, frame: hint.frame };
    if (!previous) differences.push({ what: "hint-added", shot, values });
    else if (HINT_FIELDS.some((field) => (previous[field] ?? null) !== (hint[field] ?? null))) {
      differences.push({ what: "hint-changed", shot, values });
    }
  }
  for (const [id, { hint, shot }] of old) {
    const values = { id, color: hint.color, frame: hint.frame };
    differences.push({ what: "hint-removed", shot, values });
  }
  return differences;
}

/**
 * Return the shot that a change is about, in the state that the person saw.
 *
 * @param {ChangeRequest} request
 * @param {Film} film
 * @returns {Shot | null} null for a change of the whole film
 */
export function findChangedShot(request, film) {
  const { shot, id, frame = request.hints?.[0]?.frame } = request;
  if (typeof shot === "number") return film.shots[shot - 1] ?? null;
  if (request.do === "remove-reference") {
    return film.shots.find((item) => item.references.some((row) => row.id === id)) ?? null;
  }
  const place = typeof id === "number" ? (findHint(film, id)?.frame ?? frame) : frame;
  if (typeof place !== "number") return null;
  return film.shots[findShotIndex(film.shots, place)] ?? null;
}

/**
 * Return the same change for a later state, if the two do not touch the same shot.
 *
 * @param {ChangeRequest} request made when the person saw `before`
 * @param {Film} before
 * @param {Film} after the current state
 * @returns {ChangeRequest | null} null when a person has to decide
 */
export function rebaseChange(request, before, after) {
  // The change of a revision stays what it is; the last change is now another one.
  if (request.do === "undo" && request.revision !== undefined) return request;
  if (request.do === "undo" || request.do === "redo") return null;
  const shot = findChangedShot(request, before);
  if (!shot) {
    const names = Object.keys(request).filter((name) => name !== "do" && name !== "evidence");
    const same = names.every((name) => {
      const key = /** @type {keyof import("./types.js").FilmOptions} */ (name);
      return (before.options[key] ?? null) === (after.options[key] ?? null);
    });
    return same ? request : null;
  }
  const now = after.shots.find((item) => item.first === shot.first);
  if (!now || now.end !== shot.end) return null;
  if (JSON.stringify({ ...shot, number: 0 }) !== JSON.stringify({ ...now, number: 0 })) return null;
  // The number of a shot changes when earlier ones are split or merged.
  return typeof request.shot === "number" ? { ...request, shot: now.number } : request;
}
