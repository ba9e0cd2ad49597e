// @ts-check
/** What this browser worked on lately. */

const KEY = "lately";
const MAX_KEPT = 40;

/** @typedef {{kind: "photo" | "film", id: string, at: number}} Visit `at` is Unix time */

/** @returns {Visit[]} the newest first */
export function listVisits() {
  try {
    const visits = JSON.parse(window.localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(visits) ? visits : [];
  } catch {
    return [];
  }
}

/**
 * @param {"photo" | "film"} kind
 * @param {string} id
 */
export function rememberVisit(kind, id) {
  const others = listVisits().filter((visit) => visit.id !== id);
  const visits = [{ kind, id, at: Date.now() / 1000 }, ...others].slice(0, MAX_KEPT);
  window.localStorage.setItem(KEY, JSON.stringify(visits));
}
