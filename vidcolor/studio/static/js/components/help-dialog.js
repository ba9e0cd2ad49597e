// @ts-check
/** `<help-dialog>`: keys of the current view, facts about the server, links for other browsers. */

import { request } from "../api.js";
import { make, makeButton } from "../dom.js";
import { PICTURE_KEYS, formatKey, listKeys } from "../keys.js";
import { library } from "../library.js";
import { toastError } from "../shell.js";
import { formatBytes, formatDuration, formatNumber, isTouch, t } from "../strings.js";
import { openModal } from "./modal.js";
import { startTour } from "./welcome-tour.js";

/** Gestures on pictures. */
const MOUSE = ["rest", "click", "drag", "wheel-ring", "remove", "alt", "shift", "wheel"];
const TOUCH = ["click", "drag", "hold", "swipe", "pinch"];

export class HelpDialog extends HTMLElement {
  #isOpen = false;

  connectedCallback() {
    document.addEventListener("open-help", () => this.#open());
  }

  #open() {
    if (this.#isOpen) return;
    this.#isOpen = true;
    const { view = "home" } = document.body.dataset;
    const hasPicture = view !== "home";
    const keys = [
      makeKeys(t(`help.keys.${view}`), listKeys(view)),
      ...(hasPicture ? [makeKeys(t("help.keys.picture"), PICTURE_KEYS)] : []),
      makeKeys(t("help.keys.everywhere"), listKeys("everywhere")),
    ];
    const gestures = hasPicture ? [makeGestures()] : [];
    const server = [makeFacts(), this.#makeLink()];
    const tour = makeTourButton();
    openModal(
      t("help.title"),
      // Devices with a touch screen seldom have a keyboard.
      isTouch ? [...gestures, tour, ...server, ...keys] : [...keys, ...gestures, ...server, tour],
      {
        className: "help",
        onClose: () => {
          this.#isOpen = false;
        },
      },
    );
  }

  #makeLink() {
    const output = make("input", { type: "text", readonly: true, "aria-label": t("help.link") });
    const row = make("div", { class: "row" }, [output]);
    row.hidden = true;
    const button = makeButton(t("help.link.make"), async () => {
      try {
        const { url } = await request("/api/links", { method: "POST" });
        output.value = url;
        row.hidden = false;
        output.select();
        await navigator.clipboard?.writeText(url).catch(() => {});
      } catch (error) {
        toastError(error);
      }
    });
    return make("section", { class: "field" }, [
      make("h3", { text: t("help.link") }),
      make("p", { class: "quiet", text: t("help.link.text") }),
      make("div", {}, [button]),
      row,
    ]);
  }
}

function makeTourButton() {
  return make("div", {}, [
    makeButton(t("help.tour"), () => {
      document.querySelector("dialog")?.close();
      void startTour().catch(toastError);
    }),
  ]);
}

/**
 * @param {string} title
 * @param {{keys: string[], text: string}[]} rows
 */
function makeKeys(title, rows) {
  const list = rows.map(({ keys, text }) => {
    const names = keys.length > 4 ? [`${keys[0]}…${keys.at(-1)}`] : keys.map(formatKey);
    const cells = names.flatMap((name, index) => {
      const key = make("kbd", { text: name });
      return index ? [" ", key] : [key];
    });
    return make("div", {}, [make("dt", {}, cells), make("dd", { text: t(text) })]);
  });
  return make("section", { class: "field" }, [
    make("h3", { text: title }),
    make("dl", { class: "keys" }, list),
  ]);
}

function makeGestures() {
  const rows = (isTouch ? TOUCH : MOUSE).map((name) =>
    make("div", {}, [
      make("dt", { text: t(`gesture.${name}`) }),
      make("dd", { text: t(`gesture.${name}.text`) }),
    ]),
  );
  return make("section", { class: "field" }, [
    make("h3", { text: t("help.gestures") }),
    make("dl", { class: "keys" }, rows),
  ]);
}

function makeFacts() {
  const { info } = library;
  if (!info) return make("p", { class: "quiet", text: t("loading") });
  const downloaded = info.keep_downloaded_minutes ?? info.keep_minutes;
  /** @type {[string, string][]} */
  const facts = [
    [t("help.version"), info.version],
    [t("help.weights"), info.weights ? `${info.model} · ${info.weights}` : info.model],
    [t("help.device"), info.device],
    [
      t("help.retention"),
      t("help.retention.text", {
        time: formatDuration(60 * info.keep_minutes),
        downloaded: formatDuration(60 * downloaded),
      }),
    ],
    [
      t("help.limits"),
      t("help.limits.text", {
        photo: formatBytes(info.limits.photo_bytes),
        film: formatBytes(info.limits.film_bytes),
        pixels: formatNumber(Math.round(info.limits.pixels / 1e6)),
        uploads: info.limits.uploads,
      }),
    ],
  ];
  const api = make("a", { href: "/api/docs", target: "_blank", rel: "noopener", text: t("help.api") });
  return make("section", { class: "field" }, [
    make("h3", { text: t("help.server") }),
    make(
      "dl",
      { class: "facts" },
      facts.flatMap(([name, value]) => [make("dt", { text: name }), make("dd", { text: value })]),
    ),
    make("p", {}, [api]),
  ]);
}

customElements.define("help-dialog", HelpDialog);
