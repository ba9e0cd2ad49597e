// @ts-check
/** Painting of a picture, its comparison with the original, and marks on it. */

/** @typedef {import("./viewport.js").Viewport} Viewport */
/** @typedef {import("./still-loader.js").Still} Still */

/** Device pixels per picture pixel from which pixels are drawn as squares. */
const SQUARES = 4;
/** Opacity of the picture before, while the next one is loaded. */
const OLD_ALPHA = 0.35;
/** Opacity of the confidence map over the picture. */
const OVERLAY_ALPHA = 0.75;

/**
 * @typedef {object} Scene
 * @property {Still | undefined} color color at view size
 * @property {Still | undefined} sharpColor color at the resolution of the display
 * @property {Still | undefined} gray
 * @property {Still | undefined} sharpGray
 * @property {Still | undefined} confidence
 * @property {Still | undefined} old still of the picture before, until one of this picture is there
 * @property {string} key picture that should be shown
 * @property {string | null} lumaKey
 * @property {"after" | "before" | "wipe"} compare
 * @property {number} wipe device pixels of the box at which the color starts
 * @property {number} colorAlpha opacity of the color while it fades in, 0-1
 */

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Viewport} viewport
 * @param {Scene} scene
 */
export function paintPicture(context, viewport, scene) {
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, viewport.boxWidth, viewport.boxHeight);
  const area = viewport.visible;
  if (!area.width || !area.height) return;
  if (scene.old) {
    context.globalAlpha = OLD_ALPHA;
    draw(context, viewport, scene.old);
    context.globalAlpha = 1;
    return;
  }
  if (scene.compare === "before") {
    paintGray(context, viewport, scene);
    return;
  }
  const right = area.left + area.width;
  const split = scene.compare === "wipe" ? Math.min(Math.max(scene.wipe, area.left), right) : 0;
  if (scene.compare === "wipe") {
    clipTo(context, area.left, area.top, split - area.left, area.height, () =>
      paintGray(context, viewport, scene),
    );
    clipTo(context, split, area.top, right - split, area.height, () =>
      paintColor(context, viewport, scene),
    );
    return;
  }
  paintColor(context, viewport, scene);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Viewport} viewport
 * @param {Scene} scene
 */
function paintGray(context, viewport, scene) {
  const sharp = hasLuma(scene.sharpGray, scene) ? scene.sharpGray : undefined;
  const still = sharp ?? scene.gray;
  if (still) draw(context, viewport, still);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Viewport} viewport
 * @param {Scene} scene
 */
function paintColor(context, viewport, scene) {
  const { color, sharpColor } = scene;
  if (sharpColor && sharpColor.key === scene.key) {
    draw(context, viewport, sharpColor);
  } else if (color) {
    if (scene.colorAlpha < 1) paintGray(context, viewport, scene);
    context.globalAlpha = scene.colorAlpha;
    const detail = [sharpColor, scene.sharpGray].find((still) => hasLuma(still, scene));
    if (detail && hasLuma(color, scene)) {
      // Details come from the sharp picture of an earlier color, hue and chroma from this one.
      draw(context, viewport, detail);
      context.globalCompositeOperation = "color";
      draw(context, viewport, color);
      context.globalCompositeOperation = "source-over";
    } else {
      draw(context, viewport, color);
    }
    context.globalAlpha = 1;
  } else if (sharpColor && hasLuma(sharpColor, scene)) {
    draw(context, viewport, sharpColor);
  } else {
    paintGray(context, viewport, scene);
  }
  if (scene.confidence) {
    context.globalAlpha = OVERLAY_ALPHA;
    draw(context, viewport, scene.confidence);
    context.globalAlpha = 1;
  }
}

/**
 * @param {Still | undefined} still
 * @param {Scene} scene
 */
function hasLuma(still, scene) {
  return Boolean(still && scene.lumaKey !== null && still.lumaKey === scene.lumaKey);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Viewport} viewport
 * @param {Still} still
 */
