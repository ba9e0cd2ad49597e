// @ts-check
/** The tour: three steps on the bundled sample. */

import { make, makeButton, makeIconButton } from "../dom.js";
import { library } from "../library.js";
import { navigate } from "../shell.js";
import { t } from "../strings.js";
import { addSample } from "../upload/sample.js";

const SEEN_KEY = "tour-seen";

/** The steps: what the card is beside, and the events that complete the step. */
const STEPS = [
  { text: "tour.click", anchor: "picture-canvas", events: ["place", "hint-select"] },
  { text: "tour.color", anchor: "color-panel", events: ["color"] },
  { text: "tour.compare", anchor: ".segments, .is-narrow-only", events: ["click"] },
];

/** Whether the tour was finished or closed in this browser. */
export function wasTourSeen() {
  return window.localStorage.getItem(SEEN_KEY) !== null;
}

/** Open the sample, and show the steps on it. */
export async function startTour() {
  const id = await addSample();
  navigate(`#/photo/${id}`);
  if (!library.photos.has(id)) await library.load();
  await waitFor(`photo-view[item="${id}"] picture-canvas`);
  showStep(0);
}

/** @param {number} index */
function showStep(index) {
  document.querySelector(".tour-card")?.remove();
  const step = STEPS[index];
  if (!step) {
    window.localStorage.setItem(SEEN_KEY, "1");
    return;
  }
  const controller = new AbortController();
  const end = (/** @type {number} */ next) => {
    controller.abort();
    card.remove();
    showStep(next);
  };
  const isLast = index === STEPS.length - 1;
  const card = make("section", { class: "tour-card", role: "dialog", "aria-label": t("tour.title") }, [
    make("header", { class: "row" }, [
      make("h2", { class: "grow", text: t(`${step.text}.title`) }),
      make("span", { class: "quiet", text: t("tour.step", { number: index + 1, total: STEPS.length }) }),
      makeIconButton("close", t("tour.end"), () => end(STEPS.length)),
    ]),
    make("p", { text: t(step.text) }),
    make("div", { class: "dialog-actions" }, [
      makeButton(t(isLast ? "tour.done" : "tour.next"), () => end(index + 1), {
        class: isLast ? "is-primary" : "",
      }),
    ]),
  ]);
  document.body.append(card);
  const anchors = [...document.querySelectorAll(step.anchor)];
  const anchor = anchors.find((element) => element.getClientRects().length) ?? null;
  placeCard(card, anchor);
  const { signal } = controller;
  window.addEventListener("resize", () => placeCard(card, anchor), { signal });
  window.addEventListener("hashchange", () => end(STEPS.length), { signal });
  // Doing what the step asks for goes on to the next one.
  for (const type of step.events) anchor?.addEventListener(type, () => end(index + 1), { signal });
}

/**
 * @param {HTMLElement} card
 * @param {Element | null} anchor
 */
function placeCard(card, anchor) {
  const box = anchor?.getBoundingClientRect();
  const width = Math.min(320, window.innerWidth - 32);
  card.style.width = `${width}px`;
  let left = 16;
  let top = 64;
  if (box && box.width > window.innerWidth / 2) {
    left = box.left + 24; // inside the picture
    top = box.top + 24;
  } else if (box && box.left > width + 32) {
    left = box.left - width - 16; // left of the panel
    top = Math.max(box.top, 64);
  } else if (box) {
    top = box.bottom + 8;
  }
  const height = card.offsetHeight;
  card.style.left = `${Math.max(Math.min(left, window.innerWidth - width - 16), 16)}px`;
  card.style.top = `${Math.max(Math.min(top, window.innerHeight - height - 16), 16)}px`;
}

/** @param {string} selector */
async function waitFor(selector) {
  for (let attempt = 0; attempt < 100 && !document.querySelector(selector); attempt += 1) {
    await new Promise((resolve) => void window.setTimeout(resolve, 50));
  }
}
