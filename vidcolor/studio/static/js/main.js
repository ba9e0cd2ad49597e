// @ts-check
/** Start of the page: the frame, and the view that the address names. */

import "./components/toast-line.js";
import { background } from "./background.js";
import { connectBanner } from "./banner.js";
import { connection } from "./connection.js";
import { make, makeIcon, makeIconButton, setText } from "./dom.js";
import { serverEvents } from "./events.js";
import { bindKeys } from "./keys.js";
import { rememberVisit } from "./lately.js";
import { library } from "./library.js";
import { MODULES, preloadModule } from "./preload.js";
import { navigate, openHelp, openQueue, setBar, setTitle } from "./shell.js";
import { loadLanguage, t } from "./strings.js";

/** @typedef {{tag: string, load: () => Promise<unknown>}} View */

/** @type {View} */
const HOME = { tag: "home-view", load: () => import("./views/home.js") };
/** Views by the first part of the address. */
/** @type {Record<string, View>} */
const VIEWS = {
  photo: { tag: "photo-view", load: () => import("./views/photo.js") },
  film: { tag: "film-view", load: () => import("./views/film.js") },
  review: { tag: "review-view", load: () => import("./views/review.js") },
};

/** Time after the first view after which the rest is loaded, in milliseconds. */
const IDLE_MS = 1500;

/** Number of the navigation, so that a view that loads slowly does not replace a later one. */
let navigation = 0;

async function showView() {
  navigation += 1;
  const number = navigation;
  const [, name = "", item = ""] = window.location.hash.split("/");
  const known = item ? VIEWS[name] : undefined;
  const view = known ?? HOME;
  // The old view ends at once, so that its requests do not hold up those of the new one.
  setBar({});
  setTitle("");
  document.querySelector(".tour-card")?.remove();
  const main = document.querySelector("#main");
  main?.replaceChildren();
  try {
    if (!customElements.get(view.tag)) {
      showLoading();
      await view.load();
    }
  } catch (error) {
    console.error(error);
    showFailure();
    return;
  }
  if (number !== navigation) return;
  const element = document.createElement(view.tag);
  if (known) element.setAttribute("item", decodeURIComponent(item));
  if (known) rememberVisit(name === "photo" ? "photo" : "film", item);
  document.body.dataset.view = known ? name : "home";
  main?.replaceChildren(element);
}

/** Say what is loaded if it takes long. */
function showLoading() {
  const message = make("p", { class: "page-message quiet is-late", text: t("loading") });
  document.querySelector("#main")?.replaceChildren(message);
}

/** Load what may be needed next, also in case that the server is gone by then. */
async function loadOtherParts() {
  const { signal } = new AbortController();
  const load = async (/** @type {string[]} */ paths) => {
    for (const path of paths) await background.run(() => preloadModule(path), signal);
  };
  await load(MODULES.dialogs ?? []);
  for (const [name, view] of Object.entries({ home: HOME, ...VIEWS })) {
    if (customElements.get(view.tag)) continue;
    await load(MODULES[name] ?? []);
    await view.load().catch(() => {}); // navigation tries again, and reports the failure
  }
}

/** Continue the uploads of an earlier visit. */
async function restoreUploads() {
  // If the server is gone since the page was loaded, they are continued at the next visit.
  const queue = await import("./upload/upload-queue.js").catch(() => null);
  await queue?.uploads.restore();
}

/** Have a page of the studio, instead of the error of the browser, while the server is down. */
async function prepareForOutage() {
  try {
    await navigator.serviceWorker?.register("/offline-worker.js", { updateViaCache: "none" });
  } catch {
    // Some browsers and private windows have no service workers.
  }
}

function showFailure() {
  const again = make("button", { type: "button", class: "is-primary", text: t("retry") });
  again.addEventListener("click", () => void reload());
  const message = make("div", { class: "page-message", role: "alert" }, [
    make("h1", { text: t("view.failed") }),
    make("p", { class: "quiet", text: t("view.failed.text") }),
    again,
  ]);
  document.querySelector("#main")?.replaceChildren(message);
}

/** Load the page again, with the modules of the version that the server has now. */
async function reload() {
  if (!connection.isOnline) await connection.whenBack();
  window.location.reload();
}

function makeFrame() {
  const home = document.querySelector("#home-link");
  home?.setAttribute("aria-label", t("home.link"));
  home?.setAttribute("title", t("home.link"));
  const skip = document.querySelector("#skip-link");
  if (skip) setText(skip, t("skip"));
  skip?.addEventListener("click", (event) => {
    event.preventDefault();
    const main = document.querySelector("#main");
    if (main instanceof HTMLElement) main.focus();
  });
  const count = make("span", { class: "queue-count" });
  const queue = make("button", {
    type: "button",
    class: "queue-button",
    id: "queue-button",
    "aria-expanded": "false",
    title: `${t("queue.title")} (Q)`,
  });
  queue.append(makeIcon("queue"), make("span", { class: "queue-word", text: t("queue.title") }), count);
  queue.addEventListener("click", () => void openQueue());
  const theme = makeIconButton("theme", t("theme"), toggleTheme, {
    class: "icon-button is-wide-only",
  });
  const help = makeIconButton("help", t("help.title"), () => void openHelp(), {
    title: `${t("help.title")} (?)`,
  });
  document.querySelector("#bar-fixed")?.append(queue, theme, help);
  const update = () => {
    const active = library.activeJobs.length;
    setText(count, active ? String(active) : "");
    count.hidden = !active;
  };
  library.addEventListener("change", update);
  update();
}

/** Files that are dropped where no view takes them must not replace the page. */
function refuseDrops() {
  const refuse = (/** @type {DragEvent} */ event) => {
    if (event.defaultPrevented || !event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "none";
  };
  window.addEventListener("dragover", refuse);
  window.addEventListener("drop", refuse);
}

function toggleTheme() {
  const root = document.documentElement;
  const isLight = window.matchMedia("(prefers-color-scheme: light)").matches;
  const current = root.dataset.theme ?? (isLight ? "light" : "dark");
  root.dataset.theme = current === "light" ? "dark" : "light";
  window.localStorage.setItem("theme", root.dataset.theme);
}

async function start() {
  await loadLanguage();
  makeFrame();
  refuseDrops();
  const banner = document.querySelector("#banner");
  if (banner instanceof HTMLElement) connectBanner(banner);
  bindKeys(
    "everywhere",
    { help: () => void openHelp(), queue: () => void openQueue(), home: () => navigate("#/") },
    new AbortController().signal,
  );
  window.addEventListener("hashchange", () => void showView());
  const shown = showView();
  serverEvents.start();
  await shown;
  void library.ensureLoaded();
  void restoreUploads();
  window.setTimeout(() => {
    void prepareForOutage();
    void loadOtherParts();
  }, IDLE_MS);
}

void start();
