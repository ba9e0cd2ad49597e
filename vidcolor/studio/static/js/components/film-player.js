// @ts-check
/** `<film-player>`: plays one shot in a loop, as a proxy film, with a wipe to the original. */

import { loopUrl, startLoop, waitForJob } from "../film/film-api.js";
import { makeButton, make, setText } from "../dom.js";
import { t } from "../strings.js";
import { describeProgress } from "./film-progress.js";

/** @typedef {import("../film/types.js").Film} Film */
/** @typedef {import("../film/types.js").Shot} Shot */
/** @typedef {import("../film/types.js").Job} Job */
/** @typedef {"after" | "before" | "wipe"} Compare */

/** Speeds that J and L step through. */
const SPEEDS = [1, 2, 4];
/** Greatest error of the times of pictures, which containers round, in seconds. */
const TIME_TOLERANCE = 0.002;

/**
 * Events: `frame` {frame}, the frame that is shown while the shot plays; `stop` {frame}.
 *
 * The proxy has one picture for each frame of the shot, at the times of the film, so a picture of it
 * belongs to one frame. After a stop, the still of that frame is shown.
 */
export class FilmPlayer extends HTMLElement {
  #abort = new AbortController();
  /** @type {Film | null} */
  #film = null;
  /** @type {Shot | null} */
  #shot = null;
  #key = "";
  /** @type {readonly number[]} time of each picture of the proxy, in seconds */
  #times = [];
  #speed = 1;
  /** @type {Compare} */
  #compare = "after";
  #wipe = 0.5;
  #frame = 0;
  #reverseTimer = 0;
  #isPlaying = false;

