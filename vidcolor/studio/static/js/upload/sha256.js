// @ts-check
/** SHA-256 of data that comes in parts, which `crypto.subtle` cannot do. */

const BLOCK = 64;

/** The fractional parts of the cube roots of the first 64 primes. */
const K = new Int32Array(64);
/** The fractional parts of the square roots of the first 8 primes. */
const START = new Int32Array(8);
for (let candidate = 2, found = 0; found < 64; candidate += 1) {
  let isPrime = true;
  for (let factor = 2; factor * factor <= candidate; factor += 1) {
    if (candidate % factor === 0) isPrime = false;
  }
  if (!isPrime) continue;
  if (found < 8) START[found] = fraction(Math.sqrt(candidate));
  K[found] = fraction(Math.cbrt(candidate));
  found += 1;
}

/** @param {number} value */
function fraction(value) {
  return ((value - Math.floor(value)) * 2 ** 32) | 0;
}

export class Sha256 {
  #state = START.slice();
  #block = new Uint8Array(BLOCK);
  #filled = 0;
  #length = 0;
  #words = new Int32Array(64);

  /** @param {Uint8Array} data */
  update(data) {
    this.#length += data.length;
    let position = 0;
    if (this.#filled) {
      position = Math.min(BLOCK - this.#filled, data.length);
      this.#block.set(data.subarray(0, position), this.#filled);
      this.#filled += position;
      if (this.#filled < BLOCK) return;
      this.#compress(this.#block, 0);
      this.#filled = 0;
    }
    for (; position + BLOCK <= data.length; position += BLOCK) this.#compress(data, position);
    this.#block.set(data.subarray(position));
    this.#filled = data.length - position;
  }

  /** Return the digest in hex. No data may follow. */
  finish() {
    const bits = this.#length * 8;
    const padding = new Uint8Array((this.#filled < 56 ? BLOCK : 2 * BLOCK) - this.#filled);
    padding[0] = 0x80;
    const view = new DataView(padding.buffer);
    view.setUint32(padding.length - 8, Math.floor(bits / 2 ** 32));
    view.setUint32(padding.length - 4, bits >>> 0);
    this.update(padding);
    return [...this.#state]
      .map((word) => (word >>> 0).toString(16).padStart(8, "0"))
      .join("");
  }

  /**
   * @param {Uint8Array} data
   * @param {number} offset of a block of 64 bytes
   */
  #compress(data, offset) {
    const w = this.#words;
    for (let i = 0, at = offset; i < 16; i += 1, at += 4) {
      w[i] = (data[at] << 24) | (data[at + 1] << 16) | (data[at + 2] << 8) | data[at + 3];
    }
    for (let i = 16; i < 64; i += 1) {
      const x = w[i - 15];
      const y = w[i - 2];
      const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
      const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
      w[i] = (w[i - 16] + s0 + w[i - 7] + s1) | 0;
    }
    const state = this.#state;
    let a = state[0];
    let b = state[1];
    let c = state[2];
    let d = state[3];
    let e = state[4];
    let f = state[5];
    let g = state[6];
    let h = state[7];
    for (let i = 0; i < 64; i += 1) {
      const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
      const t1 = (h + s1 + ((e & f) ^ (~e & g)) + K[i] + w[i]) | 0;
      const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
      const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      h = g;
      g = f;
      f = e;
      e = (d + t1) | 0;
      d = c;
      c = b;
      b = a;
      a = (t1 + t2) | 0;
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
    state[5] += f;
    state[6] += g;
    state[7] += h;
  }
}
