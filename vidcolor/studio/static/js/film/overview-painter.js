// @ts-check
/** Drawing of the overview of a film: where a decision helps most, and the states of the shots. */

/** @typedef {import("./types.js").Shot} Shot */
/** @typedef {import("./types.js").ShotState} ShotState */
/** @typedef {import("./strip-scale.js").StripScale} StripScale */
/** @typedef {import("./strip-painter.js").StripColors} StripColors */

/** Vertical positions in the overview, in CSS pixels. */
export const OVERVIEW = Object.freeze({ graphEnd: 22, states: 25, statesEnd: 33, height: 36 });

/**
 * Draw the whole film: where a decision helps most, the states, and what the strip shows of it.
 *
 * @param {CanvasRenderingContext2D} context in CSS pixels
 * @param {StripScale} full scale of the whole film
 * @param {StripScale} scale scale of the strip
 * @param {{shots: readonly Shot[], needs: Float32Array, frame: number}} scene
 * @param {StripColors} colors
 */
export function paintOverview(context, full, scale, scene, colors) {
  context.clearRect(0, 0, full.width, OVERVIEW.height);
  context.fillStyle = colors.window;
  const left = full.toX(scale.start);
  context.fillRect(left, 0, Math.max(3, full.toX(scale.end) - left), OVERVIEW.height);
  scene.shots.forEach((shot, index) => {
    const x = full.toX(shot.first);
    const width = Math.max(0.75, full.toX(shot.end) - x - (full.pixelsPerFrame > 0.05 ? 0.5 : 0));
    const need = scene.needs[index] ?? 0;
    if (need > 0) {
      const height = Math.max(2, need * (OVERVIEW.graphEnd - 2));
      context.fillStyle = colors.text;
      context.fillRect(x, OVERVIEW.graphEnd - height, width, height);
    }
    paintOverviewState(context, colors, shot.state, x, width);
  });
  context.strokeStyle = colors.quiet;
  context.lineWidth = 1;
  context.strokeRect(
    left + 0.5,
    0.5,
    Math.max(3, full.toX(scale.end) - left - 1),
    OVERVIEW.height - 1,
  );
  context.fillStyle = colors.playhead;
  context.fillRect(full.toX(scene.frame) - 0.75, 0, 1.5, OVERVIEW.height);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {StripColors} colors
 * @param {ShotState} state
 * @param {number} x
 * @param {number} width
 */
function paintOverviewState(context, colors, state, x, width) {
  const height = OVERVIEW.statesEnd - OVERVIEW.states;
  context.fillStyle = colors.block;
  context.fillRect(x, OVERVIEW.states, width, height);
  context.fillStyle = colors.fill;
  if (state === "approved") context.fillRect(x, OVERVIEW.states, width, height);
  if (state === "changed") context.fillRect(x, OVERVIEW.states + height / 2, width, height / 2);
  if (state === "gray") context.fillRect(x, OVERVIEW.states + height / 2 - 1, width, 2);
}
