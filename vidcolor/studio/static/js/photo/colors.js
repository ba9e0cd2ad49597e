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
  names ??= new Map(NAMED_COLORS.map((name) => [parseColor(name) ?? "", name]));
  return names.get(color) ?? color;
}
