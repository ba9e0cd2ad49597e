// @ts-check
/** Requests to the server. The interface uses nothing but this API. */

import { background } from "./background.js";
import { connection, sleep } from "./connection.js";

/**
 * What a request waits for before it is repeated:
 * - `none`: it fails.
 * - `connection`: the server is back. A change must carry a revision, so that it counts once.
 * - `all`: also a server that is busy (503, 429), for the time that it names.
 * @typedef {"none" | "connection" | "all"} Patience
 */

/**
 * @typedef {object} RequestOptions
 * @property {string} [method]
 * @property {unknown} [json] body, as JSON
 * @property {BodyInit} [body] body as it is
 * @property {Record<string, string>} [headers]
 * @property {number} [revision] revision that a change is for
 * @property {AbortSignal} [signal]
 * @property {Patience} [patience]
 * @property {() => void} [onLost] called before a request that may have been lost is repeated
 * @property {boolean} [keepalive] the request outlives the page
 * @property {boolean} [canWait] the request, which needs `signal`, leaves connections to others
 */

/** Wait before a busy server is asked again, in seconds, if it names none. */
const BUSY_SECONDS = 3;
/** Wait before a request is repeated that another program held up, in milliseconds. */
const LOCKED_MS = 300;

/** A request that the server refused, or that did not reach it (status 0). */
export class ApiError extends Error {
  /**
   * @param {number} status
   * @param {string} code
   * @param {string} message
   * @param {Record<string, any>} body
   * @param {number} retryAfter seconds; 0 when the server names none
   */
  constructor(status, code, message, body = {}, retryAfter = 0) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
    this.body = body;
    this.retryAfter = retryAfter;
  }

  /** Whether another request or program works on the same photo, film or upload now. */
  get isLocked() {
    return this.status === 409 && this.code === "busy";
  }

  /** Whether the same request may succeed later. */
  get isBusy() {
    return this.status === 503 || this.status === 429 || this.isLocked;
  }

  /** Time after which the request may be repeated, in milliseconds. */
  get retryMs() {
    return this.isLocked ? LOCKED_MS : 1000 * (this.retryAfter || BUSY_SECONDS);
  }
}

/**
 * Return the JSON of an answer, or null when it has none.
 *
 * @param {string} path such as `/api/info`
 * @param {RequestOptions} [options]
 * @returns {Promise<any>}
 * @throws {ApiError}
 */
export async function request(path, options = {}) {
  const { patience = "none", signal, onLost } = options;
  for (;;) {
    try {
      return await send(path, options);
    } catch (error) {
      if (!(error instanceof ApiError) || patience === "none") throw error;
      if (error.status === 0) {
        onLost?.();
        await connection.whenBack(signal);
      } else if (patience === "all" && error.isBusy) {
        if (!error.isLocked) connection.reportBusy(error.retryMs / 1000);
        await sleep(error.retryMs, signal);
      } else {
        throw error;
      }
    }
  }
}

/**
 * @param {string} path
 * @param {RequestOptions} options
 */
async function send(path, options) {
  const { method = "GET", json, revision, signal, keepalive = false, canWait = false } = options;
  const headers = new Headers(options.headers);
  headers.set("Accept", "application/json");
  if (method !== "GET") headers.set("X-Vidcolor", "1");
  if (revision !== undefined) headers.set("If-Match", String(revision));
  let { body } = options;
  if (json !== undefined) {
    headers.set("Content-Type", "application/json");
    body = JSON.stringify(json);
  }
  const receive = async (/** @type {AbortSignal | null} */ abort) => {
    const response = await fetch(path, {
      method,
      headers,
      body: body ?? null,
      signal: abort,
      keepalive,
      credentials: "same-origin",
    });
    return { response, text: await response.text() };
  };
  const { response, text } = await (
    canWait && signal
      ? background.run(receive, signal)
      : background.hurry(() => receive(signal ?? null))
  ).catch((error) => {
    if (signal?.aborted) throw error;
    void connection.reportLost();
    throw new ApiError(0, "offline", "");
  });
  if (!response.ok) throw makeError(response, text);
  return parseJson(text);
}

/**
 * @param {Response} response a refusal
 * @param {string} text its body
 */
function makeError(response, text) {
  const content = parseJson(text);
  const record = typeof content === "object" && content ? content : {};
  return new ApiError(
    response.status,
    String(record.code ?? "internal"),
    String(record.error ?? response.statusText),
    record,
    Number(response.headers.get("Retry-After")) || 0,
  );
}

/**
 * Return a small file, with its name for people.
 *
 * @param {string} path
 * @returns {Promise<File>}
 * @throws {ApiError}
 */
export async function requestFile(path) {
  const response = await fetch(path, { credentials: "same-origin" }).catch(() => {
    void connection.reportLost();
    throw new ApiError(0, "offline", "");
  });
  if (!response.ok) throw makeError(response, await response.text());
  const name = response.headers.get("Content-Disposition")?.split("filename*=utf-8''")[1] ?? "";
  return new File([await response.blob()], decodeURIComponent(name));
}

/**
 * @param {string} text
 * @returns {any}
 */
function parseJson(text) {
  try {
    return text ? JSON.parse(text) : null;
  } catch {
    return null;
  }
}

/**
 * Return a path with a query; values that are undefined or null are left out.
 *
 * @param {string} path
 * @param {Record<string, string | number | boolean | null | undefined>} query
 */
export function withQuery(path, query) {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null) parameters.set(name, String(value));
  }
  const text = parameters.toString();
  return text ? `${path}?${text}` : path;
}

/**
 * Runs one request at a time; a newer one aborts the older one.
 */
export class Latest {
  /** @type {AbortController | null} */
  #controller = null;

  /**
   * Return the result, or undefined if a newer call or `cancel` made it moot.
   * @template T
   * @param {(signal: AbortSignal) => Promise<T>} run
   * @returns {Promise<T | undefined>}
   */
  async run(run) {
    this.cancel();
    const controller = new AbortController();
    this.#controller = controller;
    try {
      const result = await run(controller.signal);
      return controller.signal.aborted ? undefined : result;
    } catch (error) {
      if (controller.signal.aborted) return undefined;
      throw error;
    }
  }

  cancel() {
    this.#controller?.abort();
    this.#controller = null;
  }
}
