/**
 * How a chart is drawn: from its columns and options (see chart.js) to what uPlot is given, and what lies below and above its lines.
 * Everything here is of one chart, which each function gets; what pointers, keys and hands do is elsewhere.
 */
import uPlot from "../../vendor/uplot/uPlot.esm.js";
import { bridged, isValue, lonePoints, stack } from "../align.js";
import { value as exact, short } from "../format.js";
import { GROUND, LINES, shade } from "../palette.js";
import { tickTexts, ticks } from "../time.js";

/** How far, in px, the nearest point of a line may be to the side of the pointer. */
const REACH = 40;
/** How far a mark of an event may be. */
const EVENT_REACH = 5;
const FONT = '12px system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif';
/** Of that, about: digits and letters of dates. */
const LETTER_WIDTH = 6.8;

// ------------------------------------------------------------------ columns

/** Columns as drawn: summed up where lines are stacked, without what a log axis cannot show. */
export function prepare(chart) {
  const out = chart.columns.map((raw, i) => {
    const column = chart.options.normal ? inShare(raw) : raw;
    const side = chart.lines[i]?.right ? chart.options.right : chart.options.left;
    return side.log ? positive(chart, column) : column;
  });
  for (const side of [false, true]) {
    const stacked = chart.lines.map((line, i) => i).filter((i) => chart.lines[i].type === "stacked" && !chart.lines[i].hidden && Boolean(chart.lines[i].right) === side);
    let below = null;
    for (const i of stacked) {
      out[i] = below ? stack(out[i], below) : bridged(out[i]);
      below = out[i];
    }
  }
  chart.lone = out.map(lonePoints);
  return out;
}

function positive(chart, column) {
  let clean = column;
  for (let i = 0; i < column.length; i++) {
    if (column[i] === null || column[i] === undefined || column[i] > 0) continue;
    if (clean === column) clean = Array.from(column);
    clean[i] = null;
    chart.skipped++;
  }
  return clean;
}

