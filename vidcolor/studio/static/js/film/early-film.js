// @ts-check
/** The film that the address names when the page is loaded. It imports nothing, to be there first. */

/** @typedef {import("./types.js").Film} Film */

const [, name = "", item = ""] = window.location.hash.split("/");
const isFilm = (name === "film" || name === "review") && item !== "";
let early = isFilm ? { id: decodeURIComponent(item), film: open(item) } : null;

/**
 * @param {string} path part of a path
 * @returns {Promise<Film | null>} null if the film cannot be opened
 */
async function open(path) {
  try {
    const response = await fetch(`/api/films/${path}/open`, {
      method: "POST",
      body: "{}",
      headers: { "Content-Type": "application/json", "X-Vidcolor": "1" },
      priority: "high",
    });
    return response.ok ? await response.json() : null;
  } catch {
    return null; // the film is asked for again, and then the failure is shown
  }
}

/**
 * Return the film, once: later it would be out of date.
 *
 * @param {string} id
 * @returns {Promise<Film | null>} null if it was not asked for, or cannot be opened
 */
export async function takeEarlyFilm(id) {
  const taken = early;
  early = null;
  return taken?.id === id ? taken.film : null;
}