  constructor() {
    super();
    this.video = make("video", { playsinline: true, loop: true, muted: true, preload: "auto" });
    this.video.muted = true;
    // The original has the same luma, so it is the proxy without its chroma: both are always of
    // the same frame.
    this.gray = make("canvas", { class: "player-before", "aria-hidden": "true" });
    this.handle = make("input", {
      type: "range",
      class: "player-wipe",
      min: 0,
      max: 1,
      step: 0.001,
      value: 0.5,
      "aria-label": t("film.wipe.border"),
    });
    this.handle.addEventListener("input", () => {
      this.#wipe = Number(this.handle.value);
      this.#showWipe();
    });
    this.status = make("p", { class: "player-status", role: "status" });
    this.cancel = makeButton(t("film.cancel"), () => this.stop());
    this.message = make("div", { class: "player-message" }, [this.status, this.cancel]);
    this.speed = make("span", { class: "player-speed" });
    this.frameBox = make("div", { class: "player-frame" }, [this.video, this.gray, this.handle]);
    this.stage = make("div", { class: "player-stage" }, [this.frameBox]);
    this.video.addEventListener("loadeddata", () => this.#onReady());
    this.video.addEventListener("error", () => this.#onError(), true);
  }

  connectedCallback() {
    this.replaceChildren(this.stage, this.speed, this.message);
  }

  disconnectedCallback() {
    this.close();
  }

  get isOpen() {
    return !this.hidden;
  }

  get isPlaying() {
    return this.#isPlaying;
  }

  /** @param {Compare} compare */
  set compare(compare) {
    this.#compare = compare;
    this.#showWipe();
  }

  /** @param {number} wipe position of the border, 0 to 1 */
  set wipe(wipe) {
    this.#wipe = wipe;
    this.handle.value = String(wipe);
    this.#showWipe();
  }

  /**
   * Play a shot, or change the speed of the one that plays.
   *
   * @param {Film} film
   * @param {Shot} shot
   * @param {number} frame frame to start at
   * @param {1 | -1} direction
   */
  async play(film, shot, frame, direction) {
    const key = makeKey(film, shot);
    if (this.isOpen && key === this.#key) {
      this.#changeSpeed(direction);
      return;
    }
    this.close();
    this.#film = film;
    this.#shot = shot;
    this.#key = key;
    this.#frame = frame;
    this.#speed = direction;
    this.hidden = false;
    this.classList.remove("is-ready");
    this.stage.hidden = true;
    this.message.hidden = false;
    const title = t("film.loop.making", { shot: shot.number });
    setText(this.status, title);
    const { signal } = this.#abort;
    try {
      const answer = await startLoop(film.id, shot.number, shot.rev ?? film.revision, signal);
      if ("ready" in answer) {
        this.#load(answer);
        return;
      }
      const report = (/** @type {Job} */ job) => setText(this.status, describeProgress(job, title));
      const job = await waitForJob(answer, report, signal);
      if (job.state !== "done") throw new Error(job.error ?? t("film.loop.failed"));
      this.#load(job.result ?? {});
    } catch (error) {
      if (signal.aborted) return;
      const text = error instanceof Error ? error.message : "";
      setText(this.status, text || t("film.loop.failed"));
    }
  }

  /** @param {Record<string, any>} result */
  #load(result) {
    const film = /** @type {Film} */ (this.#film);
    const shot = /** @type {Shot} */ (this.#shot);
    const rev = result.rev ?? shot.rev ?? film.revision;
    this.#times = result.times ?? [];
    this.video.replaceChildren(
      make("source", { src: loopUrl(film.id, shot.number, "mp4", rev), type: "video/mp4" }),
      make("source", { src: loopUrl(film.id, shot.number, "webm", rev), type: "video/webm" }),
    );
    this.video.load();
  }

  #onReady() {
    this.classList.add("is-ready");
    this.message.hidden = true;
    this.stage.hidden = false;
    this.gray.width = this.video.videoWidth;
    this.gray.height = this.video.videoHeight;
    this.frameBox.style.setProperty("--ratio", String(this.video.videoWidth / this.video.videoHeight));
    this.video.currentTime = this.#middle(this.#span().frame);
    this.#isPlaying = true;
    this.#run();
    this.#watch();
    this.#showWipe();
  }

  #onError() {
    // The browser reports each format that it cannot play; it has no source after the last one.
    if (this.video.error || this.video.networkState === HTMLMediaElement.NETWORK_NO_SOURCE) {
      this.message.hidden = false;
      setText(this.status, t("film.loop.unplayable"));
    }
  }

  #span() {
    const shot = /** @type {Shot} */ (this.#shot);
    const length = shot.end - shot.first;
    return { shot, length, frame: Math.min(length - 1, Math.max(0, this.#frame - shot.first)) };
  }

  /**
   * @param {number} index number of a picture of the proxy
   * @returns {number} a time at which it is shown, in seconds
   */
  #middle(index) {
    const start = this.#times[index] ?? 0;
    return (start + (this.#times[index + 1] ?? this.video.duration)) / 2;
  }

  /**
   * @param {number} time in seconds
   * @returns {number} number of the picture of the proxy that is shown then
   */
  #indexAt(time) {
    let first = 0;
    let end = this.#times.length;
    while (end - first > 1) {
      const middle = (first + end) >> 1;
      if (/** @type {number} */ (this.#times[middle]) <= time + TIME_TOLERANCE) first = middle;
      else end = middle;
    }
    return first;
  }

  /** @param {1 | -1} direction */
  #changeSpeed(direction) {
    if (this.stage.hidden) {
      this.#speed = direction; // the proxy is not there yet
      return;
    }
    if (!this.#isPlaying) {
      this.#speed = direction;
      this.#isPlaying = true;
    } else if (Math.sign(this.#speed) !== direction) {
      this.#speed = direction;
    } else {
      const index = SPEEDS.indexOf(Math.abs(this.#speed));
      this.#speed = direction * (SPEEDS[Math.min(index + 1, SPEEDS.length - 1)] ?? 1);
    }
    this.#run();
  }

  #run() {
    window.clearInterval(this.#reverseTimer);
    const speed = Math.abs(this.#speed);
    setText(this.speed, this.#speed === 1 ? "" : `${this.#speed < 0 ? "−" : ""}${speed}×`);
    if (this.#speed > 0) {
      this.video.playbackRate = this.#speed;
      void this.video.play().catch(() => {});
      return;
    }
    // Browsers do not play backwards, so the proxy is stepped through.
    this.video.pause();
    const { length } = this.#span();
    const step = this.video.duration / length;
    const interval = Math.max(30, (1000 * step) / speed);
    this.#reverseTimer = window.setInterval(() => {
      if (this.video.seeking) return;
      const count = Math.max(1, Math.round((interval * speed) / (1000 * step)));
      const index = this.#indexAt(this.video.currentTime) - count;
      this.video.currentTime = this.#middle(index < 0 ? length - 1 : index);
    }, interval);
  }

  /** Follow the pictures of the proxy. */
  #watch() {
    const key = this.#key;
    const show = (/** @type {number} */ mediaTime) => {
      if (key !== this.#key || !this.isOpen) return;
      const { shot, length } = this.#span();
      this.#frame = shot.first + Math.min(length - 1, this.#indexAt(mediaTime));
      this.#drawBefore();
      this.dispatchEvent(new CustomEvent("frame", { detail: { frame: this.#frame } }));
    };
    if ("requestVideoFrameCallback" in this.video) {
      const next = () => {
        this.video.requestVideoFrameCallback((_now, { mediaTime }) => {
          show(mediaTime);
          if (key === this.#key && this.isOpen) next();
        });
      };
      next();
      return;
    }
    const poll = () => {
      if (key !== this.#key || !this.isOpen) return;
      show(/** @type {HTMLVideoElement} */ (this.video).currentTime);
      requestAnimationFrame(poll);
    };
    requestAnimationFrame(poll);
  }

  #drawBefore() {
    if (this.#compare === "after") return;
    this.gray.getContext("2d")?.drawImage(this.video, 0, 0);
  }

  #showWipe() {
    this.gray.hidden = this.#compare === "after";
    this.handle.hidden = this.#compare !== "wipe" || this.stage.hidden;
    // The thumb of the handle, 28 px wide, stays inside the picture.
    const left = `14px + (100% - 28px) * ${this.#wipe}`;
    const right = this.#compare === "wipe" ? `calc(100% - (${left}))` : "0";
    this.gray.style.clipPath = `inset(0 ${right} 0 0)`;
    this.#drawBefore();
  }

  /**
   * Go on with the film as it is now: a proxy of an earlier state stops, so that its still shows what
   * has changed; one that is being made is made again.
   *
   * @param {Film} film
   */
  update(film) {
    const shot = film.shots.find(({ first }) => first === this.#shot?.first);
    if (!this.isOpen || (shot && this.#key === makeKey(film, shot))) return;
    if (shot && this.stage.hidden) void this.play(film, shot, this.#frame, this.#speed < 0 ? -1 : 1);
    else this.stop();
  }

  /** Pause; the picture stays. */
  pause() {
    window.clearInterval(this.#reverseTimer);
    this.video.pause();
    this.#isPlaying = false;
  }

  /** Stop, and show the still of the frame again. */
  stop() {
    if (!this.isOpen) return;
    const frame = this.#frame;
    this.close();
    this.dispatchEvent(new CustomEvent("stop", { detail: { frame } }));
  }

  /** Free the proxy, and stop waiting for it. */
  close() {
    this.#abort.abort();
    this.#abort = new AbortController();
    this.pause();
    this.#key = "";
    this.hidden = true;
    this.video.replaceChildren();
    this.video.removeAttribute("src");
    this.video.load();
  }
}

/**
 * @param {Film} film
 * @param {Shot} shot
 * @returns {string} what the proxy of a shot depends on
 */
function makeKey(film, shot) {
  return `${film.id}:${shot.first}:${shot.rev ?? film.revision}`;
}

customElements.define("film-player", FilmPlayer);
