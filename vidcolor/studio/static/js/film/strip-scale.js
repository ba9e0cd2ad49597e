// @ts-check
/**
 * The part of a film that a strip shows, and how frames map to its pixels.
 */

/** Frames that fill the strip at the highest zoom. */
const MIN_SPAN = 24;

/** A window on the frames of a film. Instances are immutable. */
export class StripScale {
  /**
   * @param {number} numFrames frames of the film
   * @param {number} width width of the strip, in CSS pixels
   * @param {number} [start] first visible frame, fractional
   * @param {number} [span] visible frames, fractional
   */
  constructor(numFrames, width, start = 0, span = numFrames) {
    this.numFrames = Math.max(1, numFrames);
    this.width = Math.max(1, width);
    this.span = Math.min(this.numFrames, Math.max(Math.min(MIN_SPAN, this.numFrames), span));
    this.start = Math.min(this.numFrames - this.span, Math.max(0, start));
  }

  /** @returns {number} frame after the last visible one, fractional */
  get end() {
    return this.start + this.span;
  }

  /** @returns {number} pixels of a frame */
  get pixelsPerFrame() {
    return this.width / this.span;
  }

  /**
   * @param {number} frame
   * @returns {number} left edge of a frame, in pixels from the left edge of the strip
   */
  toX(frame) {
    return (frame - this.start) * this.pixelsPerFrame;
  }

  /**
   * @param {number} x
   * @returns {number} the frame at a pixel, inside the film
   */
  toFrame(x) {
    const frame = Math.floor(this.start + x / this.pixelsPerFrame);
    return Math.min(this.numFrames - 1, Math.max(0, frame));
  }

  /**
   * @param {number} x
   * @returns {number} the boundary between frames that is nearest to a pixel
   */
  toBoundary(x) {
    return Math.round(this.start + x / this.pixelsPerFrame);
  }

  /**
   * Return the scale with another zoom, such that the frame at a pixel stays there.
   *
   * @param {number} factor more than 1 shows fewer frames
   * @param {number} [x]
   * @returns {StripScale}
   */
  zoom(factor, x = this.width / 2) {
    const span = Math.min(this.numFrames, Math.max(MIN_SPAN, this.span / factor));
    const anchor = this.start + x / this.pixelsPerFrame;
    return this.with(anchor - (x / this.width) * span, span);
  }

  /**
   * @param {number} pixels positive moves to later frames
   * @returns {StripScale}
   */
  scroll(pixels) {
    return this.with(this.start + pixels / this.pixelsPerFrame, this.span);
  }

  /**
   * @param {number} start
   * @param {number} span
   * @returns {StripScale}
   */
  with(start, span) {
    return new StripScale(this.numFrames, this.width, start, span);
  }

  /**
   * @param {number} width
   * @returns {StripScale}
   */
  resize(width) {
    return new StripScale(this.numFrames, width, this.start, this.span);
  }

  /**
   * Return the nearest scale that shows a run of frames with some frames around it.
   *
   * @param {number} first
   * @param {number} end
   * @returns {StripScale} this scale when they are visible already
   */
  reveal(first, end) {
    const margin = Math.min(this.span * 0.08, (this.span - Math.min(this.span, end - first)) / 2);
    if (end - first >= this.span) {
      return first >= this.start && first < this.end - this.span * 0.1
        ? this
        : this.with(first - margin, this.span);
    }
    if (first - margin < this.start) return this.with(first - margin, this.span);
    if (end + margin > this.end) return this.with(end + margin - this.span, this.span);
    return this;
  }
}

/**
 * Return the distance of ticks, in frames, so that labels have room.
 *
 * @param {StripScale} scale
 * @param {number} fps
 * @param {number} [room] least distance, in pixels
 * @returns {number}
 */
export function chooseTickStep(scale, fps, room = 96) {
  const seconds = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200];
  const steps = [1, 2, 5, 10, ...seconds.map((value) => value * fps)].sort((a, b) => a - b);
  const least = room / scale.pixelsPerFrame;
  return steps.find((step) => step >= least) ?? 7200 * fps;
}

/**
 * Return the boundary near a pixel.
 *
 * @param {readonly {first: number}[]} shots
 * @param {StripScale} scale
 * @param {number} x
 * @param {number} [distance] greatest distance, in pixels
 * @returns {number} index of the shot that starts there; -1 for none. Blocks that are too narrow
 *   to be clicked beside their boundary have none.
 */
export function findBoundary(shots, scale, x, distance = 4) {
  let best = -1;
  let least = distance;
  for (let index = 1; index < shots.length; index += 1) {
    const first = /** @type {{first: number}} */ (shots[index]).first;
    const gap = Math.abs(scale.toX(first) - x);
    if (gap > least) continue;
    const next = shots[index + 1]?.first ?? scale.numFrames;
    const previous = /** @type {{first: number}} */ (shots[index - 1]).first;
    const room = Math.min(next - first, first - previous) * scale.pixelsPerFrame;
    if (room < 3 * distance) continue;
    best = index;
    least = gap;
  }
  return best;
}
