/**
 * Colours of lines, and how a series gets one. Distances between all pairs and contrast to the ground were computed for
 * normal sight and the three kinds of colour blindness; pictures made by the server use the light set.
 */
export const LINES = {
  light: ["#0072B2", "#D55E00", "#00785A", "#B0307A", "#7A5C00", "#5A3FD0", "#2B2B2B", "#0E8FA8"],
  dark: ["#56B4E9", "#F28E2B", "#35C79A", "#E78AC3", "#F0E442", "#A99CFF", "#E6E6E6", "#FF6F61"],
};

/** What canvases draw beside lines; the same values as in css/base.css. */
export const GROUND = {
  light: { ground: "#FFFFFF", text: "#1A1D21", quiet: "#5A6470", grid: "#E6E9ED", axis: "#B8C0C8", link: "#0B5CAD", bad: "#B42318", warn: "#8A5A00", good: "#0B6E4F", faint: "#C3CAD1", mark: "#5A3FD0" },
  dark: { ground: "#14171A", text: "#E8EAED", quiet: "#9AA4AF", grid: "#23282D", axis: "#4A535C", link: "#7CB8FF", bad: "#FF8A80", warn: "#FFC86B", good: "#57D9A3", faint: "#3F474F", mark: "#A99CFF" },
};

/** Dashes from the ninth line on: none, long, short. */
const DASHES = [undefined, [6, 3], [2, 2]];
/** How many lines have a look of their own; further ones are thin and grey until they are pointed at. */
export const LOOKS = LINES.light.length * DASHES.length;

/** FNV-1a, for a colour that stays. */
function hash(text) {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return value;
}

/**
 * Gives each key (a text that names a series) a look: `[{ color: 0…7, dash, faint }]`. A single series and the first of a
 * few get colours in order; with a set of series the hash decides, and who comes second to a taken look takes the next one
 * free, so that a series keeps its colour while the set stays the same, in whatever order they come. Keys with a lower
 * weight (a number for each key) choose first. The colour `kept` is for something else: no key with a look of its own has it.
 */
export function looks(keys, weights = [], kept = -1) {
  const out = new Array(keys.length);
  const taken = new Set();
  const order = keys.map((key, at) => at);
  if (keys.length > 1) order.sort((a, b) => (weights[a] ?? 0) - (weights[b] ?? 0) || (keys[a] < keys[b] ? -1 : keys[a] > keys[b] ? 1 : a - b));
  const colors = LINES.light.length;
  const free = kept < 0 ? colors : colors - 1;
  for (const at of order) {
    if (taken.size >= free * DASHES.length) {
      out[at] = { color: taken.size % colors, dash: undefined, faint: true };
      continue;
    }
    // All colours of one dash before the next dash.
    const row = Math.floor(taken.size / free);
    let color = keys.length <= 2 ? taken.size : hash(keys[at]) % colors;
    while (color === kept || taken.has(row * colors + color)) color = (color + 1) % colors;
    taken.add(row * colors + color);
    out[at] = { color, dash: DASHES[row], faint: false };
  }
  return out;
}

// ------------------------------------------------------------------ heat maps

/** From little to much, as in the pictures of `/q`; readable on both grounds, and without telling colours apart. */
const SHADES = { light: ["#e3eef9", "#8fbfe3", "#3c8bc4", "#0b5594", "#06264a"], dark: ["#1c2b3a", "#1f5280", "#2e86c1", "#7cc0ee", "#eaf6ff"] };

/** The colour of a share from 0 to 1. */
export function shade(theme, share) {
  const shades = SHADES[theme];
  const at = Math.max(0, Math.min(1, share)) * (shades.length - 1);
  const [a, b] = [shades[Math.floor(at)], shades[Math.ceil(at)]].map((hex) => [1, 3, 5].map((n) => parseInt(hex.slice(n, n + 2), 16)));
  return `rgb(${a.map((part, n) => Math.round(part + (b[n] - part) * (at % 1))).join(" ")})`;
}
