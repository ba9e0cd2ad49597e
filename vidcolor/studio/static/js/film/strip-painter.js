// @ts-check
/**
 * Drawing of the shot strip on its canvas.
 *
 * A glyph marks the state of a shot; in narrow blocks, it is how far the block is filled.
 */

import { chooseTickStep } from "./strip-scale.js";
import { formatTimecode } from "./timecode.js";

/** @typedef {import("./types.js").Shot} Shot */
/** @typedef {import("./types.js").ShotState} ShotState */
/** @typedef {import("./tracks.js").Reach} Reach */
/** @typedef {import("./strip-scale.js").StripScale} StripScale */
/** @typedef {import("./timecode.js").TimecodeScale} TimecodeScale */

/** Vertical positions in the strip, in CSS pixels. */
export const ROWS = Object.freeze({
  ruler: 18,
  blocks: 22,
  blocksEnd: 74,
  hints: 78,
  hintsEnd: 86,
  reach: 92,
  height: 100,
});

/** Widths of blocks from which more is drawn. */
const GLYPH_WIDTH = 16;
const NUMBER_WIDTH = 38;
const THUMB_WIDTH = 56;

/**
 * Colors of the strip, from the custom properties of its style sheet.
 *
 * @typedef {object} StripColors
 * @property {string} block
 * @property {string} edge
 * @property {string} text
 * @property {string} quiet
 * @property {string} current
 * @property {string} playhead
 * @property {string} fill
 * @property {string} window
 */

/**
 * Read the colors of an element.
 *
 * @param {Element} element
 * @returns {StripColors}
 */
export function readColors(element) {
  const style = getComputedStyle(element);
  const get = (/** @type {string} */ name) => style.getPropertyValue(`--strip-${name}`).trim();
  return {
    block: get("block"),
    edge: get("edge"),
    text: get("text"),
    quiet: get("quiet"),
    current: get("current"),
    playhead: get("playhead"),
    fill: get("fill"),
    window: get("window"),
  };
}

/**
 * What the strip shows.
 *
 * @typedef {object} StripScene
 * @property {readonly Shot[]} shots
 * @property {number} current index of the current shot
 * @property {number} frame current frame
 * @property {number} hover frame under the pointer; -1 for none
 * @property {number | null} selected number of the selected hint
 * @property {readonly Reach[]} reach runs of frames of the selected hint
 * @property {number} boundary index of the shot whose boundary is pointed at; -1 for none
 * @property {TimecodeScale} timecode
 * @property {(shot: Shot) => ImageBitmap | null} thumb
 */

/**
 * @param {CanvasRenderingContext2D} context in CSS pixels
 * @param {StripScale} scale
 * @param {StripScene} scene
 * @param {StripColors} colors
 * @param {string} font family of fonts
 */
