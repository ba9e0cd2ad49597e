// @ts-check
/** `<home-view>`: the album, the films, what runs, and what was deleted. */

import { PhotoTile, UploadTile } from "../components/photo-tile.js";
import { describeJob } from "../components/job-drawer.js";
import { connection } from "../connection.js";
import { make, makeButton, makeIcon, replaceRows, setText } from "../dom.js";
import { bindKeys } from "../keys.js";
import { listVisits } from "../lately.js";
import { library } from "../library.js";
import { listDeletions, rememberNames } from "../photo/deletions.js";
import { loadPart, navigate, openQueue, setBar, setTitle, toast, toastError } from "../shell.js";
import { formatDuration, formatTime, t } from "../strings.js";
import { readDrop, readInput } from "../upload/chosen-files.js";
import { uploads } from "../upload/upload-queue.js";

/** @typedef {import("../types.js").FilmSummary} FilmSummary */

const MAX_RUNNING = 4;
const MAX_LATELY = 5;
const TICK_MS = 20000;

class HomeView extends HTMLElement {
  #connection = new AbortController();
  #files = make("input", { type: "file", multiple: true, hidden: true, "aria-label": t("home.add") });
  #folder = make("input", { type: "file", webkitdirectory: true, hidden: true });
  #welcome = make("section", { class: "welcome" });
  #album = make("section", { class: "home-section", "aria-labelledby": "album-title" });
  #grid = make("ul", { class: "tiles" });
  #refused = make("section", { class: "refused", role: "alert" });
  #films = make("section", { class: "home-section", "aria-labelledby": "films-title" });
  #filmHead = make("header", { class: "home-head" });
  #filmList = make("ul", { class: "film-rows" });
  #running = make("section", { class: "section" });
  #runningList = make("ul", { class: "side-list" });
  #lately = make("section", { class: "section" });
  #latelyList = make("ul", { class: "side-list" });
  #deleted = make("section", { class: "section", hidden: true });
  #deletedList = make("ul", { class: "side-list" });
  #retention = make("p", { class: "quiet" });
  #downloadAll = makeButton("", () => void this.#download());
  #count = make("h1", { id: "album-title" });
  #side = make("aside", { class: "home-side", "aria-label": t("home.side") });
  #loading = make("p", { class: "quiet page-message", text: t("loading") });
  #failure = make("p", { class: "page-message", role: "alert" });
  /** @type {Map<string, PhotoTile>} */
  #tiles = new Map();
  /** @type {Map<string, UploadTile>} */
  #uploadTiles = new Map();

