// @ts-check
/** Asks how photos are saved, renders them, and lets the browser save them. */

import { make, makeButton } from "../dom.js";
import { library } from "../library.js";
import { listFormats, prepareDownload, saveFile } from "../photo/downloads.js";
import { describeError, toast } from "../shell.js";
import { formatBytes, formatDuration, t } from "../strings.js";
import { openModal } from "./modal.js";
import { SettingSlider } from "./setting-slider.js";

const KEY = "download-options";
/** Formats that have a quality. */
const LOSSY = new Set([".jpg", ".webp", ".avif", ".jxl"]);

/**
 * @param {string[]} ids of the photos that can be chosen
 * @param {string} [current] the photo that is shown
 * @param {() => Promise<void>} [whenSaved] waits until its changes are on the server
 * @returns {Promise<void>} resolved when the dialog is closed
 */
export function openDownload(ids, current, whenSaved = async () => {}) {
  const all = [...library.photos.values()].filter(({ error }) => !error).map(({ id }) => id);
  const saved = readOptions();
  const scope = makeScope(ids, all, current);
  const formats = make("select", { id: "download-format" }, [
    make("option", { value: "", text: t("download.format.source") }),
    ...listFormats().map((suffix) => make("option", { value: suffix, text: describe(suffix) })),
  ]);
  formats.value = saved.format ?? "";
  let quality = saved.quality ?? null;
  const slider = new SettingSlider({
    name: "quality",
    label: t("download.quality"),
    min: 60,
    max: 100,
    step: 1,
    start: 95,
    defaultText: t("download.quality.automatic"),
    onChange: (value) => {
      quality = value;
      slider.update(value);
    },
  });
  slider.update(quality);
  const mark = make("input", { type: "checkbox" });
  mark.checked = saved.mark ?? false;
  const update = () => {
    slider.element.hidden = formats.value !== "" && !LOSSY.has(formats.value);
  };
  formats.addEventListener("change", update);
  update();

  const controller = new AbortController();
  const status = make("p", { role: "status" });
  const bar = make("progress", { "aria-label": t("download.progress") });
  const progress = make("div", { class: "field" }, [status, bar]);
  progress.hidden = true;
  const cancel = makeButton(t("cancel"), () => dialog.close());
  const save = makeButton(t("download.save"), () => void run(), { class: "is-primary" });
  const form = make("div", { class: "field download-form" }, [
    ...scope.elements,
    make("div", { class: "field" }, [
      make("label", { for: formats.id, text: t("download.format") }),
      formats,
    ]),
    slider.element,
    make("label", { class: "check" }, [mark, t("download.mark")]),
    make("p", { class: "quiet", text: t("download.mark.help") }),
  ]);
  const note = make("p", { class: "quiet", text: describeRetention() });
  note.hidden = !note.textContent;

  const run = async () => {
    const options = {
      ...(formats.value ? { format: formats.value } : {}),
      ...(slider.element.hidden || quality === null ? {} : { quality }),
      mark: mark.checked,
    };
    window.localStorage.setItem(KEY, JSON.stringify(options));
    form.hidden = true;
    progress.hidden = false;
    save.hidden = true;
    const chosen = scope.getIds();
    try {
      await whenSaved();
      const file = await prepareDownload(
        chosen,
        options,
        ({ name, done, total }) => {
          status.textContent = t(`download.${name}`, { done: Math.min(done + 1, total), total });
          if (total > 1) {
            bar.max = total;
            bar.value = done;
          }
        },
        controller.signal,
      );
      saveFile(file.url, file.name);
      const size = file.bytes === null ? "" : ` · ${formatBytes(file.bytes)}`;
      dialog.close();
      toast({ text: t("download.done", { name: `${file.name}${size}` }) });
    } catch (error) {
      if (controller.signal.aborted) return;
      status.textContent = describeError(error);
      bar.hidden = true;
      save.textContent = t("retry");
      save.hidden = false;
    }
  };

  /** @type {HTMLDialogElement} */
  let dialog;
  return new Promise((resolve) => {
    dialog = openModal(
      t("download.title"),
      [form, progress, note, make("div", { class: "dialog-actions" }, [cancel, save])],
      {
        className: "download",
        onClose: () => {
          controller.abort();
          resolve();
        },
      },
    );
    save.focus();
  });
}

/**
 * @param {string[]} ids
 * @param {string[]} all
 * @param {string} [current]
 */
function makeScope(ids, all, current) {
  if (!current || all.length < 2) {
    const text = t("download.count", { count: ids.length });
    return { elements: [make("p", { text })], getIds: () => ids };
  }
  const one = make("input", { type: "radio", name: "scope", checked: true });
  const every = make("input", { type: "radio", name: "scope" });
  const elements = [
    make("div", { role: "radiogroup", "aria-label": t("download.which") }, [
      make("label", { class: "check" }, [one, t("download.this")]),
      make("label", { class: "check" }, [every, t("download.all", { count: all.length })]),
    ]),
  ];
  return { elements, getIds: () => (every.checked ? all : ids) };
}

/** @returns {{format?: string, quality?: number, mark?: boolean}} */
function readOptions() {
  try {
    return JSON.parse(window.localStorage.getItem(KEY) ?? "{}");
  } catch {
    return {};
  }
}

/** @param {string} suffix */
function describe(suffix) {
  return t(`format${suffix}`);
}

function describeRetention() {
  const { info } = library;
  if (!info || ![...library.photos.values()].some((photo) => photo.is_upload)) return "";
  const minutes = info.keep_downloaded_minutes ?? info.keep_minutes;
  return t("download.retention", { time: formatDuration(60 * minutes) });
}
