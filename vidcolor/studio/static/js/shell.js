// @ts-check
/** What views share: the bar on top, short messages, and navigation. */

import { t } from "./strings.js";

/**
 * @typedef {object} Toast
 * @property {string} text
 * @property {boolean} [isError]
 * @property {{text: string, run: () => void}} [action] a button in the message
 */

/**
 * Fill the bar on top of the page; the next view empties it.
 * @param {{title?: (Node | string)[], tools?: (Node | string)[]}} content
 */
export function setBar({ title = [], tools = [] }) {
  document.querySelector("#bar-title")?.replaceChildren(...title);
  document.querySelector("#bar-tools")?.replaceChildren(...tools);
}

/**
 * Set the title of the document.
 * @param {string} text
 */
export function setTitle(text) {
  document.title = text ? `${text} · vidcolor` : "vidcolor";
}

/**
 * Show a short message, which is also read out.
 * @param {string | Toast} message
 */
export function toast(message) {
  const detail = typeof message === "string" ? { text: message } : message;
  document.dispatchEvent(new CustomEvent("toast", { detail }));
}

/**
 * Show an error.
 * @param {unknown} error
 */
export function toastError(error) {
  toast({ text: describeError(error), isError: true });
}

/**
 * Return a sentence about an error for a person. The texts of errors of the page itself, such as
 * TypeError, mean nothing to a person, so they go to the console.
 * @param {unknown} error
 */
export function describeError(error) {
  const isInternal =
    error instanceof TypeError || error instanceof ReferenceError || error instanceof RangeError;
  if (error instanceof Error && error.message && !isInternal) return error.message;
  console.error(error);
  return t("error.internal");
}

/**
 * Go to a view.
 * @param {string} hash such as `#/photo/ID`
 */
export function navigate(hash) {
  window.location.hash = hash;
}

/** Open the drawer of the queue, or close it. */
export async function openQueue() {
  if (await loadPart(() => import("./components/job-drawer.js"))) {
    document.dispatchEvent(new CustomEvent("open-queue"));
  }
}

/** Open the help of the current view. */
export async function openHelp() {
  if (await loadPart(() => import("./components/help-dialog.js"))) {
    document.dispatchEvent(new CustomEvent("open-help"));
  }
}

/**
 * Load a part of the interface that the first view does not need.
 *
 * @template T
 * @param {() => Promise<T>} load
 * @returns {Promise<T | null>} null if it could not be loaded, which is shown
 */
export async function loadPart(load) {
  try {
    return await load();
  } catch (error) {
    console.error(error);
    toast({ text: t("part.failed"), isError: true });
    return null;
  }
}
