// @ts-check
/** Names of colors, and what people type for a color. */

/** CSS names that people use, by hue; the server knows all of them. */
export const NAMED_COLORS = [
  "black", "dimgray", "gray", "silver", "gainsboro", "white", "ivory", "linen",
  "maroon", "darkred", "firebrick", "crimson", "red", "tomato", "indianred", "rosybrown",
  "salmon", "lightsalmon", "coral", "orangered", "darkorange", "orange", "peachpuff", "bisque",
  "saddlebrown", "sienna", "chocolate", "peru", "sandybrown", "burlywood", "tan", "wheat",
  "darkgoldenrod", "goldenrod", "gold", "khaki", "darkkhaki", "yellow", "beige", "cornsilk",
  "darkolivegreen", "olive", "olivedrab", "yellowgreen", "forestgreen", "green", "darkgreen",
  "seagreen", "mediumseagreen", "darkseagreen", "palegreen", "lime", "teal", "darkcyan",
  "cadetblue", "lightseagreen", "turquoise", "paleturquoise", "powderblue", "lightblue",
  "skyblue", "steelblue", "cornflowerblue", "royalblue", "blue", "mediumblue", "navy",
  "midnightblue", "slategray", "lightsteelblue", "lavender", "slateblue", "indigo", "purple",
  "darkmagenta", "orchid", "plum", "thistle", "palevioletred", "hotpink", "pink", "mistyrose",
];

/** Weight of lightness against hue and chroma: likely colors of a place differ little in it. */
const LIGHTNESS_WEIGHT = 0.7;
/** Chroma (CIELAB) below which a color is called gray. */
const GRAY_CHROMA = 10;

/** @type {CanvasRenderingContext2D | null} */
let parser = null;

/**
 * Return a color as `#rrggbb`, or null if the text is not a color.
 * @param {string} text `#rgb`, `#rrggbb`, `rrggbb` or a CSS name
 */
export function parseColor(text) {
  let name = text.trim().toLowerCase();
  if (/^([0-9a-f]{3}|[0-9a-f]{6})$/.test(name)) name = `#${name}`;
  if (!/^#([0-9a-f]{3}|[0-9a-f]{6})$/.test(name) && !/^[a-z]+$/.test(name)) return null;
  if (["transparent", "currentcolor", "inherit"].includes(name)) return null;
  if (!CSS.supports("color", name)) return null;
  parser ??= document.createElement("canvas").getContext("2d");
  if (!parser) return null;
  parser.fillStyle = name;
  const { fillStyle } = parser;
  return typeof fillStyle === "string" && /^#[0-9a-f]{6}$/.test(fillStyle) ? fillStyle : null;
}

/** @type {Map<string, string> | null} */
let names = null;

/**
 * Return the name of a color, or the color itself.
 * @param {string} color `#rrggbb`
 */
export function nameColor(color) {
  return listNames().get(color) ?? color;
}

function listNames() {
  names ??= new Map(NAMED_COLORS.map((name) => [parseColor(name) ?? "", name]));
  return names;
}

/** @typedef {{l: number, a: number, b: number, isGray: boolean}} Lab */
/** @type {{name: string, lab: Lab}[] | null} */
let table = null;

/**
 * Return the name of a color; if it has none, the nearest name with the color behind it.
 * @param {string} color `#rrggbb`
 */
export function nameNearestColor(color) {
  const exact = nameColor(color);
  if (exact !== color) return exact;
  const { l, a, b, isGray } = convertToLab(color);
  table ??= [...listNames()].map(([known, name]) => ({ name, lab: convertToLab(known) }));
  let nearest = { name: "", distance: Infinity };
  for (const { name, lab } of table) {
    const distance = Math.hypot(LIGHTNESS_WEIGHT * (l - lab.l), a - lab.a, b - lab.b);
    if (lab.isGray === isGray && distance < nearest.distance) nearest = { name, distance };
  }
  return `${nearest.name} ${color}`;
}

/**
 * Return L*, a*, b* (CIELAB, D65) of a color.
 * @param {string} color `#rrggbb`
 * @returns {Lab}
 */
function convertToLab(color) {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((start) => {
    const value = Number.parseInt(color.slice(start, start + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  // Rows of the matrix from linear sRGB to XYZ, each divided by the white point.
  const [x = 0, y = 0, z = 0] = [
    0.43395 * red + 0.37622 * green + 0.18983 * blue,
    0.21267 * red + 0.71515 * green + 0.07218 * blue,
    0.01776 * red + 0.10947 * green + 0.87277 * blue,
  ].map((value) => (value > 216 / 24389 ? Math.cbrt(value) : ((24389 / 27) * value + 16) / 116));
  const a = 500 * (x - y);
  const b = 200 * (y - z);
  return { l: 116 * y - 16, a, b, isGray: Math.hypot(a, b) < GRAY_CHROMA };
}
