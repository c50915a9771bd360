/** A sheet to draw a shape on, and small lines of values without times. */
import { fill, h } from "../../lib/dom.js";

/** Size of the sheet, and of small lines, in its own units. */
const SHEET = { width: 300, height: 100 };
/** Values that a drawing is read as: as many as an hour has minutes. */
const VALUES = 60;
const SVG = "http://www.w3.org/2000/svg";

function drawn(label) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${SHEET.width} ${SHEET.height}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", label);
  svg.setAttribute("class", "similar-line");
  const path = document.createElementNS(SVG, "path");
  svg.append(path);
  return { svg, path };
}

/** Values as a line that fills its box. */
export function sparkline(values, label) {
  const { svg, path } = drawn(label);
  const known = values.filter(Number.isFinite);
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const y = (value) => SHEET.height - 4 - ((value - low) / (high - low || 1)) * (SHEET.height - 8);
  const step = SHEET.width / Math.max(1, values.length - 1);
  path.setAttribute("d", values.map((value, at) => (Number.isFinite(value) ? `${at ? "L" : "M"}${(at * step).toFixed(1)} ${y(value).toFixed(1)}` : "")).join("").replace(/^L/, "M"));
  return svg;
}

/** The column heights of a drawing as `VALUES` whole numbers from 0 to 100; columns between are on the line between. */
export function read(columns) {
  const marks = [...columns].sort((a, b) => a[0] - b[0]);
  if (marks.length < 2) return [];
  const out = [];
  const [first, last] = [marks[0][0], marks[marks.length - 1][0]];
  let at = 0;
  for (let i = 0; i < VALUES; i++) {
    const x = first + ((last - first) * i) / (VALUES - 1);
    while (at < marks.length - 2 && marks[at + 1][0] < x) at++;
    const [x0, y0] = marks[at];
    const [x1, y1] = marks[at + 1];
    const part = x1 > x0 ? Math.min(1, Math.max(0, (x - x0) / (x1 - x0))) : 0;
    out.push(Math.round(100 * (1 - (y0 + (y1 - y0) * part) / SHEET.height)));
  }
  return out;
}

/** A sheet; `done(values)` is called when a line was drawn. With the keyboard a shape is typed as numbers. */
export function sketch(done) {
  const { svg, path } = drawn("A sheet to draw a shape on");
  svg.setAttribute("class", "similar-sheet");
  const columns = new Map();
  let pressed = false;
  const point = (event) => {
    const box = svg.getBoundingClientRect();
    const x = Math.round(((event.clientX - box.left) / box.width) * SHEET.width);
    const y = ((event.clientY - box.top) / box.height) * SHEET.height;
    if (x >= 0 && x <= SHEET.width) columns.set(x, Math.min(SHEET.height, Math.max(0, y)));
    const line = [...columns].sort((a, b) => a[0] - b[0]);
    path.setAttribute("d", line.map(([left, top], at) => `${at ? "L" : "M"}${left} ${top.toFixed(1)}`).join(""));
  };
  svg.addEventListener("pointerdown", (event) => { pressed = true; columns.clear(); svg.setPointerCapture(event.pointerId); point(event); });
  svg.addEventListener("pointermove", (event) => { if (pressed) point(event); });
  svg.addEventListener("pointerup", () => {
    pressed = false;
    const values = read(columns);
    if (values.length) done(values);
  });
  const typed = h("input", { type: "text", "aria-label": "The shape as numbers", placeholder: "or numbers: 1,2,5,2,1", onchange: () => {
    const values = typed.value.split(/[,\s]+/).filter(Boolean).map(Number);
    if (values.length > 1 && values.every(Number.isFinite)) done(values);
    else fill(hint, h("span.bad", "At least two numbers, with commas between."));
  } });
  const hint = h("span.hint", "Draw a shape with the pointer.");
  return { element: h("div.similar-pen", svg, typed, hint) };
}