  connectedCallback() {
    const { signal } = this.#connection;
    setTitle("");
    setBar({ title: [make("span", { class: "brand", text: "vidcolor" })] });
    this.#build();
    library.addEventListener("change", () => this.#update(), { signal });
    uploads.addEventListener("change", () => this.#update(), { signal });
    uploads.addEventListener("done", (event) => this.#onDone(/** @type {CustomEvent} */ (event)), {
      signal,
    });
    this.#connectDrop(signal);
    bindKeys(
      "home",
      { choose: () => this.#files.click(), download: () => void this.#download() },
      signal,
    );
    const timer = window.setInterval(() => this.#update(), TICK_MS); // times go on
    signal.addEventListener("abort", () => window.clearInterval(timer));
    void library.load().then(() => this.#updateDeleted());
    this.#update();
  }

  disconnectedCallback() {
    this.#connection.abort();
  }

  #build() {
    this.#files.addEventListener("change", () => void uploads.addFiles(readInput(this.#files)));
    this.#folder.addEventListener("change", () => void uploads.addFiles(readInput(this.#folder)));
    const addButtons = () => [
      makeButton(t("home.add"), () => this.#files.click(), { class: "is-primary" }),
      makeButton(t("home.add.folder"), () => this.#folder.click(), { class: "is-wide-only" }),
    ];
    this.#welcome.append(
      makeIcon("upload"),
      make("h1", { text: t("welcome.title") }),
      make("p", { class: "quiet", text: t("welcome.text") }),
      make("div", { class: "row welcome-actions" }, addButtons()),
      make("p", { class: "quiet", text: t("welcome.try") }),
      makeButton(t("welcome.sample"), (event) => void this.#startTour(event)),
    );
    this.#album.append(
      make("header", { class: "home-head" }, [
        this.#count,
        make("div", { class: "row" }, [...addButtons(), this.#downloadAll]),
      ]),
      this.#retention,
      this.#grid,
    );
    this.#filmHead.append(make("h2", { id: "films-title", text: t("home.films") }));
    this.#films.append(this.#filmHead, this.#filmList);
    const more = makeButton(t("home.queue"), () => void openQueue(), { class: "is-plain" });
    this.#running.append(
      make("header", {}, [make("h2", { text: t("home.running") }), more]),
      this.#runningList,
    );
    this.#deleted.append(
      make("header", {}, [make("h2", { text: t("home.deleted") })]),
      this.#deletedList,
    );
    this.#lately.append(
      make("header", {}, [make("h2", { text: t("home.lately") })]),
      this.#latelyList,
    );
    this.#side.append(this.#running, this.#lately, this.#deleted);
    this.replaceChildren(
      make("div", { class: "home" }, [
        make("div", { class: "home-main" }, [
          this.#loading,
          this.#failure,
          this.#refused,
          this.#welcome,
          this.#album,
          this.#films,
          this.#files,
          this.#folder,
        ]),
        this.#side,
      ]),
      make("div", { class: "drop-hint", "aria-hidden": "true" }, [
        makeIcon("upload"),
        make("p", { text: t("home.drop") }),
      ]),
    );
  }

  /** @param {AbortSignal} signal */
  #connectDrop(signal) {
    const hasFiles = (/** @type {DragEvent} */ event) =>
      Boolean(event.dataTransfer?.types.includes("Files"));
    let depth = 0;
    const show = (/** @type {number} */ change) => {
      depth = Math.max(depth + change, 0);
      this.classList.toggle("is-dropping", depth > 0);
    };
    const options = { signal };
    window.addEventListener("dragenter", (event) => hasFiles(event) && show(1), options);
    window.addEventListener("dragleave", (event) => hasFiles(event) && show(-1), options);
    window.addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault(), options);
    window.addEventListener(
      "drop",
      (event) => {
        if (!hasFiles(event) || !event.dataTransfer) return;
        event.preventDefault();
        show(-depth);
        void readDrop(event.dataTransfer).then((files) => uploads.addFiles(files), toastError);
      },
      options,
    );
    const onPaste = (/** @type {ClipboardEvent} */ event) => {
      const files = [...(event.clipboardData?.files ?? [])].map((file) => ({ file }));
      if (files.length) void uploads.addFiles(files);
    };
    document.addEventListener("paste", onPaste, options);
  }

  /** @param {MouseEvent} event */
  async #startTour({ currentTarget }) {
    const button = currentTarget instanceof HTMLButtonElement ? currentTarget : null;
    if (button) button.disabled = true;
    try {
      const tour = await loadPart(() => import("../components/welcome-tour.js"));
      await tour?.startTour();
    } catch (error) {
      toastError(error);
      if (button) button.disabled = false;
    }
  }