function draw(context, viewport, still) {
  const width = viewport.pictureWidth * viewport.scale;
  const height = viewport.pictureHeight * viewport.scale;
  const isFull = still.bitmap.width >= viewport.pictureWidth;
  context.imageSmoothingEnabled = !(isFull && viewport.scale >= SQUARES);
  context.imageSmoothingQuality = "high";
  context.drawImage(still.bitmap, viewport.left, viewport.top, width, height);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {number} x
 * @param {number} y
 * @param {number} width
 * @param {number} height
 * @param {() => void} paint
 */
function clipTo(context, x, y, width, height, paint) {
  if (width <= 0) return;
  context.save();
  context.beginPath();
  context.rect(x, y, width, height);
  context.clip();
  paint();
  context.restore();
}

/**
 * @typedef {object} Marks
 * @property {number[][][]} outline polygons of [x, y] fractions
 * @property {{x: number, y: number}[]} stroke path of the protect brush
 * @property {number} brush radius of the brush, in device pixels
 * @property {{x: number, y: number} | null} cross place of the keyboard pointer
 */

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Viewport} viewport
 * @param {Marks} marks
 */
export function paintMarks(context, viewport, marks) {
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, viewport.boxWidth, viewport.boxHeight);
  paintOutline(context, viewport, marks.outline);
  paintStroke(context, viewport, marks.stroke, marks.brush);
  if (marks.cross) paintCross(context, viewport, marks.cross);
}

/**
 * Draw the outline of a region, in two tones that are visible on every picture.
 * @param {CanvasRenderingContext2D} context
 * @param {Viewport} viewport
 * @param {number[][][]} outline polygons of [x, y] fractions
 */
function paintOutline(context, viewport, outline) {
  if (!outline.length) return;
  const path = new Path2D();
  for (const polygon of outline) {
    polygon.forEach(([x = 0, y = 0], index) => {
      const [left, top] = viewport.toBox(x, y);
      if (index) path.lineTo(left, top);
      else path.moveTo(left, top);
    });
    path.closePath();
  }
  context.lineJoin = "round";
  context.setLineDash([]);
  context.strokeStyle = "rgb(0 0 0 / 65%)";
  context.lineWidth = 3 * viewport.ratio;
  context.stroke(path);
  context.strokeStyle = "rgb(255 255 255 / 95%)";
  context.lineWidth = 1.25 * viewport.ratio;
  context.stroke(path);
}

/**
 * Draw the discs of a stroke of the protect brush.
 * @param {CanvasRenderingContext2D} context
 * @param {Viewport} viewport
 * @param {{x: number, y: number}[]} points
 * @param {number} radius device pixels
 */
function paintStroke(context, viewport, points, radius) {
  if (!points.length) return;
  const path = new Path2D();
  points.forEach(({ x, y }, index) => {
    const [left, top] = viewport.toBox(x, y);
    if (index) path.lineTo(left, top);
    else path.moveTo(left, top);
  });
  const [first] = points;
  if (points.length === 1 && first) path.lineTo(...viewport.toBox(first.x, first.y));
  context.lineCap = "round";
  context.lineJoin = "round";
  context.strokeStyle = "rgb(255 255 255 / 35%)";
  context.lineWidth = 2 * radius;
  context.stroke(path);
}

/**
 * Draw the cross of the keyboard pointer.
 * @param {CanvasRenderingContext2D} context
 * @param {Viewport} viewport
 * @param {{x: number, y: number}} place
 */
function paintCross(context, viewport, place) {
  const [left, top] = viewport.toBox(place.x, place.y);
  const arm = 14 * viewport.ratio;
  const gap = 4 * viewport.ratio;
  const path = new Path2D();
  for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
    path.moveTo(left + (dx ?? 0) * gap, top + (dy ?? 0) * gap);
    path.lineTo(left + (dx ?? 0) * arm, top + (dy ?? 0) * arm);
  }
  context.lineCap = "butt";
  context.strokeStyle = "rgb(0 0 0 / 75%)";
  context.lineWidth = 4 * viewport.ratio;
  context.stroke(path);
  context.strokeStyle = "rgb(255 255 255)";
  context.lineWidth = 2 * viewport.ratio;
  context.stroke(path);
}
