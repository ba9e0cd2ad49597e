// @ts-check
/**
 * Time codes for display, and what people type to go to a place in a film.
 *
 * Frames are numbered by decoded picture. A time code is a label of a frame number; no frame is
 * ever found by multiplying a time by a rate, except where a person types a time code.
 */

const CODE = /^(\d{1,2})[:;.](\d{1,2})[:;.](\d{1,2})([:;.,])(\d{1,3})$/;
/** The end of a time code: `50:04` or `1:50:04`. */
const END_OF_CODE = /^\d{1,2}([:;.]\d{1,2})?[:;.,]\d{1,3}$/;

/**
 * Return frames per second.
 *
 * @param {any} rate a number, `24000/1001`, `25`, [numerator, denominator] or an object with both
 * @returns {number} 25 when the rate is not known
 */
export function parseRate(rate) {
  let value = NaN;
  if (typeof rate === "number") value = rate;
  else if (typeof rate === "string") {
    const [numerator, denominator = "1"] = rate.split("/");
    value = Number(numerator) / Number(denominator);
  } else if (Array.isArray(rate)) value = Number(rate[0]) / Number(rate[1] ?? 1);
  return Number.isFinite(value) && value > 0 ? value : 25;
}

/**
 * A way to label frames: rate, first label and whether numbers are dropped.
 *
 * @typedef {object} TimecodeScale
 * @property {number} rate frames per second
 * @property {number} fps the rate, rounded
 * @property {boolean} drop drop-frame time code
 * @property {number} start number of frames from 00:00:00:00 to the label of frame 0
 */

/**
 * Return the scale of a film.
 *
 * @param {{rate: any, timecode?: string | null}} film
 * @returns {TimecodeScale}
 */
export function makeScale(film) {
  const rate = parseRate(film.rate);
  const fps = Math.max(1, Math.round(rate));
  const text = film.timecode ?? "";
  const drop = /[;.,]\d{2,3}$/.test(text) && fps % 30 === 0;
  const scale = { rate, fps, drop, start: 0 };
  return { ...scale, start: text ? (parseCode(text, scale) ?? 0) : 0 };
}

/**
 * @param {TimecodeScale} scale
 * @returns {number} numbers that drop-frame time code skips in a minute
 */
function droppedPerMinute(scale) {
  return scale.drop ? scale.fps / 15 : 0;
}

/**
 * Return the time code of a frame, such as `00:00:50:04`.
 *
 * @param {number} frame
 * @param {TimecodeScale} scale
 * @returns {string}
 */
export function formatTimecode(frame, scale) {
  let number = Math.max(0, Math.round(frame)) + scale.start;
  const dropped = droppedPerMinute(scale);
  if (dropped) {
    const perMinute = scale.fps * 60 - dropped;
    const perTen = perMinute * 10 + dropped;
    const tens = Math.floor(number / perTen);
    const rest = number % perTen;
    const minutes = rest < scale.fps * 60 ? 0 : 1 + Math.floor((rest - scale.fps * 60) / perMinute);
    number += dropped * (9 * tens + minutes);
  }
  const seconds = Math.floor(number / scale.fps);
  const parts = [Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60, seconds % 60];
  const head = parts.map((part) => String(part).padStart(2, "0")).join(":");
  const width = scale.fps > 100 ? 3 : 2;
  return `${head}${scale.drop ? ";" : ":"}${String(number % scale.fps).padStart(width, "0")}`;
}

/**
 * Return the number of frames from 00:00:00:00 to a time code.
 *
 * @param {string} text
 * @param {TimecodeScale} scale
 * @returns {number | null} null when the text is not a time code of this rate
 */
function parseCode(text, scale) {
  const match = CODE.exec(text.trim());
  if (!match) return null;
  const [hours, minutes, seconds, frames] = [match[1], match[2], match[3], match[5]].map(Number);
  if (
    hours === undefined ||
    minutes === undefined ||
    seconds === undefined ||
    frames === undefined ||
    minutes > 59 ||
    seconds > 59 ||
    frames >= scale.fps
  ) {
    return null;
  }
  const total = 60 * hours + minutes;
  const dropped = droppedPerMinute(scale) * (total - Math.floor(total / 10));
  return (60 * total + seconds) * scale.fps + frames - dropped;
}

/**
 * Return the frame that has a time code. What is left out at its start is that of frame 0.
 *
 * @param {string} text
 * @param {TimecodeScale} scale
 * @returns {number | null} null when the text is not a time code, or lies before frame 0
 */
export function parseTimecode(text, scale) {
  const end = text.trim();
  const count = END_OF_CODE.test(end) ? end.split(/[:;.,]/).length : 4;
  const start = formatTimecode(0, scale).split(/[:;]/);
  const number = parseCode([...start.slice(0, 4 - count), end].join(":"), scale);
  return number === null || number < scale.start ? null : number - scale.start;
}

/**
 * Where a person wants to go.
 *
 * @typedef {{frame: number} | {shot: number} | {error: "shot" | "frame" | "text"}} Target
 */

/**
 * Parse what a person types: `12` or `shot 12`, `f1204`, `1204f` or `frame 1204`, `00:00:50:04`.
 *
 * @param {string} text
 * @param {{num_frames: number, shots: readonly unknown[]}} film
 * @param {TimecodeScale} scale
 * @returns {Target}
 */
export function parseTarget(text, film, scale) {
  const value = text.trim().toLowerCase();
  const shot = /^(?:shot|s)?\s*(\d+)$/.exec(value);
  if (shot) {
    const number = Number(shot[1]);
    return number >= 1 && number <= film.shots.length ? { shot: number } : { error: "shot" };
  }
  const frame = /^(?:(?:frame|f|#)\s*(\d+)|(\d+)\s*f)$/.exec(value);
  const ordinal = frame ? Number(frame[1] ?? frame[2]) : parseTimecode(value, scale);
  if (ordinal === null) return { error: "text" };
  return ordinal < film.num_frames ? { frame: ordinal } : { error: "frame" };
}
