// @ts-check
/**
 * Texts of the interface. Views ask for a text by its key, and no view contains a literal text.
 *
 * To add a language, add a table beside `strings/en.js` and its name to `LANGUAGES`. A key that a
 * table lacks is taken from the English table.
 */

import { en } from "./strings/en.js";

/** @typedef {Record<string, string>} StringTable */

/** @type {Record<string, () => Promise<StringTable>>} */
const LANGUAGES = {};

/** @type {StringTable} */
const english = { ...en };
/** @type {StringTable} */
let table = english;
let locale = "en";
let plurals = new Intl.PluralRules(locale);
/** Whether fingers point, which cannot rest on a place. */
export const isTouch = window.matchMedia("(hover: none)").matches;

/** Load the table of the first language of the browser that exists. */
export async function loadLanguage() {
  for (const language of navigator.languages) {
    const name = language.split("-")[0] ?? "en";
    if (name === "en") return;
    const load = LANGUAGES[name];
    if (!load) continue;
    table = { ...english, ...(await load()) };
    locale = name;
    plurals = new Intl.PluralRules(name);
    document.documentElement.lang = name;
    return;
  }
}

/**
 * Add the English texts of a part of the interface.
 * @param {StringTable} strings
 */
export function addStrings(strings) {
  for (const [key, text] of Object.entries(strings)) {
    english[key] = text;
    if (table !== english && !(key in table)) table[key] = text;
  }
}

/**
 * Return a text with its values filled in.
 *
 * `{name}` in a text is replaced by the value of that name. When the values contain `count`, the
 * text of `KEY.one` or `KEY.other` is used if there is one. On touch screens, the text of `KEY.touch`
 * is used if there is one.
 * @param {string} key
 * @param {Record<string, string | number>} [values]
 * @returns {string}
 */
export function t(key, values = {}) {
  let text = (isTouch ? table[`${key}.touch`] : undefined) ?? table[key];
  if (typeof values.count === "number") {
    text = table[`${key}.${plurals.select(values.count)}`] ?? table[`${key}.other`] ?? text;
  }
  if (text === undefined) return key;
  return text.replace(/\{(\w+)\}/g, (match, name) => {
    const value = values[name];
    if (value === undefined) return match;
    return typeof value === "number" ? formatNumber(value) : value;
  });
}

/**
 * @param {number} value
 * @param {Intl.NumberFormatOptions} [options]
 */
export function formatNumber(value, options) {
  return new Intl.NumberFormat(locale, options).format(value);
}

/**
 * @param {number} share 0-1
 */
export function formatPercent(share) {
  return formatNumber(share, { style: "percent", maximumFractionDigits: 0 });
}

/**
 * Return a size with a unit, such as 12.3 MB.
 * @param {number} bytes
 */
export function formatBytes(bytes) {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];
  let index = 0;
  let value = bytes;
  while (value >= 1000 && index < units.length - 1) {
    value /= 1000;
    index += 1;
  }
  return formatNumber(value, {
    style: "unit",
    unit: units[index] ?? "byte",
    unitDisplay: index ? "short" : "long",
    maximumFractionDigits: value < 10 && index > 1 ? 1 : 0,
  });
}

/**
 * Return a duration, such as 3 min.
 * @param {number} seconds
 */
export function formatDuration(seconds) {
  const options = { style: /** @type {const} */ ("unit"), maximumFractionDigits: 0 };
  if (seconds < 90) return formatNumber(Math.ceil(seconds), { ...options, unit: "second" });
  if (seconds < 5400) return formatNumber(Math.ceil(seconds / 60), { ...options, unit: "minute" });
  return formatNumber(seconds / 3600, { ...options, unit: "hour", maximumFractionDigits: 1 });
}

/**
 * Return a time as a person would say it, such as "5 minutes ago".
 * @param {number} time unix seconds
 */
export function formatTime(time) {
  const seconds = time - Date.now() / 1000;
  const format = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
  const size = Math.abs(seconds);
  if (size < 45) return format.format(0, "second");
  if (size < 2700) return format.format(Math.round(seconds / 60), "minute");
  if (size < 79200) return format.format(Math.round(seconds / 3600), "hour");
  return format.format(Math.round(seconds / 86400), "day");
}
