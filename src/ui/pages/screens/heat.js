/**
 * Heat maps: a row a series, how many series have which value, or the ranges of histograms over time. Loaded with the first
 * panel that shows one.
 */
import { alignLists, forPlot, heatOf, rangeOf } from "../../lib/align.js";
import { Chart } from "../../lib/chart.js";
import { fill, h } from "../../lib/dom.js";
import { short } from "../../lib/format.js";
import { GROUND, shade } from "../../lib/palette.js";
import { format, ticks, tickTexts } from "../../lib/time.js";
import { printer } from "./kinds.js";
import { CROSSHAIR } from "./lines.js";
import { reduce } from "./model.js";

/** Rows up to which each series has its own; more are counted by value. */
const HEAT_ROWS_MAX = 60;

export function heat(box, common) {
  const { series, names, panel, range, zone, theme } = common;
  if (series.some(({ ranges }) => ranges)) return histogram(box, common);
  const canvas = h("canvas", { role: "img" });
  const tip = h("div.heat-tip", { hidden: true });
  const frame = h("div.heat.fill", canvas, tip);
  fill(box, frame);
  const print = printer(panel);
  const grid = cellsOf(series, names, range);
  const describe = `Heat map of ${series.length} series, ${print(grid.low)} to ${print(grid.high)}.`;
  canvas.setAttribute("aria-label", describe);
  let place = null;
  const draw = () => { place = paint(canvas, frame, grid, { range, zone, theme, print }); };
  const observer = new ResizeObserver(draw);
  observer.observe(frame);
  const point = (event) => {
    const at = canvas.getBoundingClientRect();
    const found = place?.cell(event.clientX - at.left, event.clientY - at.top);
    tip.hidden = !found;
    if (!found) return;
    fill(tip, h("div.quiet", format(found.time, zone, "second")), h("div", h("span.name", found.row), " ", h("b", grid.counts ? `${found.value} series` : print(found.value))));
    const left = Math.min(event.clientX - at.left + 12, at.width - tip.offsetWidth - 4);
    tip.style.left = `${Math.max(0, left)}px`;
    tip.style.top = `${Math.max(0, Math.min(event.clientY - at.top + 14, at.height - tip.offsetHeight - 4))}px`;
  };
  frame.addEventListener("pointermove", point);
  frame.addEventListener("pointerleave", () => { tip.hidden = true; });
  return { destroy() { observer.disconnect(); }, describe };
}

/** Counts of histograms by range, with other series of the panel (percentiles) as lines over them. */
function histogram(box, { series, names, looks, panel, range, zone, theme, title, host }) {
  const frame = h("div.lines-plot");
  fill(box, h("div.lines.fill", frame));
  const { times, columns } = alignLists(series);
  const found = series.map((one) => (one.ranges ? rangeOf(one.metric) : null));
  const rows = series.map((_, at) => at).filter((at) => found[at] && found[at].low !== null);
  const lines = series.map((_, at) => at).filter((at) => !found[at]);
  const map = heatOf(times, rows.map((at) => [found[at].low, found[at].high]), rows.map((at) => columns[at]));
  const print = printer(panel);
  const chart = new Chart(frame, {
    zone, theme, sync: CROSSHAIR, status: host.ctx.status, onzoom: (from, to) => host.zoom(from, to), onback: () => host.ctx.back(), onevent: (event) => host.event(event),
  });
  const describe = map ? `Heat map of ${rows.length} ranges of histograms, highest count ${short(map.most)}.` : "Nothing was counted.";
  chart.set({
    heat: map, times, columns: lines.map((at) => forPlot(columns[at])), range, label: title, description: describe,
    lines: lines.map((at) => ({ key: names[at], name: names[at], ...looks[at], right: series[at].axis === "right" })),
    left: { log: Boolean(panel.left.log), min: panel.left.min ?? null, max: panel.left.max ?? null, label: panel.left.label || "", format: panel.left.unit || panel.decimals !== null ? print : undefined },
  });
  return { destroy: () => chart.destroy(), describe };
}

