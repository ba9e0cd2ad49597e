// @ts-check
/** The line below the bar: the server does not answer, or is busy. */

import { connection } from "./connection.js";
import { make, makeIcon } from "./dom.js";
import { t } from "./strings.js";

/** @param {HTMLElement} element */
export function connectBanner(element) {
  let busyUntil = 0;
  let timer = 0;
  const text = make("span", {});
  element.append(makeIcon("warning"), text);
  const update = () => {
    window.clearTimeout(timer);
    const seconds = Math.ceil((busyUntil - Date.now()) / 1000);
    const isBusy = connection.isOnline && seconds > 0;
    element.hidden = connection.isOnline && !isBusy;
    if (!connection.isOnline) {
      text.textContent = t("banner.offline");
    } else if (isBusy) {
      text.textContent = t("banner.busy", { count: seconds });
      timer = window.setTimeout(update, 500);
    }
  };
  for (const type of ["offline", "online"]) connection.addEventListener(type, update);
  connection.addEventListener("busy", (event) => {
    if (event instanceof CustomEvent) busyUntil = Date.now() + event.detail.seconds * 1000;
    update();
  });
}
