// @ts-check
/**
 * Types of the films API, as JSDoc.
 */

/**
 * @typedef {"open" | "changed" | "approved" | "gray"} ShotState
 * State of a shot: without a decision, changed since it was approved, approved, or left gray.
 */

/**
 * @typedef {object} Hint
 * @property {number} id number that is never used again; negative until the server has answered
 * @property {number} frame ordinal of the decoded picture that the hint was placed in
 * @property {number} x fraction of the displayed width, from the left
 * @property {number} y fraction of the displayed height, from the top
 * @property {string} color `#rrggbb`, `neutral` or `keep`
 * @property {number | null} [radius] fraction of the shorter displayed side
 * @property {string | null} [evidence] text or link that supports the color
 * @property {string | null} [by] name of the person
 */

/**
 * @typedef {object} Reference
 * @property {number} id
 * @property {string} [name]
 * @property {number | null} [frame]
 * @property {string | null} [evidence]
 * @property {string | null} [by]
 */

/**
 * @typedef {object} Shot
 * @property {number} number number of the shot, from 1
 * @property {number} first first frame
 * @property {number} end frame after the last one
 * @property {string} [rev] text that changes only when a picture of the shot may change
 * @property {ShotState} state
 * @property {boolean} [is_approved]
 * @property {string | null} [approved_by]
 * @property {"title" | "picture" | null} [kind] what the shot shows, if a person states it
 * @property {number | null} [vividness] 0 to 1; null for that of the film
 * @property {number | null} [saturation] 0 to 3; null for that of the film
 * @property {string | null} [model] null for that of the film
 * @property {string | null} [note]
 * @property {string | null} [evidence]
 * @property {string} [transition]
 * @property {number} [mixed_frames]
 * @property {Hint[]} hints
 * @property {Reference[]} references
 */

/**
 * @typedef {object} Job
 * @property {string} id
 * @property {string} kind
 * @property {string} subject
 * @property {string} [name]
 * @property {"queued" | "running" | "done" | "failed" | "canceled"} state
 * @property {{stage?: string, done?: number, total?: number | null} | null} [progress]
 * @property {string | null} [error]
 * @property {any} [result]
 * @property {number | null} [position]
 * @property {number | null} [seconds_left]
 */

/**
 * @typedef {object} FilmOptions
 * @property {number | null} [vividness]
 * @property {number | null} [saturation]
 * @property {string | null} [titles]
 * @property {string | null} [purpose]
 * @property {boolean | null} [mark]
 * @property {string | null} [range]
 * @property {string | null} [sound]
 * @property {string | null} [encoder]
 * @property {string | null} [pix_fmt]
 */

/**
 * @typedef {object} FilmResult
 * @property {number} [revision]
 * @property {number} [bytes]
 * @property {string} [name]
 * @property {string | null} [path]
 * @property {boolean} [is_stale] whether a later change affects the color
 * @property {("html" | "json")[]} [reports] formats of the report of the rendering
 */

/**
 * @typedef {object} Film
 * @property {string} id
 * @property {string} name
 * @property {"new" | "analyzing" | "ready" | "missing"} [state]
 * @property {string | null} [notice] what a person should know, such as where the project is
 * @property {number} revision number of the last change; absent before the analysis, as what follows
 * @property {number} width displayed width, in pixels
 * @property {number} height displayed height, in pixels
 * @property {number} num_frames
 * @property {string} [source_rev] text that changes only when the gray pictures change
 * @property {any} rate frames per second: a number, `24000/1001`, or [numerator, denominator]
 * @property {string | null} [kind]
 * @property {string | null} [timecode] timecode of frame 0; null for 00:00:00:00
 * @property {boolean} [variable_rate] whether the frames have different durations
 * @property {FilmOptions} options
 * @property {string} [model] name of the model of the film
 * @property {string[]} [models] models that shots may have, that of the film first
 * @property {Shot[]} shots
 * @property {Reference[]} [references]
 * @property {number} [num_decisions]
 * @property {boolean} [can_undo]
 * @property {boolean} [can_redo]
 * @property {Job | null} [job]
 * @property {FilmResult | null} [result]
 * @property {string | null} [error]
 * @property {string | null} [project] path of the project on the server; null for uploads
 * @property {boolean} [is_upload]
 * @property {number | null} [expires]
 */

/**
 * @typedef {object} TrackSample
 * @property {number} frame
 * @property {number | null} x null where the thing was not found
 * @property {number | null} y
 * @property {boolean} found whether the thing of the hint was found in this frame
 */

/**
 * @typedef {object} Track
 * @property {number} hint number of the hint
 * @property {TrackSample[]} frames samples by increasing frame
 */

/**
 * @typedef {object} LikelyColor
 * @property {string} color
 * @property {number} share 0 to 1
 */

/**
 * @typedef {object} ReviewPlace
 * @property {number} shot
 * @property {number} frame
 * @property {number} x
 * @property {number} y
 * @property {number} [area]
 * @property {number} [confidence]
 * @property {number} [priority]
 * @property {number} [num_frames]
 * @property {LikelyColor[]} colors
 */

/**
 * @typedef {object} LogChange
 * @property {number} revision
 * @property {string} at
 * @property {string} by
 * @property {string} do
 * @property {string | null} [evidence]
 * @property {number | null} [undoes]
 * @property {number | null} [redoes]
 * @property {string | string[]} [summary] what was changed
 */

/**
 * @typedef {object} Plan
 * @property {{shots: number[], frames: number, reasons: string[]}[]} segments numbers of the first
 *   and the last shot; without a reason, an earlier rendering is used again
 * @property {number} frames
 * @property {number} [rendered_frames] frames of the segments that have a reason
 * @property {number | null} seconds
 */

/**
 * @typedef {{do: string} & Record<string, any>} ChangeRequest
 */

export {};
