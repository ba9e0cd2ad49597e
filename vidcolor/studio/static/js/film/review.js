// @ts-check
/**
 * Where a decision helps most: the places of a film by shot.
 */

/** @typedef {import("./types.js").ReviewPlace} ReviewPlace */
/** @typedef {import("./types.js").Shot} Shot */

/**
 * Return how much a decision helps in each shot, relative to the shot where it helps most.
 *
 * @param {readonly Shot[]} shots
 * @param {readonly ReviewPlace[]} places
 * @returns {Float32Array<ArrayBuffer>} a value from 0 to 1 for each shot
 */
export function computeNeeds(shots, places) {
  const needs = new Float32Array(shots.length);
  for (const place of places) {
    const index = place.shot - 1;
    if (index < 0 || index >= needs.length) continue;
    const priority = place.priority ?? (place.area ?? 0.1) * (1 - (place.confidence ?? 0));
    needs[index] = Math.max(needs[index] ?? 0, priority);
  }
  const highest = needs.reduce((a, b) => Math.max(a, b), 0);
  if (highest > 0) {
    // The square root keeps shots visible whose priority is a hundredth of the highest one.
    for (let n = 0; n < needs.length; n += 1) needs[n] = Math.sqrt((needs[n] ?? 0) / highest);
  }
  return needs;
}

/**
 * Return the places of an answer, and those that are known of shots which are examined again.
 *
 * @param {readonly ReviewPlace[]} known
 * @param {readonly ReviewPlace[]} places
 * @param {boolean} isComplete whether all shots are examined
 * @returns {ReviewPlace[]}
 */
export function mergePlaces(known, places, isComplete) {
  if (isComplete) return [...places];
  const examined = new Set(places.map((place) => place.shot));
  const kept = known.filter((place) => !examined.has(place.shot));
  return [...places, ...kept].sort((a, b) => (b.priority ?? 0) - (a.priority ?? 0));
}

/**
 * Return the places that no decision has been made about since they were computed.
 *
 * @param {readonly ReviewPlace[]} places by decreasing priority
 * @param {readonly Shot[]} shots
 * @param {ReadonlySet<string>} applied keys of places that got a hint; see `getPlaceKey`
 * @returns {ReviewPlace[]}
 */
export function listOpenPlaces(places, shots, applied) {
  return places.filter((place) => {
    const shot = shots[place.shot - 1];
    if (!shot || place.frame < shot.first || place.frame >= shot.end) return false;
    return shot.state !== "approved" && shot.state !== "gray" && !applied.has(getPlaceKey(place));
  });
}

/**
 * @param {ReviewPlace} place
 * @returns {string} a key that stays the same while the list is computed again
 */
export function getPlaceKey(place) {
  return `${place.frame}:${place.x.toFixed(3)}:${place.y.toFixed(3)}`;
}
