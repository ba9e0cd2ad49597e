// @ts-check
/** What a film will look like once the server has made a change, so that rings appear at once. */

import { findHint, findShotIndex, withBoundary } from "./shots.js";

/** @typedef {import("./types.js").Film} Film */
/** @typedef {import("./types.js").Shot} Shot */
/** @typedef {import("./types.js").Hint} Hint */
/** @typedef {import("./types.js").ChangeRequest} ChangeRequest */

/**
 * Return a film with a change. What splits and merges shots, and the history, are left to the server.
 *
 * @param {Film} film
 * @param {ChangeRequest} request
 * @param {number} temporaryId number of a hint that is added; the first one of several
 * @returns {Film}
 */
export function applyChange(film, request, temporaryId) {
  switch (request.do) {
    case "add-hint": {
      const { frame, x, y, color, radius = null, evidence = null } = request;
      const hint = { id: temporaryId, frame, x, y, color, radius, evidence, by: null };
      return editShot(film, findShotIndex(film.shots, frame), (shot) => ({
        ...shot,
        hints: [...shot.hints, hint],
      }));
    }
    case "add-hints":
      return request.hints.reduce(
        (/** @type {Film} */ seen, /** @type {object} */ hint, /** @type {number} */ index) =>
          applyChange(seen, { ...hint, do: "add-hint" }, temporaryId - index),
        film,
      );
    case "move-hint":
    case "set-hint":
      return editHint(film, request.id, (hint) => ({ ...hint, ...withoutVerb(request, "id") }));
    case "remove-hint":
      return editHint(film, request.id, () => null);
    case "set-shot":
      return editShot(film, request.shot - 1, (shot) =>
        touch({ ...shot, ...withoutVerb(request, "shot") }),
      );
    case "note": {
      const { text: note, evidence } = request;
      return editShot(film, request.shot - 1, (shot) => ({
        ...shot,
        note,
        evidence: evidence ?? shot.evidence,
      }));
    }
    case "move":
      return { ...film, shots: withBoundary(film.shots, request.shot - 1, request.frame) };
    case "approve":
      return editShot(film, request.shot - 1, (shot) => ({
        ...shot,
        state: shot.state === "gray" ? "gray" : "approved",
        is_approved: true,
      }));
    case "reopen":
      return editShot(film, request.shot - 1, (shot) => ({
        ...shot,
        state: shot.state === "gray" ? "gray" : "open",
        is_approved: false,
      }));
    default:
      return film;
  }
}

/**
 * @param {ChangeRequest} request
 * @param {string} key name of the number of what is changed
 * @returns {Record<string, any>} the new values
 */
function withoutVerb(request, key) {
  return Object.fromEntries(Object.entries(request).filter(([name]) => name !== "do" && name !== key));
}

/**
 * @param {Shot} shot
 * @returns {Shot} the shot, changed since its approval
 */
function touch(shot) {
  return shot.state === "approved" ? { ...shot, state: "changed" } : shot;
}

/**
 * @param {Film} film
 * @param {number} index
 * @param {(shot: Shot) => Shot} edit
 * @returns {Film}
 */
function editShot(film, index, edit) {
  const shot = film.shots[index];
  if (!shot) return film;
  const shots = film.shots.slice();
  shots[index] = edit(shot);
  return { ...film, shots };
}

/**
 * @param {Film} film
 * @param {number} id
 * @param {(hint: Hint) => Hint | null} edit null removes the hint
 * @returns {Film}
 */
function editHint(film, id, edit) {
  const index = film.shots.findIndex((shot) => shot.hints.some((hint) => hint.id === id));
  return editShot(film, index, (shot) =>
    touch({
      ...shot,
      hints: shot.hints.flatMap((hint) => (hint.id === id ? (edit(hint) ?? []) : hint)),
    }),
  );
}

/**
 * Return whether a change has anything to change: earlier ones may have removed its hint or its
 * boundary, or taken back all that there was to take back.
 *
 * @param {ChangeRequest} request with the numbers that shots have in `seen`
 * @param {Film} film
 * @param {Film} seen the state for which the change was made
 */
export function isPossible(request, film, seen) {
  const starts = (/** @type {number | undefined} */ frame) =>
    film.shots.some(({ first }) => first === frame);
  switch (request.do) {
    case "undo":
      return film.can_undo !== false;
    case "redo":
      return film.can_redo !== false;
    case "move-hint":
    case "set-hint":
    case "remove-hint":
      return findHint(film, request.id) !== null;
    case "remove-reference":
      return [film, ...film.shots].some(({ references = [] }) =>
        references.some(({ id }) => id === request.id),
      );
    case "move":
      return starts(seen.shots[request.shot - 1]?.first);
    case "split":
      return !starts(request.frame);
    default:
      return true;
  }
}

/**
 * Return the hint that the server has added for a request.
 *
 * @param {Film} before
 * @param {Film} after
 * @param {ChangeRequest} request
 * @returns {Hint | null}
 */
export function findAddedHint(before, after, request) {
  const known = new Set(before.shots.flatMap((shot) => shot.hints.map((hint) => hint.id)));
  const added = after.shots
    .flatMap((shot) => shot.hints)
    .filter((hint) => !known.has(hint.id) && hint.frame === request.frame);
  const distance = (/** @type {Hint} */ hint) =>
    Math.hypot(hint.x - request.x, hint.y - request.y);
  return added.sort((a, b) => distance(a) - distance(b))[0] ?? null;
}