  /** @param {CustomEvent} event */
  #onDone(event) {
    const upload = /** @type {import("../upload/upload.js").Upload} */ (event.detail.upload);
    const { result } = upload;
    if (!upload.isDuplicate || !result) return;
    const items = [...library.photos.values(), ...library.films];
    const other = items.find(({ id }) => id === result.id)?.name ?? upload.name;
    const key = other === upload.name ? "upload.duplicate" : "upload.duplicate.as";
    toast({
      text: t(key, { name: upload.name, other }),
      action: { text: t("open"), run: () => navigate(`#/${result.kind}/${result.id}`) },
    });
  }

  #update() {
    rememberNames();
    const photos = [...library.photos.values()];
    const open = uploads.open;
    const isEmpty = !photos.length && !open.length && !library.films.length;
    this.#loading.hidden = library.isLoaded || Boolean(library.error) || open.length > 0;
    this.#failure.hidden = library.isLoaded || !library.error || !connection.isOnline;
    if (library.error instanceof Error) setText(this.#failure, library.error.message);
    this.#welcome.hidden = !isEmpty || !library.isLoaded;
    this.#album.hidden = isEmpty || (!library.isLoaded && !open.length);
    const hasPhotos = photos.length + open.length > 0;
    setText(this.#count, hasPhotos ? t("home.photos", { count: photos.length }) : t("home.films"));
    this.#filmHead.hidden = !hasPhotos;
    const done = photos.filter(({ error }) => !error);
    this.#downloadAll.hidden = done.length < 1;
    setText(this.#downloadAll, t("home.download", { count: done.length }));
    this.#updateRetention(photos.some((photo) => photo.is_upload));
    this.#updateGrid(photos, open);
    this.#updateRefused();
    this.#films.hidden = !library.films.length;
    replaceRows(
      this.#filmList,
      library.films.map((film) => makeFilmRow(film)),
    );
    const active = library.activeJobs;
    const rows = active.slice(0, MAX_RUNNING).map((job) => makeSideRow(job.name, describeJob(job)));
    if (!rows.length) rows.push(makeSideRow("", t("home.running.none")));
    replaceRows(this.#runningList, rows);
    this.#updateLately();
    this.#side.hidden = isEmpty && Boolean(this.#deleted.hidden);
  }

  #updateLately() {
    const rows = listVisits().flatMap(({ kind, id, at }) => {
      const item =
        kind === "photo" ? library.photos.get(id) : library.films.find((film) => film.id === id);
      return item ? [makeSideRow(item.name, formatTime(at), `#/${kind}/${id}`)] : [];
    });
    this.#lately.hidden = !rows.length;
    replaceRows(this.#latelyList, rows.slice(0, MAX_LATELY));
  }

  /** @param {boolean} hasUploads */
  #updateRetention(hasUploads) {
    const { info } = library;
    this.#retention.hidden = !hasUploads || !info;
    if (!info) return;
    const downloaded = info.keep_downloaded_minutes ?? info.keep_minutes;
    const values = {
      time: formatDuration(60 * info.keep_minutes),
      downloaded: formatDuration(60 * downloaded),
    };
    setText(this.#retention, t("home.retention", values));
  }

  /**
   * @param {import("../types.js").Photo[]} photos
   * @param {import("../upload/upload.js").Upload[]} open
   */
  #updateGrid(photos, open) {
    const known = new Set([...photos.map(({ id }) => id), ...open.map(({ key }) => key)]);
    for (const tiles of [this.#tiles, this.#uploadTiles]) {
      for (const id of tiles.keys()) if (!known.has(id)) tiles.delete(id);
    }
    const elements = photos.map((photo) => {
      const tile = this.#tiles.get(photo.id) ?? new PhotoTile();
      this.#tiles.set(photo.id, tile);
      tile.update(photo);
      return tile.element;
    });
    for (const upload of open) {
      const tile = this.#uploadTiles.get(upload.key) ?? new UploadTile(upload);
      this.#uploadTiles.set(upload.key, tile);
      tile.update();
      elements.push(tile.element);
    }
    const isSame =
      elements.length === this.#grid.childElementCount &&
      elements.every((element, index) => this.#grid.children[index] === element);
    if (!isSame) this.#grid.replaceChildren(...elements);
  }

  #updateRefused() {
    const { refused } = uploads;
    this.#refused.hidden = !refused.length;
    if (!refused.length) return;
    this.#refused.replaceChildren(
      make("header", { class: "row" }, [
        makeIcon("warning"),
        make("h2", { class: "grow", text: t("refused.title", { count: refused.length }) }),
        makeButton(t("close"), () => uploads.dismissRefused(), { class: "is-plain" }),
      ]),
      make(
        "ul",
        { class: "side-list" },
        refused.map(({ name, reason }) => makeSideRow(name, reason)),
      ),
    );
  }

  async #updateDeleted() {
    try {
      const deletions = await listDeletions();
      this.#deleted.hidden = !deletions.length;
      this.#deletedList.replaceChildren(
        ...deletions.map(({ name, at, reason }) =>
          makeSideRow(name, `${formatTime(at)} · ${reason}`),
        ),
      );
    } catch {
      this.#deleted.hidden = true;
    }
    this.#update();
  }

  async #download() {
    const ids = [...library.photos.values()].filter(({ error }) => !error).map(({ id }) => id);
    if (!ids.length) return;
    const dialog = await loadPart(() => import("../components/download-dialog.js"));
    await dialog?.openDownload(ids);
  }
}

/**
 * @param {string} name
 * @param {string} detail
 * @param {string} [href]
 */
function makeSideRow(name, detail, href) {
  const text = href
    ? make("a", { class: "truncate", href, text: name })
    : make("span", { class: "truncate", text: name });
  return make("li", {}, [name ? text : null, make("span", { class: "quiet", text: detail })]);
}

/** @param {FilmSummary} film */
function makeFilmRow(film) {
  const job = library.findJob(film.id);
  const isActive = job?.state === "queued" || job?.state === "running";
  const detail = film.error ?? (job && isActive ? describeJob(job) : describeFilm(film));
  return make("li", {}, [
    make("a", { href: `#/film/${film.id}` }, [
      makeIcon("film"),
      make("span", { class: "grow truncate", text: film.name }),
      make("span", { class: "quiet truncate", text: detail }),
    ]),
  ]);
}

/** @param {FilmSummary} film */
function describeFilm(film) {
  const shots = Array.isArray(film.shots) ? film.shots.length : film.shots;
  return typeof shots === "number" ? t("home.film.shots", { count: shots }) : t("home.film.open");
}

customElements.define("home-view", HomeView);
