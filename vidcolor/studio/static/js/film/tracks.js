// @ts-check
/**
 * Hints as tracks: where each hint lies in any frame of its shot, and where it is lost.
 */

/** @typedef {import("./types.js").Hint} Hint */
/** @typedef {import("./types.js").Track} Track */
/** @typedef {import("./types.js").TrackSample} TrackSample */

/**
 * @typedef {object} PlacedHint
 * @property {number} id
 * @property {number} x
 * @property {number} y
 * @property {string} color
 * @property {number | null | undefined} radius
 * @property {"own" | "carried" | "lost"} state
 */

/** @typedef {{frame: number, x: number, y: number, found: boolean}} Point */

/**
 * Return the samples of a hint with its own frame, by frame. Where the thing was not found, they
 * have the position of the next sample towards the own frame.
 *
 * @param {Hint} hint
 * @param {readonly TrackSample[]} samples
 * @returns {Point[]}
 */
function listPoints(hint, samples) {
  const own = { frame: hint.frame, x: hint.x, y: hint.y, found: true };
  const sorted = samples
    .filter((sample) => sample.frame !== hint.frame)
    .sort((a, b) => a.frame - b.frame);
  const fill = (/** @type {TrackSample[]} */ side) => {
    let { x, y } = own;
    return side.map((sample) => {
      x = sample.x ?? x;
      y = sample.y ?? y;
      return { frame: sample.frame, x, y, found: sample.found };
    });
  };
  const before = sorted.filter((sample) => sample.frame < hint.frame).reverse();
  const after = sorted.filter((sample) => sample.frame > hint.frame);
  return [...fill(before).reverse(), own, ...fill(after)];
}

/**
 * Return where a hint is in a frame.
 *
 * The track is sampled: positions between two samples are interpolated, and the thing counts as
 * found if it was found in the nearer sample.
 *
 * @param {Hint} hint
 * @param {readonly TrackSample[]} samples
 * @param {number} frame
 * @returns {PlacedHint | null} null when the track does not reach the frame
 */
export function placeHint(hint, samples, frame) {
  const { id, color, radius } = hint;
  if (frame === hint.frame) return { id, color, radius, x: hint.x, y: hint.y, state: "own" };
  const points = listPoints(hint, samples);
  if (points.length === 1) return null;
  const index = points.findIndex((point) => point.frame >= frame);
  const next = points[index < 0 ? points.length - 1 : index];
  const previous = points[index < 0 ? points.length - 1 : Math.max(0, index - 1)];
  if (!previous || !next) return null;
  const length = next.frame - previous.frame;
  const share = length ? Math.min(1, Math.max(0, (frame - previous.frame) / length)) : 0;
  const state = (share < 0.5 ? previous : next).found ? "carried" : "lost";
  const x = previous.x + (next.x - previous.x) * share;
  const y = previous.y + (next.y - previous.y) * share;
  return { id, color, radius, x, y, state };
}

/**
 * Return the hints of a shot as they lie in a frame.
 *
 * @param {readonly Hint[]} hints
 * @param {readonly Track[]} tracks
 * @param {number} frame
 * @returns {PlacedHint[]}
 */
export function placeHints(hints, tracks, frame) {
  /** @type {Map<number, Track>} */
  const byHint = new Map(tracks.map((track) => [track.hint, track]));
  /** @type {PlacedHint[]} */
  const placed = [];
  for (const hint of hints) {
    const place = placeHint(hint, byHint.get(hint.id)?.frames ?? [], frame);
    if (place) placed.push(place);
  }
  return placed;
}

/**
 * A run of frames in which the thing of a hint was found, or lost.
 *
 * @typedef {{first: number, last: number, found: boolean}} Reach
 */

/**
 * Return the runs of frames in which a hint is found or lost, in order.
 *
 * Runs change halfway between two samples.
 *
 * @param {Hint} hint
 * @param {readonly TrackSample[]} samples
 * @param {{first: number, end: number}} shot
 * @returns {Reach[]}
 */
export function computeReach(hint, samples, shot) {
  const points = listPoints(hint, samples).filter(
    (point) => point.frame >= shot.first && point.frame < shot.end,
  );
  /** @type {Reach[]} */
  const runs = [];
  points.forEach((point, index) => {
    const previous = points[index - 1];
    const next = points[index + 1];
    // The run of a sample ends halfway to its neighbors, and at the ends of the shot.
    const first = previous ? Math.floor((previous.frame + point.frame) / 2) + 1 : shot.first;
    const last = next ? Math.floor((point.frame + next.frame) / 2) : shot.end - 1;
    const run = runs[runs.length - 1];
    if (run && run.found === point.found) run.last = last;
    else runs.push({ first, last, found: point.found });
  });
  return runs;
}
