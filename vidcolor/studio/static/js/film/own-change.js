// @ts-check
/** Whether a change was made already: by a request whose answer was lost, or by another person. */

import { applyChange, findAddedHint } from "./optimistic.js";

/** @typedef {import("./types.js").Film} Film */
/** @typedef {import("./types.js").Shot} Shot */
/** @typedef {import("./types.js").ChangeRequest} ChangeRequest */

/** Greatest distance of the same place, as a fraction of the picture. */
const SAME = 1e-6;

/**
 * @param {ChangeRequest} request
 * @param {Film} before the state for which the change was sent
 * @param {Film} current
 * @param {boolean} isRepeated whether the request was sent again because it may have been lost
 * @returns {boolean}
 */
export function isMade(request, before, current, isRepeated) {
  if (current.revision !== before.revision + 1) return false;
  const has = (/** @type {number} */ frame) => current.shots.some((shot) => shot.first === frame);
  switch (request.do) {
    case "undo":
      // One step since then, and it was asked for here. A revision is not taken back twice, so that
      // request can be repeated.
      return isRepeated && request.revision === undefined;
    case "redo":
      return isRepeated;
    case "split":
    case "move":
      return has(request.frame);
    case "merge":
      return current.shots.length === before.shots.length - 1;
    case "add-hints":
      return request.hints.every((/** @type {ChangeRequest} */ hint) =>
        isMade({ ...hint, do: "add-hint" }, before, current, isRepeated),
      );
    case "add-hint": {
      const hint = findAddedHint(before, current, request);
      const isHere = hint && Math.hypot(hint.x - request.x, hint.y - request.y) < SAME;
      return Boolean(isHere && hint.color === request.color);
    }
    case "set":
      return Object.entries(request).every(
        ([name, value]) => name === "do" || Reflect.get(current.options, name) === value,
      );
    default:
      return describe(applyChange(before, request, 0)) === describe(current);
  }
}

/**
 * @param {Film} film
 * @returns {string} the decisions about its shots
 */
function describe(film) {
  return JSON.stringify(
    film.shots.map((/** @type {Shot} */ shot) => [
      shot.first,
      shot.is_approved ?? false,
      shot.vividness ?? null,
      shot.saturation ?? null,
      shot.model ?? null,
      shot.kind ?? null,
      shot.note ?? null,
      shot.hints.map(({ id, x, y, color, evidence }) => [id, x, y, color, evidence ?? null]),
    ]),
  );
}
