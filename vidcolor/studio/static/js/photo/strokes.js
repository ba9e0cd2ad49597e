// @ts-check
/** Strokes of the protect brush, as hints. */

/** @typedef {{x: number, y: number}} Place */

/** Greatest number of hints of one stroke. */
const MAX_DISCS = 24;

/**
 * Return discs along a stroke that overlap, or touch if the stroke is long.
 *
 * @param {Place[]} points fractions of the picture
 * @param {number} radius fraction of the short side
 * @param {{width: number, height: number}} size of the picture
 * @returns {Place[]}
 */
export function coverStroke(points, radius, { width, height }) {
  const length = points.reduce((sum, point, index) => {
    const previous = points[index - 1];
    return previous ? sum + measure(previous, point, width, height) : 0;
  }, 0);
  const spacing = Math.max(radius * Math.min(width, height), length / (MAX_DISCS - 1));
  /** @type {Place[]} */
  const discs = [];
  for (const point of points) {
    const last = discs.at(-1);
    if (!last || measure(last, point, width, height) >= spacing) discs.push(point);
  }
  return discs.slice(0, MAX_DISCS);
}

/**
 * @param {Place} a
 * @param {Place} b
 * @param {number} width
 * @param {number} height
 */
function measure(a, b, width, height) {
  return Math.hypot((a.x - b.x) * width, (a.y - b.y) * height);
}
