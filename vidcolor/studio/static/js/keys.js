// @ts-check
/**
 * Keys by view. The help dialog shows these tables, and `bindKeys` obeys them.
 *
 * A key is written as `Ctrl+Shift+Z`, `Shift+ArrowLeft`, `?`. Ctrl also stands for Command.
 */

/**
 * @typedef {object} KeyRow
 * @property {string} action
 * @property {string[]} keys
 * @property {string} text key of the text in the table of strings
 * @property {boolean} [hold] the action lasts as long as the key is held
 * @property {boolean} [repeat] the action repeats while the key is held
 */

/** @type {Record<string, KeyRow[]>} */
const TABLES = {
  everywhere: [
    { action: "help", keys: ["?"], text: "keys.help" },
    { action: "queue", keys: ["Q"], text: "keys.queue" },
    { action: "home", keys: ["G"], text: "keys.home" },
  ],
  home: [
    { action: "choose", keys: ["U"], text: "keys.home.choose" },
    { action: "download", keys: ["D"], text: "keys.home.download" },
  ],
  photo: [
    { action: "previous", keys: ["ArrowLeft"], text: "keys.photo.previous" },
    { action: "next", keys: ["ArrowRight"], text: "keys.photo.next" },
    { action: "hint", keys: ["H"], text: "keys.photo.hint" },
    { action: "protect", keys: ["P"], text: "keys.photo.protect" },
    { action: "eyedropper", keys: ["I"], text: "keys.photo.eyedropper" },
    { action: "neutral", keys: ["X"], text: "keys.photo.neutral" },
    { action: "likely", keys: ["1", "2", "3", "4", "5", "6", "7", "8"], text: "keys.photo.likely" },
    { action: "smaller", keys: ["["], text: "keys.photo.smaller", repeat: true },
    { action: "larger", keys: ["]"], text: "keys.photo.larger", repeat: true },
    { action: "remove", keys: ["Delete", "Backspace"], text: "keys.photo.remove" },
    { action: "undo", keys: ["Ctrl+Z"], text: "keys.photo.undo", repeat: true },
    { action: "redo", keys: ["Ctrl+Shift+Z", "Ctrl+Y"], text: "keys.photo.redo", repeat: true },
    { action: "before", keys: ["B"], text: "keys.photo.before", hold: true },
    { action: "wipe", keys: ["W"], text: "keys.photo.wipe" },
    { action: "zoom", keys: ["Z"], text: "keys.photo.zoom" },
    { action: "closer", keys: ["+", "="], text: "keys.photo.closer", repeat: true },
    { action: "farther", keys: ["-"], text: "keys.photo.farther", repeat: true },
    { action: "confidence", keys: ["C"], text: "keys.photo.confidence" },
    { action: "place", keys: ["O"], text: "keys.photo.place" },
    { action: "download", keys: ["D"], text: "keys.photo.download" },
    { action: "release", keys: ["Escape"], text: "keys.photo.release" },
  ],
};

/** Keys that a focused element handles itself; see `picture-canvas.js`. */
export const PICTURE_KEYS = [
  { keys: ["Enter"], text: "keys.picture.enter" },
  { keys: ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"], text: "keys.picture.arrows" },
];

/**
 * Add the table of a view.
 * @param {string} view
 * @param {KeyRow[]} rows
 */
export function addKeys(view, rows) {
  TABLES[view] = rows;
}

/**
 * @param {string} view
 * @returns {KeyRow[]}
 */
export function listKeys(view) {
  return TABLES[view] ?? [];
}

/**
 * Call handlers at the keys of a view until a signal aborts. Keys do nothing while a person types
 * or a dialog is open.
 *
 * @param {string} view
 * @param {Record<string, (event: KeyboardEvent, isDown: boolean) => void>} handlers by action; those
 *   of rows with `hold` are called with false when the key is released
 * @param {AbortSignal} signal
 */
export function bindKeys(view, handlers, signal) {
  /** @type {Map<string, KeyRow>} held rows by the code of their key */
  const held = new Map();
  const onDown = (/** @type {KeyboardEvent} */ event) => {
    if (event.defaultPrevented || isTyping(event) || document.querySelector("dialog[open]")) return;
    const row = listKeys(view).find(({ keys }) => keys.some((key) => matches(key, event)));
    const handler = row && handlers[row.action];
    if (!row || !handler) return;
    event.preventDefault();
    if (event.repeat && !row.repeat) return;
    if (row.hold) held.set(event.code, row);
    handler(event, true);
  };
  const release = (/** @type {string} */ code, /** @type {KeyboardEvent} */ event) => {
    const row = held.get(code);
    if (!row) return;
    held.delete(code);
    handlers[row.action]?.(event, false);
  };
  document.addEventListener("keydown", onDown, { signal });
  document.addEventListener("keyup", (event) => release(event.code, event), { signal });
  window.addEventListener(
    "blur",
    () => {
      for (const code of [...held.keys()]) release(code, new KeyboardEvent("keyup"));
    },
    { signal },
  );
}

/**
 * @param {string} key
 * @param {KeyboardEvent} event
 */
function matches(key, event) {
  const parts = key === "+" ? ["+"] : key.split("+");
  const name = parts.at(-1) ?? "";
  const wantsCtrl = parts.includes("Ctrl");
  const wantsShift = parts.includes("Shift");
  if (event.altKey || (event.ctrlKey || event.metaKey) !== wantsCtrl) return false;
  const isLetter = /^[a-z]$/i.test(name);
  // Which symbols need Shift depends on the keyboard.
  if ((isLetter || name.length > 1) && event.shiftKey !== wantsShift) return false;
  if (name === "Space") return event.key === " ";
  return event.key.toLowerCase() === name.toLowerCase();
}

/** @param {KeyboardEvent} event */
function isTyping(event) {
  const { target } = event;
  if (!(target instanceof HTMLElement)) return false;
  // Space and Enter press the focused button.
  const isPress = event.key === " " || event.key === "Enter";
  if (isPress && target.closest("button, a, summary, [role=slider]")) return true;
  if (target.isContentEditable || target instanceof HTMLTextAreaElement) return true;
  if (target instanceof HTMLSelectElement) return true;
  if (!(target instanceof HTMLInputElement)) return false;
  if (target.type === "range") return event.key.startsWith("Arrow");
  return !["checkbox", "radio", "button", "file"].includes(target.type);
}

/**
 * Return how a key is shown.
 * @param {string} key
 */
export function formatKey(key) {
  /** @type {Record<string, string>} */
  const names = {
    ArrowLeft: "←",
    ArrowRight: "→",
    ArrowUp: "↑",
    ArrowDown: "↓",
    Delete: "Del",
    Escape: "Esc",
    "-": "−",
  };
  if (key === "+") return key;
  return key
    .split("+")
    .map((part) => names[part] ?? part)
    .join(" ");
}
