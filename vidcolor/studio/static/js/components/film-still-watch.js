// @ts-check
/** Asks again for stills that could not be made, and says why there are none. */

import { connection } from "../connection.js";
import { t } from "../strings.js";

/** @typedef {import("./film-notice.js").FilmNotice} FilmNotice */
/** @typedef {import("./picture-canvas.js").PictureCanvas} PictureCanvas */

/** Statuses of a server that is gone or busy, and of a film that another program works on. */
const TEMPORARY = [0, 409, 503];
/** Time after which a still that could not be made is asked for again, in milliseconds. */
const RETRY = 5000;

/**
 * @param {PictureCanvas} canvas
 * @param {FilmNotice} notice
 * @param {AbortSignal} signal
 */
export function watchStills(canvas, notice, signal) {
  let timer = 0;
  const retry = () => {
    if (notice.hasStillError && !document.hidden) canvas.reload();
  };
  const onError = (/** @type {Event} */ event) => {
    const { error } = /** @type {CustomEvent} */ (event).detail;
    if (error.status === 0) void connection.reportLost();
    if (TEMPORARY.includes(error.status)) return; // it is asked for again
    notice.still = error.message || t("film.still.failed");
    window.clearTimeout(timer);
    timer = window.setTimeout(retry, RETRY);
  };
  const onLoaded = () => {
    notice.still = null;
  };
  canvas.addEventListener("load-error", onError, { signal });
  canvas.addEventListener("loaded", onLoaded, { signal });
  document.addEventListener("visibilitychange", retry, { signal });
  connection.addEventListener("online", () => canvas.reload(), { signal });
  signal.addEventListener("abort", () => window.clearTimeout(timer));
}
