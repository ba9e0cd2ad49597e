// @ts-check
/** The tour: three steps on the bundled sample. */

import { make, makeButton, makeIconButton } from "../dom.js";
import { library } from "../library.js";
import { navigate } from "../shell.js";
import { t } from "../strings.js";
import { addSample } from "../upload/sample.js";

/** Distance of the card from its anchor and the edges of the window, in CSS pixels. */
const MARGIN = 16;
/** Highest place of the card, in CSS pixels. */
const BELOW_BAR = 64;

/** The steps: what the card is beside, and the events that complete the step. */
const STEPS = [
  { text: "tour.click", anchor: "picture-canvas", events: ["place", "hint-select"] },
  { text: "tour.color", anchor: "color-panel", events: ["color"] },
  { text: "tour.compare", anchor: ".segments, .is-narrow-only", events: ["click"] },
];

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
  if (!step) return;
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
 * Place the card where it hides neither its anchor nor, if possible, the middle of the picture.
 *
 * @param {HTMLElement} card
 * @param {Element | null} anchor
 */
function placeCard(card, anchor) {
  const box = anchor?.getBoundingClientRect();
  const width = Math.min(320, window.innerWidth - 2 * MARGIN);
  card.style.width = `${width}px`;
  const height = card.offsetHeight;
  let left = MARGIN;
  let top = BELOW_BAR;
  if (box && anchor?.matches("picture-canvas")) {
    left = box.left + MARGIN; // a corner of the picture
    top = box.top + MARGIN;
  } else if (box && box.left > width + 2 * MARGIN) {
    left = box.left - width - MARGIN; // left of the panel
    top = Math.max(box.top, BELOW_BAR);
  } else if (box && box.top > window.innerHeight / 2) {
    top = box.top - height - MARGIN; // above the sheet
  } else if (box) {
    top = box.bottom + MARGIN;
  }
  card.style.left = `${clamp(left, MARGIN, window.innerWidth - width - MARGIN)}px`;
  card.style.top = `${clamp(top, MARGIN, window.innerHeight - height - MARGIN)}px`;
}

/**
 * @param {number} value
 * @param {number} low
 * @param {number} high
 */
function clamp(value, low, high) {
  return Math.max(Math.min(value, high), low);
}

/** @param {string} selector */
async function waitFor(selector) {
  for (let attempt = 0; attempt < 100 && !document.querySelector(selector); attempt += 1) {
    await new Promise((resolve) => void window.setTimeout(resolve, 50));
  }
}
