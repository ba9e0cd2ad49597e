// @ts-check
/**
 * The shots of a film: which one a frame belongs to, the next open one, where boundaries may lie.
 */

/** @typedef {import("./types.js").Film} Film */
/** @typedef {import("./types.js").Shot} Shot */
/** @typedef {import("./types.js").Hint} Hint */

/** Glyph of each state; color alone never marks a state. */
export const STATE_GLYPHS = Object.freeze({
  open: "○",
  changed: "◐",
  approved: "●",
  gray: "✕",
});

/**
 * Return the index of the shot with a frame.
 *
 * @param {readonly {first: number, end: number}[]} shots in order, without gaps
 * @param {number} frame
 * @returns {number} the nearest shot for frames outside the film; -1 without shots
 */
export function findShotIndex(shots, frame) {
  let low = 0;
  let high = shots.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (/** @type {{first: number}} */ (shots[middle]).first <= frame) low = middle;
    else high = middle - 1;
  }
  return shots.length ? low : -1;
}

/**
 * @param {Shot} shot
 * @returns {number} frame that represents the shot: the middle one of those without a dissolve
 */
export function getMiddle(shot) {
  return Math.min(shot.end - 1, Math.floor((shot.first + (shot.mixed_frames ?? 0) + shot.end) / 2));
}

/**
 * @param {Shot} shot
 * @returns {boolean} whether a person still has to decide about the shot
 */
export function isOpen(shot) {
  return shot.state === "open" || shot.state === "changed";
}

/**
 * Return the index of the next open shot after another one; the search starts again at the first.
 *
 * @param {readonly Shot[]} shots
 * @param {number} index
 * @returns {number} -1 when no other shot is open
 */
export function findNextOpen(shots, index) {
  for (let step = 1; step < shots.length; step += 1) {
    const candidate = (index + step) % shots.length;
    if (isOpen(/** @type {Shot} */ (shots[candidate]))) return candidate;
  }
  return -1;
}

/**
 * @param {readonly Shot[]} shots
 * @returns {{open: number, changed: number, approved: number, gray: number}}
 */
export function countStates(shots) {
  const counts = { open: 0, changed: 0, approved: 0, gray: 0 };
  for (const shot of shots) counts[shot.state] += 1;
  return counts;
}

/**
 * Return where the first frame of a shot may be moved to.
 *
 * @param {readonly Shot[]} shots
 * @param {number} index
 * @returns {{low: number, high: number} | null} first and last frame; null for the first shot
 */
export function getBoundaryLimits(shots, index) {
  const previous = shots[index - 1];
  const shot = shots[index];
  if (!previous || !shot) return null;
  return { low: previous.first + 1, high: shot.end - 1 };
}

/**
 * @param {Shot} shot
 * @param {number} frame
 * @returns {boolean} whether the shot can be split so that a new one starts at the frame
 */
export function canSplit(shot, frame) {
  return frame > shot.first + (shot.mixed_frames ?? 0) && frame < shot.end;
}

/**
 * Return the shots with the boundary of one of them moved, for display while it is dragged.
 *
 * @param {readonly Shot[]} shots
 * @param {number} index
 * @param {number} frame
 * @returns {Shot[]}
 */
export function withBoundary(shots, index, frame) {
  return shots.map((shot, n) => {
    if (n === index - 1) return { ...shot, end: frame };
    return n === index ? { ...shot, first: frame } : shot;
  });
}

/**
 * @param {Film} film
 * @param {number} id
 * @returns {Hint | null}
 */
export function findHint(film, id) {
  for (const shot of film.shots) {
    const hint = shot.hints.find((item) => item.id === id);
    if (hint) return hint;
  }
  return null;
}
