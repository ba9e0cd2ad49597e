// @ts-check
/**
 * What was deleted from the server, when and why.
 *
 * The server's log has no file names. This browser remembers the names of its own files.
 */

import { request } from "../api.js";
import { library } from "../library.js";
import { t } from "../strings.js";

const KEY = "names";
const MAX_NAMES = 500;
const MAX_SHOWN = 8;

/** @typedef {{name: string, at: number, reason: string}} Deletion */

/** Remember the names of the photos and films that the server has now. */
export function rememberNames() {
  const names = readNames();
  const known = JSON.stringify(names);
  for (const item of [...library.photos.values(), ...library.films]) names[item.id] = item.name;
  const kept = Object.fromEntries(Object.entries(names).slice(-MAX_NAMES));
  if (JSON.stringify(kept) !== known) window.localStorage.setItem(KEY, JSON.stringify(kept));
}

/** @returns {Record<string, string>} */
function readNames() {
  try {
    return JSON.parse(window.localStorage.getItem(KEY) ?? "{}");
  } catch {
    return {};
  }
}

/** @returns {Promise<Deletion[]>} the newest first */
export async function listDeletions() {
  /** @type {{lines: {at: number, event: string, subject: string, detail: string}[]}} */
  const { lines } = await request("/api/audit?limit=200");
  const names = readNames();
  return lines
    .filter(({ event }) => /^(photo|film)-deleted$/.test(event))
    .slice(0, MAX_SHOWN)
    .map(({ at, event, subject, detail }) => ({
      name: names[subject] ?? t(event.startsWith("film") ? "home.deleted.film" : "home.deleted.photo"),
      at,
      reason: describeReason(detail),
    }));
}

/** @param {string} detail */
function describeReason(detail) {
  const key = `deleted.${detail}`;
  const text = t(key);
  return text === key ? detail : text;
}