export function paintStrip(context, scale, scene, colors, font) {
  context.clearRect(0, 0, scale.width, ROWS.height);
  paintRuler(context, scale, scene, colors, font);
  scene.shots.forEach((shot, index) => {
    if (shot.end <= scale.start || shot.first >= scale.end) return;
    paintBlock(context, scale, scene, colors, font, shot, index);
    paintHints(context, scale, scene, colors, shot);
  });
  paintReach(context, scale, scene, colors);
  paintBoundary(context, scale, scene, colors);
  paintPlayhead(context, scale, scene, colors);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {StripScale} scale
 * @param {StripScene} scene
 * @param {StripColors} colors
 * @param {string} font
 */
function paintRuler(context, scale, scene, colors, font) {
  const step = chooseTickStep(scale, scene.timecode.fps);
  context.font = `11px ${font}`;
  context.textBaseline = "middle";
  context.textAlign = "left";
  for (let n = Math.floor(scale.start / step) * step; n < scale.end; n += step) {
    const x = Math.round(scale.toX(n));
    context.fillStyle = colors.edge;
    context.fillRect(x, 4, 1, ROWS.ruler - 4);
    context.fillStyle = colors.quiet;
    context.fillText(formatTimecode(n, scene.timecode), x + 6, 9);
  }
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {StripScale} scale
 * @param {StripScene} scene
 * @param {StripColors} colors
 * @param {string} font
 * @param {Shot} shot
 * @param {number} index
 */
function paintBlock(context, scale, scene, colors, font, shot, index) {
  const left = scale.toX(shot.first);
  const right = scale.toX(shot.end);
  const gap = right - left > 4 ? 1 : right - left > 2 ? 0.5 : 0;
  const width = Math.max(0.75, right - left - gap);
  const height = ROWS.blocksEnd - ROWS.blocks;
  context.fillStyle = colors.block;
  context.fillRect(left, ROWS.blocks, width, height);
  if (width < GLYPH_WIDTH) {
    paintNarrowState(context, colors, shot.state, left, width);
  } else {
    const bitmap = width >= THUMB_WIDTH ? scene.thumb(shot) : null;
    paintWide(context, scale, colors, font, shot, left, width, bitmap);
  }
  if (shot.mixed_frames) {
    paintDissolve(context, colors, left, scale.toX(shot.first + shot.mixed_frames) - left);
  }
  if (index === scene.current) {
    context.strokeStyle = colors.current;
    context.lineWidth = 2;
    context.strokeRect(left + 1, ROWS.blocks + 1, Math.max(1, width - 2), height - 2);
  }
}

/**
 * Draw the label of a block: glyph, number and note, beside its still.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {StripScale} scale
 * @param {StripColors} colors
 * @param {string} font
 * @param {Shot} shot
 * @param {number} left
 * @param {number} width
 * @param {ImageBitmap | null} bitmap
 */
function paintWide(context, scale, colors, font, shot, left, width, bitmap) {
  const top = ROWS.blocks;
  const height = ROWS.blocksEnd - top;
  context.save();
  context.beginPath();
  context.rect(left, top, width, height);
  context.clip();
  const labelHeight = 17;
  if (bitmap) {
    const stillHeight = height - labelHeight;
    const stillWidth = (bitmap.width / bitmap.height) * stillHeight;
    // Stills repeat like frames of a film, from the visible start of the block.
    const from = left + Math.max(0, Math.floor(-left / (stillWidth + 1))) * (stillWidth + 1);
    for (let x = from; x < Math.min(left + width, scale.width); x += stillWidth + 1) {
      context.drawImage(bitmap, x, top, stillWidth, stillHeight);
    }
  }
  const labelY = ROWS.blocksEnd - labelHeight / 2;
  // The label of a block that starts before the window stays in sight.
  const x = Math.min(Math.max(left, 0), left + width - GLYPH_WIDTH) + 8;
  paintGlyph(context, shot.state, x + 1, labelY, 4, colors.text);
  if (width >= NUMBER_WIDTH) {
    context.font = `11px ${font}`;
    context.textBaseline = "middle";
    context.fillStyle = colors.text;
    const mark = shot.note || shot.evidence ? " ✎" : "";
    context.fillText(`${shot.number}${mark}`, x + 10, labelY + 0.5);
  }
  context.restore();
}

/**
 * Draw the state in a block that has no room for a glyph.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {StripColors} colors
 * @param {ShotState} state
 * @param {number} left
 * @param {number} width
 */
function paintNarrowState(context, colors, state, left, width) {
  const height = ROWS.blocksEnd - ROWS.blocks;
  context.fillStyle = colors.fill;
  if (state === "approved") context.fillRect(left, ROWS.blocks, width, height);
  if (state === "changed") context.fillRect(left, ROWS.blocks + height / 2, width, height / 2);
  if (state === "gray") context.fillRect(left, ROWS.blocks + height / 2 - 2, width, 4);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {StripColors} colors
 * @param {number} left
 * @param {number} width
 */
function paintDissolve(context, colors, left, width) {
  if (width < 2) return;
  context.strokeStyle = colors.edge;
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(left, ROWS.blocksEnd);
  context.lineTo(left + width, ROWS.blocks);
  context.stroke();
}

/**
 * Draw the glyph of a state as a shape, which is sharper than a character of this size.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {ShotState} state
 * @param {number} x center
 * @param {number} y center
 * @param {number} radius
 * @param {string} color
 */
export function paintGlyph(context, state, x, y, radius, color) {
  context.strokeStyle = color;
  context.fillStyle = color;
  context.lineWidth = 1.4;
  context.beginPath();
  if (state === "gray") {
    const arm = radius * 0.8;
    context.moveTo(x - arm, y - arm);
    context.lineTo(x + arm, y + arm);
    context.moveTo(x + arm, y - arm);
    context.lineTo(x - arm, y + arm);
    context.stroke();
    return;
  }
  context.arc(x, y, radius, 0, 2 * Math.PI);
  if (state === "approved") context.fill();
  context.stroke();
  if (state === "changed") {
    context.beginPath();
    context.arc(x, y, radius, Math.PI / 2, -Math.PI / 2);
    context.fill();
  }
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {StripScale} scale
 * @param {StripScene} scene
 * @param {StripColors} colors
 * @param {Shot} shot
 */
function paintHints(context, scale, scene, colors, shot) {
  for (const hint of shot.hints) {
    const x = scale.toX(hint.frame + 0.5);
    const isSelected = hint.id === scene.selected;
    const width = isSelected ? 4 : 2;
    const isColor = hint.color.startsWith("#");
    context.fillStyle = isColor ? hint.color : colors.quiet;
    context.fillRect(x - width / 2, ROWS.hints, width, ROWS.hintsEnd - ROWS.hints);
    if (isSelected) {
      context.strokeStyle = colors.text;
      context.lineWidth = 1;
      context.strokeRect(x - 3.5, ROWS.hints - 1.5, 7, ROWS.hintsEnd - ROWS.hints + 3);
    }
  }
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {StripScale} scale
 * @param {StripScene} scene
 * @param {StripColors} colors
 */
function paintReach(context, scale, scene, colors) {
  context.lineWidth = 2;
  for (const { first, last, found } of scene.reach) {
    context.strokeStyle = found ? colors.text : colors.quiet;
    context.setLineDash(found ? [] : [2, 3]);
    context.beginPath();
    context.moveTo(scale.toX(first), ROWS.reach);
    context.lineTo(Math.max(scale.toX(last + 1), scale.toX(first) + 1), ROWS.reach);
    context.stroke();
  }
  context.setLineDash([]);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {StripScale} scale
 * @param {StripScene} scene
 * @param {StripColors} colors
 */
function paintBoundary(context, scale, scene, colors) {
  const shot = scene.boundary > 0 ? scene.shots[scene.boundary] : undefined;
  if (!shot) return;
  const x = scale.toX(shot.first);
  context.fillStyle = colors.playhead;
  context.fillRect(x - 1.5, ROWS.blocks - 3, 3, ROWS.blocksEnd - ROWS.blocks + 6);
  context.beginPath();
  for (const side of [-1, 1]) {
    context.moveTo(x + side * 4, ROWS.blocks + 20);
    context.lineTo(x + side * 9, ROWS.blocks + 25);
    context.lineTo(x + side * 4, ROWS.blocks + 30);
  }
  context.fill();
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {StripScale} scale
 * @param {StripScene} scene
 * @param {StripColors} colors
 */
function paintPlayhead(context, scale, scene, colors) {
  const x = scale.toX(scene.frame);
  const width = Math.max(1.5, scale.pixelsPerFrame);
  if (width > 4) {
    context.globalAlpha = 0.25;
    context.fillStyle = colors.playhead;
    context.fillRect(x, ROWS.ruler, width, ROWS.height - ROWS.ruler);
    context.globalAlpha = 1;
  }
  context.fillStyle = colors.playhead;
  context.fillRect(x - 0.75, 12, 1.5, ROWS.height - 12);
  context.beginPath();
  context.moveTo(x - 5, 8);
  context.lineTo(x + 5, 8);
  context.lineTo(x, 15);
  context.fill();
  if (scene.hover >= 0 && scene.boundary < 0) {
    context.globalAlpha = 0.5;
    context.fillRect(scale.toX(scene.hover), ROWS.ruler, 1, ROWS.height - ROWS.ruler);
    context.globalAlpha = 1;
  }
}