/** Cells: a row a series, or a row a range of values with the count of series in it. */
function cellsOf(series, names, { from, to }) {
  const low = Math.min(...series.map((one) => reduce(one.values, "min") ?? Infinity));
  const high = Math.max(...series.map((one) => reduce(one.values, "max") ?? -Infinity));
  const step = Math.max(1000, Math.min(...series.filter((one) => one.times.length > 1).map(({ times }) => (times[times.length - 1] - times[0]) / (times.length - 1)), to - from));
  const columns = Math.max(1, Math.min(400, Math.round((to - from) / step)));
  const column = (time) => Math.min(columns - 1, Math.max(0, Math.floor(((time - from) / (to - from)) * columns)));
  const counts = series.length > HEAT_ROWS_MAX;
  const rows = counts ? 20 : series.length;
  const cells = Array.from({ length: rows }, () => new Array(columns).fill(null));
  const order = counts ? [] : series.map((_, at) => at).sort((a, b) => names[a].localeCompare(names[b], undefined, { numeric: true }));
  const width = (high - low) / rows || 1;
  for (const [row, at] of (counts ? series.map((_, n) => [null, n]) : order.map((n, r) => [r, n]))) {
    const { times, values } = series[at];
    values.forEach((one, n) => {
      if (one === null || times[n] < from || times[n] > to) return;
      const first = column(times[n]);
      const own = counts ? rows - 1 - Math.min(rows - 1, Math.floor((one - low) / width)) : row;
      // Points that come a little late leave no hole: the one before them lasts until then.
      const last = times[n + 1] - times[n] < 2.5 * step && values[n + 1] !== null ? Math.max(first, column(times[n + 1]) - 1) : first;
      for (let place = first; place <= last; place++) cells[own][place] = counts ? (cells[own][place] ?? 0) + 1 : one;
    });
  }
  const texts = counts ? cells.map((_, row) => `${short(high - (row + 1) * width)} – ${short(high - row * width)}`) : order.map((at) => names[at]);
  const all = counts ? cells.flat().filter((one) => one !== null) : [low, high];
  return { cells, columns, rows, texts, counts, low: counts ? 0 : low, high: Math.max(...all) };
}

function paint(canvas, frame, grid, { range, zone, theme, print }) {
  const { clientWidth: width, clientHeight: height } = frame;
  if (width < 40 || height < 40) return null;
  const scale = devicePixelRatio || 1;
  canvas.width = width * scale;
  canvas.height = height * scale;
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const c = canvas.getContext("2d");
  c.scale(scale, scale);
  c.font = "11px system-ui, sans-serif";
  const ground = GROUND[theme];
  const [bottom, right] = [18, 58];
  const tall = (height - bottom) / grid.rows;
  const every = Math.ceil(13 / tall);
  const left = Math.min(width * 0.35, Math.max(...grid.texts.map((one) => c.measureText(one.slice(0, 40)).width)) + 8);
  const [wide, deep] = [width - left - right, height - bottom];
  const cut = (words) => { let out = words; while (out.length > 1 && c.measureText(`${out}…`).width > left - 6) out = out.slice(0, -1); return out === words ? out : `${out}…`; };
  c.textBaseline = "middle";
  c.textAlign = "right";
  c.fillStyle = ground.quiet;
  grid.texts.forEach((one, row) => { if (row % every === 0) c.fillText(cut(one), left - 5, (row + 0.5) * tall); });
  const share = (one) => (grid.high > grid.low ? (one - grid.low) / (grid.high - grid.low) : 0.5);
  grid.cells.forEach((cells, row) => cells.forEach((one, at) => {
    if (one === null) return;
    const x = left + Math.floor((at / grid.columns) * wide);
    c.fillStyle = shade(theme, share(one));
    c.fillRect(x, Math.floor(row * tall), left + Math.floor(((at + 1) / grid.columns) * wide) - x, Math.floor((row + 1) * tall) - Math.floor(row * tall) - (tall > 8 ? 1 : 0));
  }));
  const marks = ticks(range.from, range.to, zone, Math.max(2, wide / 90));
  const texts = tickTexts(marks, zone);
  c.textAlign = "center";
  c.fillStyle = ground.quiet;
  marks.at.forEach((ms, n) => c.fillText(texts[n][0], left + ((ms - range.from) / (range.to - range.from)) * wide, height - 8));
  for (let y = 0; y < deep; y++) {
    c.fillStyle = shade(theme, 1 - y / deep);
    c.fillRect(width - right + 8, y, 8, 1);
  }
  c.fillStyle = ground.quiet;
  c.textAlign = "left";
  c.fillText(print(grid.high), width - right + 20, 7);
  c.fillText(print(grid.low), width - right + 20, deep - 7);
  return {
    cell(x, y) {
      if (x < left || x > left + wide || y > deep) return null;
      const [row, at] = [Math.min(grid.rows - 1, Math.floor(y / tall)), Math.min(grid.columns - 1, Math.floor(((x - left) / wide) * grid.columns))];
      const found = grid.cells[row][at];
      return found === null ? null : { value: found, row: grid.texts[row], time: range.from + ((at + 0.5) / grid.columns) * (range.to - range.from) };
    },
  };
}