/** A column between its lowest value, 0, and its highest, 100; one that is the same everywhere lies in the middle. */
function inShare(column) {
  let low = Infinity;
  let high = -Infinity;
  for (const value of column) {
    if (!isValue(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return column.map((value) => (isValue(value) ? (high > low ? (100 * (value - low)) / (high - low) : 50) : value));
}

/** Columns of the envelopes: high and low of each. */
function edges(chart) {
  return chart.options.envelopes.flatMap(({ line, high, low }) => {
    const side = chart.lines[line].right ? chart.options.right : chart.options.left;
    return side.log ? [high, low].map((column) => column.length && Array.from(column, (value) => (value > 0 ? value : null))) : [high, low];
  });
}

/** What uPlot gets. Without a line there is no y scale to draw: one that has no points stands in. */
function plotted(chart) {
  return [chart.times, ...(chart.drawn.length ? chart.drawn : [new Array(chart.times.length).fill(null)]), ...edges(chart)];
}

// ------------------------------------------------------------------ uPlot

/** What makes uPlot's parts: a change of it means new ones. */
export function signatureOf(chart) {
  const { theme, zone, left, right, compact, timeless, heat, envelopes } = chart.options;
  const axis = ({ log, label }) => [Boolean(log), label ?? ""];
  return JSON.stringify([theme, zone, axis(left), axis(right), Boolean(compact), Boolean(timeless), Boolean(heat), envelopes.map(({ line }) => line), chart.lines.map(({ color, dash, faint, bold, right: side, type, past, hidden }) => [color, dash, faint, bold, side, type, past, type === "stacked" && hidden])]);
}

/** The same parts with other points. */
export function adapt(chart) {
  chart.u.batch(() => {
    chart.lines.forEach(({ hidden }, i) => { if (chart.u.series[i + 1].show === Boolean(hidden)) chart.u.setSeries(i + 1, { show: !hidden }, false); });
    chart.options.envelopes.forEach(({ line }, i) => {
      for (const at of [0, 1]) {
        const place = chart.lines.length + 1 + 2 * i + at;
        if (chart.u.series[place].show === Boolean(chart.lines[line].hidden)) chart.u.setSeries(place, { show: !chart.lines[line].hidden }, false);
      }
    });
    chart.u.setData(plotted(chart), true);
  });
}

/** Makes uPlot's parts anew. */
export function make(chart) {
  const { theme, compact, timeless, left, right } = chart.options;
  const colors = GROUND[theme];
  chart.u?.destroy();
  chart.widths = {};
  const usesRight = chart.lines.some((line) => line.right);
  // Limits and formats of an axis are those of the moment: they change without new parts.
  const scale = (name) => ({ auto: true, distr: chart.options[name].log ? 3 : 1, log: 10, range: (u, min, max) => yRange(chart, chart.options[name], min, max) });
  const grid = { stroke: colors.grid, width: 1 };
  const yAxis = (name, side, extra) => ({
    scale: extra.scale, side: extra.side, stroke: colors.quiet, font: FONT, gap: 5, grid: extra.grid, ticks: { show: false },
    space: compact ? 26 : 34,
    size: (u, values) => besides(chart, name, axisWidth(u, values, compact)),
    values: (u, splits) => yTexts(chart.options[name], splits),
    ...(side.label ? { label: side.label, labelSize: 20, labelFont: FONT, labelGap: 2 } : {}),
  });
  const series = chart.lines.map((line, i) => seriesOf(chart, line, i, colors));
  const bands = bandsOf(chart);
  chart.options.envelopes.forEach(({ line }, i) => {
    const { hidden, right: side } = chart.lines[line];
    const edge = { scale: side ? "y2" : "y", show: !hidden, width: 0, stroke: "transparent", points: { show: false }, spanGaps: false };
    series.push({ ...edge }, { ...edge });
    const at = chart.lines.length + 1 + 2 * i;
    bands.push({ series: [at, at + 1], fill: `${chart.colorOf(chart.lines[line])}2b` });
  });
  const options = {
    width: Math.max(60, chart.box.clientWidth), height: Math.max(60, chart.box.clientHeight), ms: 1, pxAlign: 1,
    padding: [compact ? 6 : 10, usesRight ? 0 : () => besides(chart, "right", compact ? 14 : 20), 0, 0],
    legend: { show: false },
    cursor: { x: true, y: false, points: { show: false }, drag: { x: Boolean(chart.options.onzoom), y: false, setScale: false, dist: 4 }, bind: { dblclick: () => null } },
    scales: { x: { time: true, range: () => [chart.range.from, chart.range.to] }, y: scale("left"), y2: scale("right") },
    axes: [
      { stroke: colors.quiet, font: FONT, gap: 4, size: timeless ? 8 : compact ? 40 : 42, grid, ticks: { stroke: colors.axis, width: 1, size: 4 },
        splits: (u, axis, min, max) => (chart.xTicks = ticks(min, max, chart.options.zone, Math.max(2, Math.floor(u.bbox.width / devicePixelRatio / (compact ? 80 : 92))))).at,
        values: (u, splits) => timeless ? splits.map(() => "") : tickTexts(chart.xTicks, chart.options.zone).map(([first, second], at) => (second && hasRoom(u, splits[at], second) ? `${first}\n${second}` : first)) },
      yAxis("left", left, { scale: "y", side: 3, grid }),
      ...(usesRight ? [yAxis("right", right, { scale: "y2", side: 1, grid: { show: false } })] : []),
    ],
    series: [{}, ...series],
    bands,
    hooks: {
      setSelect: [(u) => chart.onSelect(u)],
      setCursor: [(u) => chart.onMove(u)],
      drawClear: [(u) => drawBelow(chart, u)],
      draw: [(u) => drawAbove(chart, u), () => tellPile(chart)],
    },
  };
  if (!chart.drawn.length) options.series.push({ scale: "y", paths: () => null, points: { show: false } });
  chart.u = new uPlot(options, plotted(chart), chart.plot);
  chart.u.over.append(chart.dot);
  chart.size();
}

function seriesOf(chart, line, i, colors) {
  const { theme } = chart.options;
  const stroke = line.faint ? colors.faint : LINES[theme][line.color % LINES[theme].length];
  const type = line.type ?? "line";
  const dots = { points: 5, circles: 6, dots: 2.5 }[type];
  const out = {
    scale: line.right ? "y2" : "y", show: !line.hidden, stroke, width: dots ? 0 : line.faint ? 1 : line.bold ? 3 : 1.5, dash: line.past ? [4, 4] : line.dash, spanGaps: false, alpha: line.past ? 0.65 : 1,
    points: {
      show: dots ? true : type === "linespoint" ? (u, si, i0, i1) => (i1 - i0) * 7 < u.bbox.width / devicePixelRatio : undefined,
      size: dots ?? 4.5, width: type === "circles" ? 1.2 : 0, stroke, fill: type === "circles" ? "transparent" : stroke,
      filter: (u, si, show) => (show ? null : chart.lone[i]),
    },
  };
  if (dots) out.paths = () => null;
  else if (type === "steps") out.paths = uPlot.paths.stepped({ align: 1 });
  else if (type === "smooth") out.paths = uPlot.paths.spline();
  if (type === "area" || type === "stacked") out.fill = `${stroke}${type === "area" ? "2e" : "99"}`;
  return out;
}

/** Between a stacked line and the one below it. */
function bandsOf(chart) {
  const out = [];
  for (const side of [false, true]) {
    let below = null;
    chart.lines.forEach((line, i) => {
      if (line.type !== "stacked" || Boolean(line.right) !== side || line.hidden) return;
      if (below !== null) out.push({ series: [i + 1, below + 1] });
      below = i;
    });
  }
  return out;
}

function yRange(chart, side, min, max) {
  const { heat } = chart.options;
  if (heat && side === chart.options.left) {
    const high = Math.max(heat.buckets[heat.buckets.length - 1][1], max ?? -Infinity);
    const low = Math.min(heat.buckets[0][0], min ?? Infinity);
    // On a logarithmic axis a range that begins at 0 begins a decade below its end.
    const least = side.log && low <= 0 ? (heat.buckets.find(([, end]) => end > 0)?.[1] ?? 1) / 10 : low;
    const [from, to] = [side.min ?? least, side.max ?? Math.max(high, least * 1.01)];
    return from < to ? [from, to] : [least, high];
  }
  if (side.log) {
    const low = side.min > 0 ? side.min : min > 0 ? min : 1;
    const high = side.max > 0 ? side.max : max > 0 ? max : 10;
    const [from, to] = uPlot.rangeLog(low, Math.max(high, low * 1.0001), 10, false);
    return [side.min > 0 ? side.min : from, side.max > 0 ? side.max : to];
  }
  let [low, high] = min === null || max === null || min === undefined ? [0, 10] : [min, max];
  const width = high - low || Math.abs(high) * 0.1 || 1;
  // Zero is shown when it is near: the eye compares heights.
  const fromZero = low >= 0 && (low <= 0.5 * high || chart.lines.some(({ type }) => type === "area" || type === "stacked"));
  const toZero = high <= 0 && high >= 0.5 * low;
  low = fromZero ? 0 : low - width * 0.06;
  high = toZero ? 0 : high + width * 0.06;
  if (low === high) high = low + 1;
  low = side.min ?? low;
  high = side.max ?? high;
  return low < high ? [low, high] : [low, low + 1];
}

/** Whether a text below a time ends before the picture does: half of one says the wrong day. */
function hasRoom(u, time, text) {
  const middle = u.bbox.left / devicePixelRatio + u.valToPos(time, "x");
  return middle + (text.length * LETTER_WIDTH) / 2 <= u.width;
}

function yTexts(side, splits) {
  if (side.format) return splits.map((one) => (one === null ? "" : side.format(one)));
  const steps = splits.filter((one) => one !== null);
  // As many digits as neighbours need to differ.
  for (let digits = 3; digits <= 9; digits++) {
    const out = splits.map((one) => (one === null ? "" : short(one, digits)));
    if (new Set(out.filter(Boolean)).size >= new Set(steps).size) return out;
  }
  return splits.map((one) => (one === null ? "" : String(one)));
}

/** Width of a y axis for its texts. */
function axisWidth(u, values, compact) {
  const least = compact ? 34 : 46;
  if (!values) return least;
  u.ctx.save();
  u.ctx.font = FONT;
  const widest = Math.max(0, ...values.map((one) => u.ctx.measureText(one ?? "").width));
  u.ctx.restore();
  // In steps, so that the picture does not move by single pixels from reload to reload.
  return Math.max(least, Math.ceil((widest + 14) / 8) * 8);
}

/** The room at a side: what the chart itself needs, or more where one of its pile needs more. */
function besides(chart, side, own) {
  chart.widths[side] = own;
  return Math.max(own, ...(chart.options.pile ?? []).map((other) => other.widths?.[side] ?? 0));
}

/** After a chart was drawn: the others of its pile follow if it needs other room than before. */
function tellPile(chart) {
  const now = `${chart.widths.left} ${chart.widths.right}`;
  if (now === chart.told) return;
  chart.told = now;
  for (const other of chart.options.pile ?? []) if (other !== chart) other.u?.redraw(false, true);
}

// ------------------------------------------------------------------ canvas

function drawBelow(chart, u) {
  const { ctx, bbox } = u;
  const colors = GROUND[chart.options.theme];
  const x = (ms) => Math.round(u.valToPos(ms, "x", true));
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  for (const { from, to, kind = "mark" } of chart.options.spans) {
    ctx.fillStyle = `${colors[kind] ?? colors.mark}22`;
    ctx.fillRect(x(from), bbox.top, Math.max(1, x(to) - x(from)), bbox.height);
  }
  for (const { min, max, kind = "bad" } of chart.options.thresholds) {
    const top = max === null || max === undefined ? bbox.top : u.valToPos(max, "y", true);
    const bottom = min === null || min === undefined ? bbox.top + bbox.height : u.valToPos(min, "y", true);
    ctx.fillStyle = `${colors[kind] ?? colors.bad}1c`;
    ctx.fillRect(bbox.left, top, bbox.width, bottom - top);
    ctx.fillStyle = colors[kind] ?? colors.bad;
    const edge = Math.round(min === null || min === undefined ? top : bottom);
    ctx.fillRect(bbox.left, edge, bbox.width, 1);
  }
  if (chart.options.heat) drawHeat(chart, u);
  ctx.restore();
}

function drawHeat(chart, u) {
  const { ctx } = u;
  const { times, step, buckets, counts, most } = chart.options.heat;
  const least = u.scales.y.min;
  for (let j = 0; j < buckets.length; j++) {
    const top = Math.floor(u.valToPos(buckets[j][1], "y", true));
    const height = Math.max(1, Math.floor(u.valToPos(Math.max(buckets[j][0], least), "y", true)) - top);
    for (let i = 0; i < times.length; i++) {
      const n = counts[j][i];
      if (!(n > 0)) continue;
      const left = Math.floor(u.valToPos(times[i], "x", true));
      // The square root, as in the pictures of `/q`: small counts are seen beside large ones.
      ctx.fillStyle = shade(chart.options.theme, Math.sqrt(n / most));
      ctx.fillRect(left, top, Math.max(1, Math.floor(u.valToPos(times[i] + step, "x", true)) - left), height);
    }
  }
}

function drawAbove(chart, u) {
  const { ctx, bbox } = u;
  const colors = GROUND[chart.options.theme];
  const ratio = devicePixelRatio || 1;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top - 10 * ratio, bbox.width, bbox.height + 10 * ratio);
  ctx.clip();
  for (const event of chart.options.events) {
    const x = Math.round(u.valToPos(event.time, "x", true)) + 0.5;
    if (event.end > event.time) {
      ctx.fillStyle = `${colors.mark}1c`;
      ctx.fillRect(x, bbox.top, Math.max(1, u.valToPos(event.end, "x", true) - x), bbox.height);
    }
    ctx.strokeStyle = colors.mark;
    ctx.lineWidth = ratio;
    ctx.setLineDash([3 * ratio, 3 * ratio]);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.setLineDash([]);
    // A flag that points down; hollow for marks of all series.
    ctx.beginPath();
    ctx.moveTo(x - 5 * ratio, bbox.top - 8 * ratio);
    ctx.lineTo(x + 5 * ratio, bbox.top - 8 * ratio);
    ctx.lineTo(x, bbox.top);
    ctx.closePath();
    ctx.fillStyle = event.global ? colors.ground : colors.mark;
    ctx.fill();
    ctx.stroke();
  }
  chart.parts.pins?.draw(chart, ctx);
  ctx.restore();
  chart.lit = null;
  light(chart, chart.hovered?.line ?? null);
}

/** Draws one line stronger, on a canvas of its own: the others need not be drawn again. */
export function light(chart, line) {
  if (line === chart.lit) return;
  chart.lit = line;
  const ctx = chart.overlay.getContext("2d");
  ctx.clearRect(0, 0, chart.overlay.width, chart.overlay.height);
  const path = line === null ? null : chart.u.series[line + 1]?._paths?.stroke;
  if (!path || chart.lines.length < 2 && !chart.lines[0]?.faint) return;
  const { bbox } = chart.u;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.lineJoin = "round";
  ctx.strokeStyle = GROUND[chart.options.theme].ground;
  ctx.lineWidth = 5 * devicePixelRatio;
  ctx.stroke(path);
  ctx.strokeStyle = chart.colorOf(chart.lines[line]);
  ctx.lineWidth = 2.5 * devicePixelRatio;
  ctx.setLineDash(chart.lines[line].dash ?? []);
  ctx.stroke(path);
  ctx.restore();
}

// ------------------------------------------------------------------ what lies where

/** The point of a visible line that is nearest to a place: `{ line, at, left, top }`. */
export function nearest(chart, left, top) {
  const { u } = chart;
  if (!chart.times.length || !chart.drawn.length) return null;
  const middle = u.posToIdx(left);
  let best = null;
  let least = Infinity;
  for (let line = 0; line < chart.lines.length; line++) {
    if (chart.lines[line].hidden) continue;
    const at = near(chart, chart.drawn[line], middle, left);
    if (at < 0) continue;
    const x = u.valToPos(chart.times[at], "x");
    const y = u.valToPos(chart.drawn[line][at], chart.lines[line].right ? "y2" : "y");
    const distance = Math.abs(y - top) + Math.abs(x - left) * 0.3;
    if (distance < least) {
      least = distance;
      best = { line, at, left: x, top: y };
    }
  }
  return best;
}

/** The place of the nearest point of a column within reach, or -1. */
function near(chart, column, middle, left) {
  if (isValue(column[middle])) return middle;
  const { u, times } = chart;
  const here = u.posToVal(left, "x");
  const reach = (REACH * (chart.range.to - chart.range.from)) / (u.over.clientWidth || 1);
  for (let step = 1; step < times.length; step++) {
    const before = middle - step;
    const after = middle + step;
    const beforeNear = before >= 0 && here - times[before] < reach;
    const afterNear = after < times.length && times[after] - here < reach;
    if (afterNear && isValue(column[after])) return after;
    if (beforeNear && isValue(column[before])) return before;
    if (!beforeNear && !afterNear) return -1;
  }
  return -1;
}

/** The cell of the heat map at a place, as a read-out. */
export function heatAt(chart, left, top) {
  const { times, step, buckets, counts } = chart.options.heat;
  const ms = chart.u.posToVal(left, "x");
  const level = chart.u.posToVal(top, "y");
  const at = times.findLastIndex((time) => time <= ms && ms < time + step);
  const bucket = buckets.findIndex(([low, high]) => low <= level && level < high);
  return at < 0 || bucket < 0 ? null : { heat: true, time: times[at], name: `${exact(buckets[bucket][0])} – ${exact(buckets[bucket][1])}`, value: counts[bucket][at] ?? 0, left, top };
}

/** The event whose mark is at a place, or null. */
export function eventAt(chart, left) {
  return chart.options.events.find(({ time }) => Math.abs(chart.u.valToPos(time, "x") - left) <= EVENT_REACH) ?? null;
}
