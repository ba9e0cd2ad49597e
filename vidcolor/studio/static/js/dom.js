// @ts-check
/** Making of elements. Texts are set as text, never as HTML. */

/** @typedef {string | number | boolean | null | undefined} AttributeValue */

/**
 * Make an element.
 *
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, AttributeValue>} [attributes] `text` is the text, `class` the classes; true
 *   makes an attribute without a value; null, undefined and false leave it out
 * @param {(Node | string | null | undefined)[]} [children]
 * @returns {HTMLElementTagNameMap[T]}
 */
export function make(tag, attributes = {}, children = []) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "text") element.textContent = String(value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/**
 * Make a button with a text.
 *
 * @param {string} text
 * @param {(event: MouseEvent) => void} onClick
 * @param {Record<string, AttributeValue>} [attributes]
 */
export function makeButton(text, onClick, attributes = {}) {
  const button = make("button", { type: "button", text, ...attributes });
  button.addEventListener("click", onClick);
  return button;
}

/**
 * Make a button with an icon; its name is its label and its tooltip.
 *
 * @param {IconName} icon
 * @param {string} label
 * @param {(event: MouseEvent) => void} onClick
 * @param {Record<string, AttributeValue>} [attributes]
 */
export function makeIconButton(icon, label, onClick, attributes = {}) {
  const values = { type: "button", class: "icon-button", "aria-label": label, title: label };
  const button = make("button", { ...values, ...attributes }, [makeIcon(icon)]);
  button.addEventListener("click", onClick);
  return button;
}

/**
 * Set a text, if it differs, so that assistive technology announces changes only.
 *
 * @param {Element} element
 * @param {string} text
 */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Replace the rows of a list; the focus stays on the same button of the same row.
 *
 * @param {Element} list
 * @param {Element[]} rows
 */
export function replaceRows(list, rows) {
  const selector = "button, a, input";
  const row = [...list.children].findIndex((child) => child.contains(document.activeElement));
  const old = row < 0 ? [] : [...(list.children[row]?.querySelectorAll(selector) ?? [])];
  const column = old.findIndex((element) => element === document.activeElement);
  list.replaceChildren(...rows);
  if (row < 0 || !rows.length) return;
  const controls = rows[Math.min(row, rows.length - 1)]?.querySelectorAll(selector);
  const control = controls?.[Math.max(Math.min(column, controls.length - 1), 0)];
  if (control instanceof HTMLElement) control.focus();
}

/** Paths of 20×20 icons, drawn with a line of 1.5. */
const ICONS = {
  back: "M12 4l-6 6 6 6",
  forward: "M8 4l6 6-6 6",
  queue: "M4 5h12M4 10h12M4 15h7",
  theme: "M10 3a7 7 0 1 0 0 14zM10 3a7 7 0 0 1 0 14",
  help: "M7.4 7.6a2.7 2.7 0 1 1 3.9 2.5c-.9.5-1.3.9-1.3 1.9M10 14.6v.1M10 2.5a7.5 7.5 0 1 0 0 15 7.5 7.5 0 0 0 0-15z",
  close: "M5 5l10 10M15 5L5 15",
  undo: "M7 5L4 8l3 3M4 8h7.5a4 4 0 0 1 0 8H8",
  redo: "M13 5l3 3-3 3M16 8H8.5a4 4 0 0 0 0 8H12",
  hint: "M10 6.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7zM10 2v2.5M10 15.5V18M2 10h2.5M15.5 10H18",
  protect: "M10 2.5l6 2.200v4.800c0 3.700-2.5 6.600-6 8-3.5-1.400-6-4.300-6-8V4.700z",
  eyedropper: "M12.5 4.5l3 3M11 6l3 3-7.5 7.5H3.5v-3zM13 4a1.800 1.800 0 0 1 3 3",
  hand: "M6 10V5.5a1.200 1.200 0 0 1 2.400 0V9M8.400 9V4a1.200 1.200 0 0 1 2.400 0v5M10.800 9V4.800a1.200 1.200 0 0 1 2.400 0V10M13.200 9.5V7a1.200 1.200 0 0 1 2.400 0v5c0 3-2 5-4.800 5-2.5 0-3.800-1-5-3L4 10.800a1.200 1.200 0 0 1 2-1.300z",
  more: "M4.5 10h.1M10 10h.1M15.5 10h.1",
  download: "M10 3v9M6.5 9L10 12.5 13.5 9M4 16.5h12",
  upload: "M10 13V4M6.5 7.5L10 4l3.5 3.5M4 16.5h12",
  trash: "M4 6h12M8 6V4h4v2M5.5 6l.7 10.5h7.600L14.5 6M8.5 9v5M11.5 9v5",
  retry: "M15.5 10a5.5 5.5 0 1 1-1.600-3.900L16 8M16 4v4h-4",
  check: "M4 10.5l4 4 8-9",
  warning: "M10 3l8 14H2zM10 8v4M10 14.5v.1",
  map: "M3 5.5l4.5-2 5 2 4.5-2v11l-4.5 2-5-2-4.5 2zM7.5 3.5v11M12.5 5.5v11",
  image: "M3 4h14v12H3zM3 13l4-4 3.5 3.5L13 10l4 4M13 7.200v.1",
  film: "M3 4h14v12H3zM6.5 4v12M13.5 4v12M3 8h3.5M3 12h3.5M13.5 8H17M13.5 12H17",
  folder: "M3 5h5l1.5 2H17v9H3z",
};

/** @typedef {keyof typeof ICONS} IconName */

/**
 * @param {IconName} name
 * @returns {SVGSVGElement}
 */
export function makeIcon(name) {
  const namespace = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(namespace, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(namespace, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}
