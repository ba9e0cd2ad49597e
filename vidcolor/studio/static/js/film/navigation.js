// @ts-check
/** Moves in a film: by frames, by shots, to open shots. */

import { findNextOpen, findShotIndex, getMiddle } from "./shots.js";

/** @typedef {import("./types.js").Film} Film */

/**
 * @param {Film} film
 * @param {number} frame
 * @returns {number} the nearest frame of the film
 */
export function clampFrame(film, frame) {
  return Math.min(film.num_frames - 1, Math.max(0, frame));
}

/**
 * Return where the previous shot begins; inside a shot, where it begins itself.
 *
 * @param {Film} film
 * @param {number} frame
 * @returns {number}
 */
export function findPreviousShot(film, frame) {
  const index = findShotIndex(film.shots, frame);
  const start = getStart(film, index);
  return frame > start ? start : getStart(film, index - 1);
}

/**
 * Return where the next shot begins; in the last shot, its last frame.
 *
 * @param {Film} film
 * @param {number} frame
 * @returns {number}
 */
export function findNextShot(film, frame) {
  const index = findShotIndex(film.shots, frame);
  return index + 1 < film.shots.length ? getStart(film, index + 1) : film.num_frames - 1;
}

/**
 * @param {Film} film
 * @param {number} index
 * @returns {number} the first frame that shows a shot alone, after its dissolve
 */
function getStart(film, index) {
  const shot = film.shots[Math.max(0, index)];
  if (!shot) return 0;
  return Math.min(shot.end - 1, shot.first + (shot.mixed_frames ?? 0));
}

/**
 * Return a frame of the next open shot.
 *
 * @param {Film} film
 * @param {number} frame
 * @returns {number | null} null when no other shot is open
 */
export function findOpenFrame(film, frame) {
  const index = findNextOpen(film.shots, findShotIndex(film.shots, frame));
  const shot = film.shots[index];
  return shot ? getMiddle(shot) : null;
}

/**
 * Remember where a film was left, until the tab is closed.
 *
 * @param {string} id
 * @param {number} frame
 */
export function storeFrame(id, frame) {
  try {
    sessionStorage.setItem(`film-frame/${id}`, String(frame));
  } catch {
    // Storage may be forbidden; the film then starts at its first frame.
  }
}

/**
 * @param {string} id
 * @returns {number} 0 for a film that was not looked at before
 */
export function recallFrame(id) {
  try {
    return Number(sessionStorage.getItem(`film-frame/${id}`)) || 0;
  } catch {
    return 0;
  }
}
