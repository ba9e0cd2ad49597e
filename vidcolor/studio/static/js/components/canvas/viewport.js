// @ts-check
/**
 * The mapping between a picture and the box that shows it.
 *
 * All lengths are device pixels, so that 1:1 is one picture pixel on one device pixel at every
 * browser zoom. The picture's corner is on whole device pixels, so that 1:1 is not resampled.
 */

/** Device pixels per picture pixel at the greatest zoom. */
const MAX_SCALE = 16;
/** Small pictures are enlarged to fit up to this number of CSS pixels per picture pixel. */
const MAX_FIT = 4;

export class Viewport {
  /** Size of the box, in device pixels. */
  boxWidth = 1;
  boxHeight = 1;
  /** Device pixels per CSS pixel. */
  ratio = 1;
  /** Free space around a picture that is fitted, in CSS pixels. */
  margin = 16;
  /** Size of the picture, in displayed (square) pixels; 0 when there is none. */
  pictureWidth = 0;
  pictureHeight = 0;
  /** Device pixels per picture pixel. */
  scale = 1;
  /** Position of the picture's left top corner in the box, in device pixels. */
  left = 0;
  top = 0;
  /** Whether the picture stays fitted when the box changes. */
  isFitted = true;

  /**
   * @param {number} width device pixels
   * @param {number} height device pixels
   * @param {number} ratio device pixels per CSS pixel
   */
  setBox(width, height, ratio) {
    const centerX = (this.boxWidth / 2 - this.left) / this.scale;
    const centerY = (this.boxHeight / 2 - this.top) / this.scale;
    const zoom = ratio / this.ratio;
    this.boxWidth = Math.max(width, 1);
    this.boxHeight = Math.max(height, 1);
    this.ratio = ratio;
    if (this.isFitted) {
      this.fit();
      return;
    }
    // 1:1 stays 1:1 when the browser zoom changes; other scales keep their size in CSS pixels.
    if (this.scale !== 1) this.scale *= zoom;
    this.left = this.boxWidth / 2 - centerX * this.scale;
    this.top = this.boxHeight / 2 - centerY * this.scale;
    this.settle();
  }

  /**
   * @param {number} width
   * @param {number} height
   */
  setPicture(width, height) {
    if (width === this.pictureWidth && height === this.pictureHeight) return;
    this.pictureWidth = width;
    this.pictureHeight = height;
    this.fit();
  }

  /** Scale at which the whole picture is visible. */
  get fitScale() {
    if (!this.pictureWidth || !this.pictureHeight) return 1;
    const margin = 2 * this.margin * this.ratio;
    const scale = Math.min(
      Math.max(this.boxWidth - margin, 1) / this.pictureWidth,
      Math.max(this.boxHeight - margin, 1) / this.pictureHeight,
    );
    return Math.min(scale, MAX_FIT * this.ratio);
  }

  fit() {
    this.isFitted = true;
    this.scale = this.fitScale;
    this.settle();
  }

  /**
   * Change the scale, and keep the place at a point of the box.
   * @param {number} scale device pixels per picture pixel
   * @param {number} [atX] device pixels in the box
   * @param {number} [atY] device pixels in the box
   */
  zoom(scale, atX = this.boxWidth / 2, atY = this.boxHeight / 2) {
    const fit = this.fitScale;
    const bounded = Math.min(Math.max(scale, Math.min(fit, 1)), Math.max(MAX_SCALE, fit));
    if (bounded <= fit && scale < this.scale) {
      this.fit();
      return;
    }
    const pictureX = (atX - this.left) / this.scale;
    const pictureY = (atY - this.top) / this.scale;
    this.isFitted = false;
    this.scale = bounded;
    this.left = atX - pictureX * bounded;
    this.top = atY - pictureY * bounded;
    this.settle();
  }

  /**
   * @param {number} dx device pixels
   * @param {number} dy device pixels
   */
  pan(dx, dy) {
    this.left += dx;
    this.top += dy;
    this.settle();
  }

  /** Whether a part of the picture lies outside the box. */
  get isCropped() {
    return (
      this.pictureWidth * this.scale > this.boxWidth + 1 ||
      this.pictureHeight * this.scale > this.boxHeight + 1
    );
  }

  /** Keep the picture in the box, on whole device pixels. */
  settle() {
    this.left = settleAxis(this.left, this.pictureWidth * this.scale, this.boxWidth);
    this.top = settleAxis(this.top, this.pictureHeight * this.scale, this.boxHeight);
  }

  /**
   * @param {number} x fraction of the picture's width
   * @param {number} y fraction of the picture's height
   * @returns {[number, number]} device pixels in the box
   */
  toBox(x, y) {
    return [
      this.left + x * this.pictureWidth * this.scale,
      this.top + y * this.pictureHeight * this.scale,
    ];
  }

  /**
   * @param {number} boxX device pixels in the box
   * @param {number} boxY device pixels in the box
   * @returns {[number, number]} fractions of the picture; outside [0, 1] outside the picture
   */
  toPicture(boxX, boxY) {
    return [
      (boxX - this.left) / (this.pictureWidth * this.scale || 1),
      (boxY - this.top) / (this.pictureHeight * this.scale || 1),
    ];
  }

  /** The visible part of the picture, in device pixels of the box. */
  get visible() {
    const left = Math.max(this.left, 0);
    const top = Math.max(this.top, 0);
    const right = Math.min(this.left + this.pictureWidth * this.scale, this.boxWidth);
    const bottom = Math.min(this.top + this.pictureHeight * this.scale, this.boxHeight);
    return { left, top, width: Math.max(right - left, 0), height: Math.max(bottom - top, 0) };
  }
}

/**
 * @param {number} position
 * @param {number} length
 * @param {number} box
 */
function settleAxis(position, length, box) {
  if (length <= box) return Math.round((box - length) / 2);
  return Math.round(Math.min(Math.max(position, box - length), 0));
}
