// @ts-check
/** Types of the API, as JSDoc. */

/**
 * @typedef {object} PhotoHint
 * @property {number | string} id number; a text until the server has answered
 * @property {number} x fraction of the displayed width, from the left
 * @property {number} y fraction of the displayed height, from the top
 * @property {string} color `#rrggbb`, `neutral` or `keep`
 * @property {number | null} [radius] fraction of the short side
 */

/**
 * @typedef {object} Photo
 * @property {string} id
 * @property {string} name
 * @property {number} size bytes
 * @property {number | null} width displayed width; null until the photo was decoded
 * @property {number | null} height
 * @property {number} revision
 * @property {PhotoHint[]} hints
 * @property {number | null} vividness 0 to 1; null for the default of the model
 * @property {number} saturation 0 to 3
 * @property {{name: string} | null} reference
 * @property {boolean} can_undo
 * @property {boolean} can_redo
 * @property {string | null} error
 * @property {Job | null} job
 * @property {{revision: number, bytes: number, name: string} | null} result
 * @property {boolean} is_upload
 * @property {number | null} expires Unix time at which it is deleted
 * @property {boolean | null} is_color whether the source is in color; null until it was decoded
 * @property {Record<string, any>} [output] options of the result
 * @property {string | null} [notice] what is unusual about the source
 */

/** @typedef {Omit<PhotoHint, "id">} NewHint */

/**
 * A change of a photo. `id` of a hint may be temporary. `file` is null to remove the reference.
 * @typedef {{do: "add-hint"} & NewHint
 *   | {do: "add-hints", hints: NewHint[]}
 *   | {do: "move-hint", id: number | string, x: number, y: number}
 *   | {do: "set-hint", id: number | string, color?: string, radius?: number}
 *   | {do: "remove-hint", id: number | string}
 *   | {do: "set", vividness?: number | null, saturation?: number | null}
 *   | {do: "set-reference", file: File | null}
 *   | {do: "undo"} | {do: "redo"} | {do: "reset"}} PhotoChange
 */

/**
 * @typedef {object} FilmSummary
 * @property {string} id
 * @property {string} name
 * @property {boolean} is_upload
 * @property {number | null} [expires]
 * @property {string | null} [error]
 * @property {number | null} [num_frames]
 * @property {unknown[] | number} [shots]
 */

/**
 * @typedef {object} Job
 * @property {string} id
 * @property {string} kind
 * @property {string} subject
 * @property {string} [part]
 * @property {string} name
 * @property {"queued" | "running" | "done" | "failed" | "canceled"} state
 * @property {{stage: string, done: number, total: number | null} | null} progress
 * @property {string | null} error
 * @property {Record<string, any> | null} result
 * @property {number} created
 * @property {number | null} started
 * @property {number | null} finished
 * @property {number | null} position 0 while it runs, 1 for the next
 * @property {number | null} seconds_left
 */

/**
 * @typedef {object} ServerInfo
 * @property {string} version
 * @property {string} model
 * @property {string | null} weights
 * @property {string} device
 * @property {number} keep_minutes
 * @property {number} [keep_downloaded_minutes]
 * @property {{photo_bytes: number, film_bytes: number, pixels: number, seconds: number,
 *   uploads: number}} limits
 * @property {string[]} still_formats
 * @property {string[]} [shot_list_formats] formats of lists of shots, such as `edl`
 * @property {string[]} film_formats
 * @property {number} chunk_bytes
 */

/** @typedef {{color: string, share: number}} LikelyColor */

/**
 * A place where a click helps most.
 * @typedef {object} Suggestion
 * @property {number} x
 * @property {number} y
 * @property {number} confidence 0 to 1
 * @property {number} area fraction of the picture
 * @property {LikelyColor[]} colors
 */

export {};
