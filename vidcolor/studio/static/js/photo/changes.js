// @ts-check
/** Changes of a photo: how it looks once they are made, and whether those of others touch them. */

/** @typedef {import("../types.js").Photo} Photo */
/** @typedef {import("../types.js").PhotoHint} PhotoHint */
/** @typedef {import("../types.js").PhotoChange} PhotoChange */

/**
 * Return a photo with a change. Undo, redo and reset are left to the server.
 *
 * @param {Photo} photo
 * @param {PhotoChange} change
 * @param {string[]} temporaryIds ids of the hints that are added
 * @returns {Photo}
 */
export function applyChange(photo, change, temporaryIds) {
  switch (change.do) {
    case "add-hint":
    case "add-hints": {
      const added = listNewHints(change).map((hint, index) => ({
        ...hint,
        id: temporaryIds[index] ?? `new-${index}`,
      }));
      return { ...photo, hints: [...photo.hints, ...added] };
    }
    case "move-hint":
      return editHint(photo, change.id, { x: change.x, y: change.y });
    case "set-hint": {
      const { color, radius } = change;
      return editHint(photo, change.id, {
        ...(color === undefined ? {} : { color }),
        ...(radius === undefined ? {} : { radius }),
      });
    }
    case "remove-hint":
      return { ...photo, hints: photo.hints.filter((hint) => hint.id !== change.id) };
    case "set": {
      const { vividness = photo.vividness } = change;
      const saturation = change.saturation === null ? 1 : (change.saturation ?? photo.saturation);
      return { ...photo, vividness, saturation };
    }
    case "set-reference":
      return { ...photo, reference: change.file && { name: change.file.name } };
    default:
      return photo;
  }
}

/**
 * @param {Photo} photo
 * @param {number | string} id
 * @param {Partial<PhotoHint>} values
 */
function editHint(photo, id, values) {
  const hints = photo.hints.map((hint) => (hint.id === id ? { ...hint, ...values } : hint));
  return { ...photo, hints };
}

/**
 * @param {PhotoChange} change
 * @returns {import("../types.js").NewHint[]}
 */
export function listNewHints(change) {
  if (change.do === "add-hints") return change.hints;
  if (change.do !== "add-hint") return [];
  const { x, y, color, radius } = change;
  return [{ x, y, color, ...(radius === undefined ? {} : { radius }) }];
}

/**
 * Return whether a change has anything to change: earlier ones may have removed its hint, or taken
 * back all that there was to take back.
 *
 * @param {PhotoChange} change
 * @param {Photo} photo
 */
export function isPossible(change, photo) {
  if (change.do === "undo") return photo.can_undo;
  if (change.do === "redo") return photo.can_redo;
  return !("id" in change) || photo.hints.some((hint) => hint.id === change.id);
}

/**
 * Return whether the server made a change whose answer was lost.
 *
 * @param {PhotoChange} change
 * @param {Photo} before the photo for which the change was sent
 * @param {Photo} current
 */
export function isMade(change, before, current) {
  if (current.revision !== before.revision + 1) return false;
  if (change.do === "undo" || change.do === "redo" || change.do === "reset") {
    return true; // one step since then, and it was asked for here
  }
  if (change.do === "set-reference") {
    const name = change.file?.name;
    return current.reference?.name === name && before.reference?.name !== name;
  }
  const known = new Set(before.hints.map((hint) => hint.id));
  const expected = listNewHints(change);
  if (expected.length) {
    const added = current.hints.filter((hint) => !known.has(hint.id));
    return (
      added.length === expected.length &&
      added.every((hint, index) => {
        const wanted = expected[index];
        return wanted && isNear(hint.x, wanted.x) && isNear(hint.y, wanted.y);
      })
    );
  }
  const wanted = applyChange(before, change, []);
  return (
    wanted.vividness === current.vividness &&
    wanted.saturation === current.saturation &&
    wanted.hints.length === current.hints.length &&
    wanted.hints.every((hint) => {
      const other = current.hints.find((candidate) => candidate.id === hint.id);
      return other && isNear(hint.x, other.x) && isNear(hint.y, other.y) && isSameLook(hint, other);
    })
  );
}

/**
 * What another person changed that a change of this person would overwrite.
 * @typedef {{what: "hint", before: PhotoHint, theirs: PhotoHint | null}
 *   | {what: "vividness" | "saturation", theirs: number | null}
 *   | {what: "reference", theirs: string | null}
 *   | {what: "history"}} Overlap
 */

/**
 * Return what a change would overwrite, or null if both can be kept.
 *
 * @param {PhotoChange} change
 * @param {Photo} before the photo for which the change was made
 * @param {Photo} current the photo with the changes of others
 * @returns {Overlap | null}
 */
export function findOverlap(change, before, current) {
  if (change.do === "add-hint" || change.do === "add-hints") return null;
  if (change.do === "set") {
    for (const what of /** @type {const} */ (["vividness", "saturation"])) {
      if (change[what] !== undefined && before[what] !== current[what]) {
        return { what, theirs: current[what] };
      }
    }
    return null;
  }
  if (change.do === "set-reference") {
    const theirs = current.reference?.name ?? null;
    return (before.reference?.name ?? null) === theirs ? null : { what: "reference", theirs };
  }
  if (change.do === "undo" || change.do === "redo" || change.do === "reset") {
    return { what: "history" };
  }
  const old = before.hints.find((hint) => hint.id === change.id);
  const theirs = current.hints.find((hint) => hint.id === change.id) ?? null;
  if (!old || (theirs && isSamePlace(old, theirs) && isSameLook(old, theirs))) return null;
  return { what: "hint", before: old, theirs };
}

/**
 * @param {PhotoHint} a
 * @param {PhotoHint} b
 */
function isSamePlace(a, b) {
  return isNear(a.x, b.x) && isNear(a.y, b.y);
}

/**
 * @param {PhotoHint} a
 * @param {PhotoHint} b
 */
function isSameLook(a, b) {
  return a.color === b.color && isNear(a.radius ?? 0, b.radius ?? 0);
}

/**
 * @param {number} a
 * @param {number} b
 */
function isNear(a, b) {
  return Math.abs(a - b) < 1e-6;
}
