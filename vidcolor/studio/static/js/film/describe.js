// @ts-check
/** Changes of a film in words. */

import { t } from "../strings.js";

/** @typedef {import("./types.js").ChangeRequest} ChangeRequest */
/** @typedef {import("./differences.js").Difference} Difference */

/**
 * @param {string} color
 * @returns {string}
 */
export function describeColor(color) {
  return color === "neutral" || color === "keep" ? t(`film.color.${color}`) : color;
}

/**
 * @param {Difference} difference
 * @returns {string}
 */
export function describeDifference({ what, shot, values }) {
  /** @type {Record<string, string | number>} */
  const shown = { ...values };
  if (typeof values.color === "string") shown.color = describeColor(values.color);
  if (typeof values.frame === "number") shown.frame = String(values.frame);
  if (what === "shot-state") shown.value = t(`film.state.${values.value}`);
  if (what === "shot-kind") shown.value = t(`film.kind.${values.value}`);
  const text = t(`film.diff.${what}`, shown);
  return shot === null ? text : t("film.diff.in", { shot, text });
}

/**
 * @param {ChangeRequest} request
 * @returns {string}
 */
export function describeRequest(request) {
  /** @type {Record<string, string | number>} */
  const values = {};
  for (const [name, value] of Object.entries(request)) {
    if (typeof value === "number") values[name] = name === "frame" ? String(value) : value;
    if (typeof value === "string") values[name] = value;
  }
  if (typeof request.color === "string") values.color = describeColor(request.color);
  if (request.do === "set-shot" || request.do === "set") {
    return Object.entries(request)
      .filter(([name]) => !["do", "shot", "evidence"].includes(name))
      .map(([name, value]) =>
        t(`film.request.set-${name}`, { value: value === null ? t("film.default") : String(value) }),
      )
      .join("; ");
  }
  if (request.do === "set-hint" && !request.color) return t("film.request.set-hint-radius", values);
  return t(`film.request.${request.do}`, values);
}
