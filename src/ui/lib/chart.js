/**
 * A chart over time: uPlot with everything that it leaves to its users: ticks in a zone, stacking, lone points, the
 * nearest line under the pointer, read-outs that stay, zoom and the way back, keys, touch, marks of events, heat maps.
 *
 * ```js
 * const chart = new Chart(box, { zone: "Europe/Berlin", theme: "light", onzoom(from, to) {}, onback() {}, status(text) {} });
 * chart.set({ ...await data.align(slots), lines, range: { from, to } });
 * ```
 *
 * `box` is an element with a size of its own; the chart follows it. Instants are ms.
 *
 * `lines[i]` belongs to `columns[i]`: `{ key, name, color: 0…7, dash, faint, right, hidden, type }`. `key` names the series
 * (read-outs follow it from answer to answer); `type` is `line`, `area`, `stacked`, `steps`, `points`, `circles`, `dots`,
 * `smooth` or `linespoint`. Looks come from `looks()` of `palette.js`.
 *
 * | option of `new Chart` and `set` | meaning |
 * | --- | --- |
 * | `zone`, `theme` | zone of ticks and read-outs; `light` or `dark` |
 * | `left`, `right` | axes: `{ log, min, max, label, format }`; `format` is a function from number to text |
 * | `envelopes` | `[{ line, low, high }]`: columns between which a line's points lay before they were downsampled; shaded |
 * | `events` | `[{ time, end, text, global }]`, drawn as marks; `onevent(event)` when one is clicked |
 * | `spans`, `thresholds` | shaded times `[{ from, to, kind }]`; shaded values `[{ min, max, kind }]`; kind `bad`, `warn`, `mark` |
 * | `heat` | `{ times, step, buckets: [[low, high]…], counts: [column…], most }` (see align.js), under the lines |
 * | `normal` | each line between its lowest (0) and highest value (100): shapes are compared. Read-outs tell values |
 * | `onzoom(from, to)`, `onback()` | a range was chosen; a double click. Without `onzoom` nothing is chosen |
 * | `onspan(from, to)` | a range was chosen with Shift held |
 * | `sync` | charts with the same text share their crosshair |
 * | `label`, `description` | for screen readers |
 * | `status(text)` | tells screen readers where the keyboard's cursor is |
 * | `compact` | small: less room for axes, no keyboard stop |
 * | `empty` | text shown when there is nothing to draw |
 */
import uPlot from "../vendor/uplot/uPlot.esm.js";
import { bridged, isValue, lonePoints, stack } from "./align.js";
import { fill, h, iconButton, text } from "./dom.js";
import { short, value as exact } from "./format.js";
import { GROUND, LINES, shade } from "./palette.js";
import { format, tickTexts, ticks } from "./time.js";

const FONT = '12px system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif';
/** How far, in px, the nearest point of a line may be to the side of the pointer. */
const REACH = 40;
/** How near a line must be, in px, to be pointed at over a heat map. */
const OVER_HEAT = 12;
/** How far a mark of an event may be. */
const EVENT_REACH = 5;
/** How long the pointer rests before its line is drawn stronger, in ms. */
const LIGHT_AFTER = 60;
/** A second click within so long is half of a double click, in ms. */
const DOUBLE_CLICK = 500;
/** Read-outs that stay at once. */
const PINS_MAX = 12;

const groups = new Map();

export class Chart {
  constructor(box, options = {}) {
    this.box = box;
    this.options = { zone: "UTC", theme: "light", left: {}, right: {}, events: [], spans: [], thresholds: [], envelopes: [], ...options };
    this.lines = [];
    this.columns = [];
    this.times = new Float64Array(0);
    this.range = { from: Date.now() - 3600e3, to: Date.now() };
    this.pins = [];
    this.hovered = null;
    this.cursor = null; // of the keyboard: { line, at }
    this.build();
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(box);
    this.join();
  }

  // ---------------------------------------------------------------- parts

  build() {
    const { compact } = this.options;
    this.box.classList.add("chart");
    this.plot = h("div.chart-plot");
    this.overlay = h("canvas.chart-overlay", { "aria-hidden": "true" });
    this.note = h("div.chart-empty");
    this.tip = { value: h("div.tip-value"), span: h("div.tip-time"), name: h("div.tip-name"), time: h("div.tip-time"), event: h("div.tip-event") };
    this.tipBox = h("div.chart-tip", { hidden: true, "aria-hidden": "true" }, this.tip.time, this.tip.value, this.tip.span, this.tip.name, this.tip.event);
    this.dot = h("div.chart-dot", { "aria-hidden": "true" });
    this.about = h("p.unseen");
    this.about.id = `chart-about-${++ids}`;
    fill(this.box, this.plot, this.overlay, this.note, this.tipBox, this.about);
    this.box.setAttribute("role", compact ? "img" : "application");
    if (!compact) {
      this.box.setAttribute("aria-roledescription", "chart");
      this.box.tabIndex = 0;
    }
    this.box.setAttribute("aria-describedby", this.about.id);
    this.listeners = new AbortController();
    const { signal } = this.listeners;
    this.box.addEventListener("keydown", (event) => this.onKey(event), { signal });
    this.box.addEventListener("mousedown", (event) => this.onDown(event), { signal, capture: true });
    this.box.addEventListener("click", (event) => this.onClick(event), { signal });
    this.box.addEventListener("dblclick", (event) => { if (this.u?.over.contains(event.target)) this.options.onback?.(); }, { signal });
    this.box.addEventListener("wheel", (event) => this.onWheel(event), { signal, passive: false });
    for (const kind of ["touchstart", "touchmove", "touchend"]) this.box.addEventListener(kind, (event) => this.onTouch(event), { signal, passive: true });
  }

  /** Takes data, looks or options; what is not named stays. */
  set(changes = {}) {
    // Under a hand that drags, nothing changes: what came meanwhile is shown when it lets go.
    if (this.held) {
      this.waiting = { ...this.waiting, ...changes };
      return;
    }
    const { times, columns, lines, range, ...options } = changes;
    Object.assign(this.options, options);
    if (times) this.times = times;
    if (columns) this.columns = columns;
    if (lines) this.lines = lines;
    if (range) this.range = { ...range };
    this.skipped = 0;
    this.drawn = this.prepare();
    this.box.setAttribute("aria-label", this.options.label ?? "Chart");
    text(this.about, this.options.description ?? "");
    const nothing = !this.options.heat && (this.times.length === 0 || this.lines.every(({ hidden }) => hidden));
    text(this.note, nothing ? this.options.empty ?? "" : "");
    const signature = this.signature();
    if (this.u && signature === this.made) {
      this.u.batch(() => {
        this.lines.forEach(({ hidden }, i) => { if (this.u.series[i + 1].show === Boolean(hidden)) this.u.setSeries(i + 1, { show: !hidden }, false); });
        this.options.envelopes.forEach(({ line }, i) => {
          for (const at of [0, 1]) {
            const place = this.lines.length + 1 + 2 * i + at;
            if (this.u.series[place].show === Boolean(this.lines[line].hidden)) this.u.setSeries(place, { show: !this.lines[line].hidden }, false);
          }
        });
        this.u.setData(this.plotted(), true);
      });
    } else {
      this.make();
      this.made = signature;
    }
    this.hover(null);
    this.placePins();
  }

  /** What makes uPlot's parts: a change of it means new ones. */
  signature() {
    const { theme, zone, left, right, compact, heat, envelopes } = this.options;
    const axis = ({ log, label }) => [Boolean(log), label ?? ""];
    return JSON.stringify([theme, zone, axis(left), axis(right), Boolean(compact), Boolean(heat), envelopes.map(({ line }) => line), this.lines.map(({ color, dash, faint, right: side, type, past, hidden }) => [color, dash, faint, side, type, past, type === "stacked" && hidden])]);
  }

  /** Columns as drawn: summed up where lines are stacked, without what a log axis cannot show. */
  prepare() {
    const out = this.columns.map((raw, i) => {
      const column = this.options.normal ? inShare(raw) : raw;
      const side = this.lines[i]?.right ? this.options.right : this.options.left;
      return side.log ? this.positive(column) : column;
    });
    for (const side of [false, true]) {
      const stacked = this.lines.map((line, i) => i).filter((i) => this.lines[i].type === "stacked" && !this.lines[i].hidden && Boolean(this.lines[i].right) === side);
      let below = null;
      for (const i of stacked) {
        out[i] = below ? stack(out[i], below) : bridged(out[i]);
        below = out[i];
      }
    }
    this.lone = out.map(lonePoints);
    return out;
  }

  /** Columns of the envelopes: high and low of each. */
  edges() {
    return this.options.envelopes.flatMap(({ line, high, low }) => {
      const side = this.lines[line].right ? this.options.right : this.options.left;
      return side.log ? [high, low].map((column) => column.length && Array.from(column, (value) => (value > 0 ? value : null))) : [high, low];
    });
  }

  /** What uPlot gets. Without a line there is no y scale to draw: one that has no points stands in. */
  plotted() {
    return [this.times, ...(this.drawn.length ? this.drawn : [new Array(this.times.length).fill(null)]), ...this.edges()];
  }

  positive(column) {
    let clean = column;
    for (let i = 0; i < column.length; i++) {
      if (column[i] === null || column[i] === undefined || column[i] > 0) continue;
      if (clean === column) clean = Array.from(column);
      clean[i] = null;
      this.skipped++;
    }
    return clean;
  }

  // ---------------------------------------------------------------- uPlot

  make() {
    const { theme, compact, left, right } = this.options;
    const colors = GROUND[theme];
    this.u?.destroy();
    const usesRight = this.lines.some((line) => line.right);
    const scale = (side) => ({ auto: true, distr: side.log ? 3 : 1, log: 10, range: (u, min, max) => this.yRange(side, min, max) });
    const grid = { stroke: colors.grid, width: 1 };
    const yAxis = (side, extra) => ({
      scale: extra.scale, side: extra.side, stroke: colors.quiet, font: FONT, gap: 5, grid: extra.grid, ticks: { show: false },
      space: compact ? 26 : 34,
      size: (u, values) => axisWidth(u, values, compact),
      values: (u, splits) => this.yTexts(side, splits),
      ...(side.label ? { label: side.label, labelSize: 20, labelFont: FONT, labelGap: 2 } : {}),
    });
    const series = this.lines.map((line, i) => this.series(line, i, colors));
    const bands = this.bands();
    this.options.envelopes.forEach(({ line }, i) => {
      const { hidden, right: side } = this.lines[line];
      const edge = { scale: side ? "y2" : "y", show: !hidden, width: 0, stroke: "transparent", points: { show: false }, spanGaps: false };
      series.push({ ...edge }, { ...edge });
      const at = this.lines.length + 1 + 2 * i;
      bands.push({ series: [at, at + 1], fill: `${this.colorOf(this.lines[line])}2b` });
    });
    const options = {
      width: Math.max(60, this.box.clientWidth), height: Math.max(60, this.box.clientHeight), ms: 1, pxAlign: 1,
      padding: [compact ? 6 : 10, usesRight ? 0 : 14, 0, 0],
      legend: { show: false },
      cursor: { x: true, y: false, points: { show: false }, drag: { x: Boolean(this.options.onzoom), y: false, setScale: false, dist: 4 }, bind: { dblclick: () => null } },
      scales: { x: { time: true, range: () => [this.range.from, this.range.to] }, y: scale(left), y2: scale(right) },
      axes: [
        { stroke: colors.quiet, font: FONT, gap: 4, size: compact ? 40 : 42, grid, ticks: { stroke: colors.axis, width: 1, size: 4 },
          splits: (u, axis, min, max) => (this.xTicks = ticks(min, max, this.options.zone, Math.max(2, Math.floor(u.bbox.width / devicePixelRatio / (compact ? 80 : 92))))).at,
          values: () => tickTexts(this.xTicks, this.options.zone).map(([first, second]) => (second ? `${first}\n${second}` : first)) },
        yAxis(left, { scale: "y", side: 3, grid }),
        ...(usesRight ? [yAxis(right, { scale: "y2", side: 1, grid: { show: false } })] : []),
      ],
      series: [{}, ...series],
      bands,
      hooks: {
        setSelect: [(u) => this.onSelect(u)],
        setCursor: [(u) => this.onMove(u)],
        drawClear: [(u) => this.drawBelow(u)],
        draw: [(u) => this.drawAbove(u)],
      },
    };
    if (!this.drawn.length) options.series.push({ scale: "y", paths: () => null, points: { show: false } });
    this.u = new uPlot(options, this.plotted(), this.plot);
    this.u.over.append(this.dot);
    this.size();
  }

  series(line, i, colors) {
    const { theme } = this.options;
    const stroke = line.faint ? colors.faint : LINES[theme][line.color % LINES[theme].length];
    const type = line.type ?? "line";
    const dots = { points: 5, circles: 6, dots: 2.5 }[type];
    const out = {
      scale: line.right ? "y2" : "y", show: !line.hidden, stroke, width: dots ? 0 : line.faint ? 1 : 1.5, dash: line.past ? [4, 4] : line.dash, spanGaps: false, alpha: line.past ? 0.65 : 1,
      points: {
        show: dots ? true : type === "linespoint" ? (u, si, i0, i1) => (i1 - i0) * 7 < u.bbox.width / devicePixelRatio : undefined,
        size: dots ?? 4.5, width: type === "circles" ? 1.2 : 0, stroke, fill: type === "circles" ? "transparent" : stroke,
        filter: (u, si, show) => (show ? null : this.lone[i]),
      },
    };
    if (dots) out.paths = () => null;
    else if (type === "steps") out.paths = uPlot.paths.stepped({ align: 1 });
    else if (type === "smooth") out.paths = uPlot.paths.spline();
    if (type === "area" || type === "stacked") out.fill = `${stroke}${type === "area" ? "2e" : "99"}`;
    return out;
  }

  /** Between a stacked line and the one below it. */
  bands() {
    const out = [];
    for (const side of [false, true]) {
      let below = null;
      this.lines.forEach((line, i) => {
        if (line.type !== "stacked" || Boolean(line.right) !== side || line.hidden) return;
        if (below !== null) out.push({ series: [i + 1, below + 1] });
        below = i;
      });
    }
    return out;
  }

  yRange(side, min, max) {
    const { heat } = this.options;
    if (heat && side === this.options.left) {
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
    const fromZero = low >= 0 && (low <= 0.5 * high || this.lines.some(({ type }) => type === "area" || type === "stacked"));
    const toZero = high <= 0 && high >= 0.5 * low;
    low = fromZero ? 0 : low - width * 0.06;
    high = toZero ? 0 : high + width * 0.06;
    if (low === high) high = low + 1;
    low = side.min ?? low;
    high = side.max ?? high;
    return low < high ? [low, high] : [low, low + 1];
  }

  yTexts(side, splits) {
    if (side.format) return splits.map((one) => (one === null ? "" : side.format(one)));
    const steps = splits.filter((one) => one !== null);
    // As many digits as neighbours need to differ.
    for (let digits = 3; digits <= 9; digits++) {
      const out = splits.map((one) => (one === null ? "" : short(one, digits)));
      if (new Set(out.filter(Boolean)).size >= new Set(steps).size) return out;
    }
    return splits.map((one) => (one === null ? "" : String(one)));
  }

  size() {
    const ratio = devicePixelRatio || 1;
    this.overlay.width = Math.round(this.box.clientWidth * ratio);
    this.overlay.height = Math.round(this.box.clientHeight * ratio);
    this.overlay.style.width = `${this.box.clientWidth}px`;
    this.overlay.style.height = `${this.box.clientHeight}px`;
    this.lit = null;
  }

  resize() {
    if (!this.u || this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      const { clientWidth: width, clientHeight: height } = this.box;
      if (!this.u || width < 2 || height < 2 || (this.u.width === width && this.u.height === height)) return;
      this.u.setSize({ width: Math.max(60, width), height: Math.max(60, height) });
      this.size();
      this.placePins();
    });
  }

  /** Shows another part of the data at hand, at once. */
  show(from, to) {
    this.range = { from, to };
    this.u?.setScale("x", { min: from, max: to });
  }

  // ---------------------------------------------------------------- canvas

  drawBelow(u) {
    const { ctx, bbox } = u;
    const colors = GROUND[this.options.theme];
    const x = (ms) => Math.round(u.valToPos(ms, "x", true));
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    for (const { from, to, kind = "mark" } of this.options.spans) {
      ctx.fillStyle = `${colors[kind] ?? colors.mark}22`;
      ctx.fillRect(x(from), bbox.top, Math.max(1, x(to) - x(from)), bbox.height);
    }
    for (const { min, max, kind = "bad" } of this.options.thresholds) {
      const top = max === null || max === undefined ? bbox.top : u.valToPos(max, "y", true);
      const bottom = min === null || min === undefined ? bbox.top + bbox.height : u.valToPos(min, "y", true);
      ctx.fillStyle = `${colors[kind] ?? colors.bad}1c`;
      ctx.fillRect(bbox.left, top, bbox.width, bottom - top);
      ctx.fillStyle = colors[kind] ?? colors.bad;
      const edge = Math.round(min === null || min === undefined ? top : bottom);
      ctx.fillRect(bbox.left, edge, bbox.width, 1);
    }
    if (this.options.heat) this.drawHeat(u);
    ctx.restore();
  }

  drawHeat(u) {
    const { ctx } = u;
    const { times, step, buckets, counts, most } = this.options.heat;
    const least = u.scales.y.min;
    for (let j = 0; j < buckets.length; j++) {
      const top = Math.floor(u.valToPos(buckets[j][1], "y", true));
      const height = Math.max(1, Math.floor(u.valToPos(Math.max(buckets[j][0], least), "y", true)) - top);
      for (let i = 0; i < times.length; i++) {
        const n = counts[j][i];
        if (!(n > 0)) continue;
        const left = Math.floor(u.valToPos(times[i], "x", true));
        // The square root, as in the pictures of `/q`: small counts are seen beside large ones.
        ctx.fillStyle = shade(this.options.theme, Math.sqrt(n / most));
        ctx.fillRect(left, top, Math.max(1, Math.floor(u.valToPos(times[i] + step, "x", true)) - left), height);
      }
    }
  }

  drawAbove(u) {
    const { ctx, bbox } = u;
    const colors = GROUND[this.options.theme];
    const ratio = devicePixelRatio || 1;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top - 10 * ratio, bbox.width, bbox.height + 10 * ratio);
    ctx.clip();
    for (const event of this.options.events) {
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
    for (const pin of this.pins) {
      const place = this.pinPlace(pin);
      if (!place) continue;
      ctx.beginPath();
      ctx.arc(place.left * ratio + bbox.left, place.top * ratio + bbox.top, 4 * ratio, 0, 2 * Math.PI);
      ctx.fillStyle = colors.ground;
      ctx.fill();
      ctx.lineWidth = 2 * ratio;
      ctx.strokeStyle = this.colorOf(this.lines[place.line]);
      ctx.stroke();
    }
    ctx.restore();
    this.lit = null;
    this.light(this.hovered?.line ?? null);
  }

  colorOf(line) { return LINES[this.options.theme][line.color % 8]; }

  /** Draws the line under the pointer stronger once the pointer rests on it: a hand on its way costs nothing. */
  lightSoon(line) {
    if (line === this.lit || line === this.soon) return;
    this.soon = line;
    clearTimeout(this.lighting);
    this.lighting = setTimeout(() => {
      this.soon = undefined;
      if (this.u) this.light(line);
    }, LIGHT_AFTER);
  }

  /** Draws one line stronger, on a canvas of its own: the others need not be drawn again. */
  light(line) {
    if (line === this.lit) return;
    this.lit = line;
    const ctx = this.overlay.getContext("2d");
    ctx.clearRect(0, 0, this.overlay.width, this.overlay.height);
    const path = line === null ? null : this.u.series[line + 1]?._paths?.stroke;
    if (!path || this.lines.length < 2 && !this.lines[0]?.faint) return;
    const { bbox } = this.u;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    ctx.lineJoin = "round";
    ctx.strokeStyle = GROUND[this.options.theme].ground;
    ctx.lineWidth = 5 * devicePixelRatio;
    ctx.stroke(path);
    ctx.strokeStyle = this.colorOf(this.lines[line]);
    ctx.lineWidth = 2.5 * devicePixelRatio;
    ctx.setLineDash(this.lines[line].dash ?? []);
    ctx.stroke(path);
    ctx.restore();
  }

  // ---------------------------------------------------------------- pointer

  onMove(u) {
    const { left, top } = u.cursor;
    if (this.following) return;
    if (left === undefined || left < 0 || top < 0) {
      this.hover(null);
      this.tellGroup(null);
      return;
    }
    const found = this.nearest(left, top);
    const far = this.options.heat && !(found && Math.abs(found.top - top) <= OVER_HEAT && Math.abs(found.left - left) <= OVER_HEAT);
    this.hover(far ? this.heatAt(left, top) : found, left, top);
    this.tellGroup(u.posToVal(left, "x"));
  }

  /** The point of a visible line that is nearest to a place: `{ line, at, left, top }`. */
  nearest(left, top) {
    const { u } = this;
    if (!this.times.length || !this.drawn.length) return null;
    const middle = u.posToIdx(left);
    let best = null;
    let least = Infinity;
    for (let line = 0; line < this.lines.length; line++) {
      if (this.lines[line].hidden) continue;
      const at = this.near(this.drawn[line], middle, left);
      if (at < 0) continue;
      const x = u.valToPos(this.times[at], "x");
      const y = u.valToPos(this.drawn[line][at], this.lines[line].right ? "y2" : "y");
      const distance = Math.abs(y - top) + Math.abs(x - left) * 0.3;
      if (distance < least) {
        least = distance;
        best = { line, at, left: x, top: y };
      }
    }
    return best;
  }

  /** The place of the nearest point of a column within reach, or -1. */
  near(column, middle, left) {
    if (isValue(column[middle])) return middle;
    const { u, times } = this;
    const here = u.posToVal(left, "x");
    const reach = (REACH * (this.range.to - this.range.from)) / (u.over.clientWidth || 1);
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

  heatAt(left, top) {
    const { times, step, buckets, counts } = this.options.heat;
    const ms = this.u.posToVal(left, "x");
    const level = this.u.posToVal(top, "y");
    const at = times.findLastIndex((time) => time <= ms && ms < time + step);
    const bucket = buckets.findIndex(([low, high]) => low <= level && level < high);
    return at < 0 || bucket < 0 ? null : { heat: true, time: times[at], name: `${exact(buckets[bucket][0])} – ${exact(buckets[bucket][1])}`, value: counts[bucket][at] ?? 0, left, top };
  }

  eventAt(left) {
    return this.options.events.find(({ time }) => Math.abs(this.u.valToPos(time, "x") - left) <= EVENT_REACH) ?? null;
  }

  /** Shows the read-out of a point, or of none. */
  hover(found, left = 0, top = 0) {
    const event = found === null && left === 0 ? null : this.eventAt(left);
    this.hovered = found?.heat ? null : found;
    if (!found && !event) {
      this.tipBox.hidden = true;
      this.dot.style.opacity = "0";
      this.lightSoon(null);
      return;
    }
    const { zone } = this.options;
    if (found?.heat) {
      text(this.tip.value, exact(found.value));
      text(this.tip.span, "");
      text(this.tip.name, found.name);
      text(this.tip.time, format(found.time, zone));
    } else if (found) {
      const line = this.lines[found.line];
      text(this.tip.value, exact(this.columns[found.line][found.at]));
      const around = this.options.envelopes.find((one) => one.line === found.line);
      const [low, high] = around ? [around.low[found.at], around.high[found.at]] : [];
      text(this.tip.span, isValue(low) && isValue(high) && high > low ? `${exact(low, 5)} to ${exact(high, 5)}` : "");
      this.tip.value.style.color = this.colorOf(line);
      text(this.tip.name, line.name);
      text(this.tip.time, this.when(this.times[found.at], line));
      const { style } = this.dot;
      style.opacity = "1";
      style.background = this.colorOf(line);
      style.transform = `translate(${found.left - 4.5}px, ${found.top - 4.5}px)`;
    } else {
      for (const part of [this.tip.value, this.tip.span, this.tip.name]) text(part, "");
      text(this.tip.time, format(event.time, zone));
      this.dot.style.opacity = "0";
    }
    this.tip.event.hidden = !event;
    if (event) text(this.tip.event, event.text || "(no text)");
    this.lightSoon(this.hovered?.line ?? null);
    this.placeTip(found?.left ?? left, found && !found.heat ? Math.min(top, found.top) : top);
  }

  when(ms, line) {
    const step = this.times.length > 1 ? this.times[1] - this.times[0] : 0;
    const shown = line?.past ? ms - line.past : ms;
    return format(shown, this.options.zone, ms % 1000 || step % 1000 ? "ms" : "second");
  }

  placeTip(left, top) {
    const { tipBox, u } = this;
    tipBox.hidden = false;
    const over = { left: u.bbox.left / devicePixelRatio, top: u.bbox.top / devicePixelRatio };
    const { offsetWidth: width, offsetHeight: height } = tipBox;
    const room = { width: this.box.clientWidth, height: this.box.clientHeight };
    let x = over.left + left + 14;
    if (x + width > room.width - 4) x = over.left + left - width - 14;
    let y = over.top + top - height - 10;
    if (y < 2) y = Math.min(over.top + top + 16, room.height - height - 2);
    tipBox.style.transform = `translate(${Math.max(2, x)}px, ${Math.max(2, y)}px)`;
  }

  onSelect(u) {
    const { left, width } = u.select;
    if (width < 2 || this.touching) return;
    const from = u.posToVal(left, "x");
    const to = u.posToVal(left + width, "x");
    u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    if (this.shifted && this.options.onspan) this.options.onspan(from, to);
    else this.zoomTo(from, to);
  }

  zoomTo(from, to) {
    if (!(to - from >= 1) || !this.options.onzoom) return;
    this.show(from, to);
    if (this.waiting) delete this.waiting.range;
    this.options.onzoom(Math.round(from), Math.round(to));
  }

  onWheel(event) {
    if (!(event.ctrlKey || event.metaKey) || !this.options.onzoom || !this.u?.over.contains(event.target)) return;
    event.preventDefault();
    const at = this.u.posToVal(event.clientX - this.u.over.getBoundingClientRect().left, "x");
    const { from, to } = this.range;
    const factor = event.deltaY < 0 ? 0.8 : 1.25;
    this.show(at - (at - from) * factor, at + (to - at) * factor);
    this.settle();
  }

  /** Asks for the range once the wheel or the hand rests. */
  settle() {
    clearTimeout(this.settling);
    this.settling = setTimeout(() => this.options.onzoom(Math.round(this.range.from), Math.round(this.range.to)), 250);
  }

  onDown(event) {
    this.downAt = [event.clientX, event.clientY];
    this.shifted = event.shiftKey;
    if (event.button === 0 && this.u?.over.contains(event.target) && !this.held) {
      this.held = true;
      // After uPlot's own listener, which reads what was chosen.
      addEventListener("mouseup", () => setTimeout(() => this.letGo(), 0), { once: true });
    }
    if (!(event.ctrlKey || event.metaKey) || event.button !== 0 || !this.options.onzoom || !this.u?.over.contains(event.target)) return;
    // Ctrl and the mouse move the picture.
    event.preventDefault();
    event.stopImmediatePropagation();
    const begin = { x: event.clientX, ...this.range };
    const perPixel = (begin.to - begin.from) / this.u.over.clientWidth;
    const move = (moved) => {
      const by = (begin.x - moved.clientX) * perPixel;
      this.show(begin.from + by, begin.to + by);
    };
    const up = () => {
      removeEventListener("mousemove", move);
      removeEventListener("mouseup", up);
      if (this.range.from !== begin.from) this.settle();
    };
    addEventListener("mousemove", move);
    addEventListener("mouseup", up);
  }

  letGo() {
    this.held = false;
    const { waiting } = this;
    this.waiting = null;
    if (waiting && this.u) this.set(waiting);
  }

  onClick(event) {
    if (!this.u?.over.contains(event.target) || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const [x, y] = this.downAt ?? [0, 0];
    if (Math.abs(event.clientX - x) > 4 || Math.abs(event.clientY - y) > 4 || this.touched) return;
    const mark = this.eventAt(event.clientX - this.u.over.getBoundingClientRect().left);
    if (mark && this.options.onevent) return this.options.onevent(mark);
    if (this.hovered && !this.options.compact) this.pin(this.hovered);
    else this.options.onclick?.(event);
  }

  onTouch(event) {
    if (!this.u?.over.contains(event.target)) return;
    const touch = event.touches[0] ?? event.changedTouches[0];
    const rect = this.u.over.getBoundingClientRect();
    const left = Math.max(0, Math.min(rect.width, touch.clientX - rect.left));
    if (event.type === "touchstart") {
      this.touched = true;
      this.touch = event.touches.length === 1 ? { left, moved: false } : null;
      return;
    }
    if (!this.touch) return;
    if (event.type === "touchmove") {
      if (Math.abs(left - this.touch.left) > 12) this.touch.moved = true;
      if (!this.touch.moved || !this.options.onzoom) return;
      this.touching = true;
      this.u.setSelect({ left: Math.min(left, this.touch.left), width: Math.abs(left - this.touch.left), top: 0, height: rect.height }, false);
      return;
    }
    const { touch: begin } = this;
    this.touch = null;
    this.touching = false;
    if (begin.moved && this.options.onzoom) {
      this.u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
      this.zoomTo(this.u.posToVal(Math.min(left, begin.left), "x"), this.u.posToVal(Math.max(left, begin.left), "x"));
    }
    setTimeout(() => { this.touched = false; }, 500);
  }

  // ---------------------------------------------------------------- read-outs that stay

  /** Keeps the read-out of a point; the same point again lets it go. */
  pin({ line, at }) {
    const { key } = this.lines[line];
    const time = this.times[at];
    const same = this.pins.find((pin) => pin.key === key && pin.time === time);
    if (same) return this.unpin(same);
    if (this.pins.length >= PINS_MAX) this.unpin(this.pins[0]);
    const name = h("div.tip-name");
    const value = h("div.tip-value");
    const when = h("div.tip-time");
    const pin = { key, time, dx: 12, dy: -64, name, value, when };
    pin.element = h("div.chart-pin", { role: "group" }, h("div.pin-head", h("div.grow", when, value, name), iconButton("close", "Let this read-out go", () => this.unpin(pin))));
    pin.element.addEventListener("pointerdown", (event) => this.dragPin(pin, event));
    // It may lie under the pointer: the second click of a double click is meant for the picture.
    pin.element.style.pointerEvents = "none";
    setTimeout(() => { pin.element.style.pointerEvents = ""; }, DOUBLE_CLICK);
    this.box.append(pin.element);
    this.pins.push(pin);
    this.placePins();
    this.u.redraw(false);
    this.options.onpins?.(this.pins);
    this.options.status?.(`Pinned: ${this.lines[line].name}, ${value.textContent}, ${when.textContent}`);
  }

  unpin(pin) {
    pin.element.remove();
    this.pins = this.pins.filter((one) => one !== pin);
    this.u?.redraw(false);
    this.options.onpins?.(this.pins);
    if (!this.options.compact) this.box.focus({ preventScroll: true });
  }

  dragPin(pin, event) {
    if (event.target.closest("button")) return;
    const begin = { x: event.clientX - pin.dx, y: event.clientY - pin.dy };
    pin.element.setPointerCapture(event.pointerId);
    const move = (moved) => {
      pin.moved = true;
      pin.dx = moved.clientX - begin.x;
      pin.dy = moved.clientY - begin.y;
      this.placePins();
    };
    pin.element.addEventListener("pointermove", move);
    pin.element.addEventListener("pointerup", () => pin.element.removeEventListener("pointermove", move), { once: true });
  }

  /** Where a pinned point is now: null when its series or its time is not shown. */
  pinPlace({ key, time }) {
    const line = this.lines.findIndex((one) => one.key === key);
    if (line < 0 || this.lines[line].hidden || time < this.range.from || time > this.range.to || !this.times.length) return null;
    const at = closest(this.times, time);
    if (at < 0 || !isValue(this.drawn[line]?.[at])) return null;
    return { line, at, left: this.u.valToPos(this.times[at], "x"), top: this.u.valToPos(this.drawn[line][at], this.lines[line].right ? "y2" : "y") };
  }

  placePins() {
    const over = this.u ? { left: this.u.bbox.left / devicePixelRatio, top: this.u.bbox.top / devicePixelRatio } : null;
    for (const pin of this.pins) {
      const place = over && this.pinPlace(pin);
      pin.element.hidden = !place;
      if (!place) continue;
      const line = this.lines[place.line];
      text(pin.name, line.name);
      text(pin.value, exact(this.columns[place.line][place.at]));
      text(pin.when, this.when(this.times[place.at], line));
      pin.value.style.color = this.colorOf(line);
      const width = pin.element.offsetWidth;
      // At the right edge a read-out that was not moved by hand stands at the other side of its point.
      const beside = !pin.moved && over.left + place.left + pin.dx + width > this.box.clientWidth - 2 ? -pin.dx - width : pin.dx;
      const x = Math.max(2, Math.min(over.left + place.left + beside, this.box.clientWidth - width - 2));
      const y = Math.max(2, Math.min(over.top + place.top + pin.dy, this.box.clientHeight - pin.element.offsetHeight - 2));
      pin.element.style.transform = `translate(${x}px, ${y}px)`;
    }
  }

  // ---------------------------------------------------------------- keyboard

  onKey(event) {
    if (event.target !== this.box || event.ctrlKey || event.metaKey || event.altKey || !this.times.length || !this.drawn.length) return;
    const shown = this.lines.map((line, i) => i).filter((i) => !this.lines[i].hidden);
    if (!shown.length) return;
    const way = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -1, ArrowDown: 1, Home: 0, End: 0, Enter: 0, Escape: 0 }[event.key];
    if (way === undefined || event.key === "Escape" && !this.cursor) return;
    if (event.key === "Enter" && !this.cursor) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.key === "Escape") {
      this.cursor = null;
      this.hover(null);
      return;
    }
    if (event.key === "Enter") return this.pin(this.cursor);
    if (!this.cursor || !shown.includes(this.cursor.line)) this.cursor = { line: shown[0], at: this.lastShown(shown[0]) };
    else if (event.key === "ArrowUp" || event.key === "ArrowDown") this.cursor.line = shown[(shown.indexOf(this.cursor.line) + way + shown.length) % shown.length];
    const column = this.drawn[this.cursor.line];
    if (event.key === "Home") this.cursor.at = this.step(column, -1, 1, 1);
    else if (event.key === "End") this.cursor.at = this.lastShown(this.cursor.line);
    else if (event.key === "ArrowLeft" || event.key === "ArrowRight") this.cursor.at = this.step(column, this.cursor.at, way, event.shiftKey ? 10 : 1);
    else if (!isValue(column[this.cursor.at])) this.cursor.at = closestValue(column, this.cursor.at);
    this.showCursor();
  }

  /** `count` points of a column further on within the range; stays where it is when there are none. */
  step(column, at, way, count) {
    let found = at;
    for (let i = at + way; i >= 0 && i < column.length && count > 0; i += way) {
      const time = this.times[i];
      if (time < this.range.from || time > this.range.to) {
        if (way < 0 && time < this.range.from || way > 0 && time > this.range.to) break;
        continue;
      }
      if (!isValue(column[i])) continue;
      found = i;
      count--;
    }
    return found;
  }

  lastShown(line) { return this.step(this.drawn[line], this.times.length, -1, 1); }

  showCursor() {
    const { line, at } = this.cursor;
    if (!isValue(this.drawn[line][at])) return;
    const left = this.u.valToPos(this.times[at], "x");
    const top = this.u.valToPos(this.drawn[line][at], this.lines[line].right ? "y2" : "y");
    this.following = true;
    this.u.setCursor({ left, top }, false);
    this.following = false;
    this.hover({ line, at, left, top }, left, top);
    this.options.status?.(`${this.when(this.times[at], this.lines[line])}: ${exact(this.columns[line][at])}, ${this.lines[line].name}`);
  }

  // ---------------------------------------------------------------- shared crosshair

  join() {
    const { sync } = this.options;
    if (!sync) return;
    if (!groups.has(sync)) groups.set(sync, new Set());
    groups.get(sync).add(this);
  }

  tellGroup(ms) {
    for (const other of groups.get(this.options.sync) ?? []) if (other !== this) other.follow(ms);
  }

  /** Shows the crosshair at an instant, as another chart has it. */
  follow(ms) {
    if (!this.u) return;
    this.following = true;
    if (ms === null || ms < this.range.from || ms > this.range.to) this.u.setCursor({ left: -10, top: -10 }, false);
    else this.u.setCursor({ left: this.u.valToPos(ms, "x"), top: 0 }, false);
    this.following = false;
  }

  /** The picture alone as a PNG, on the ground of the theme. */
  image() {
    const canvas = document.createElement("canvas");
    canvas.width = this.u.ctx.canvas.width;
    canvas.height = this.u.ctx.canvas.height;
    const ctx = canvas.getContext("2d");
    ctx.fillStyle = GROUND[this.options.theme].ground;
    ctx.fillRect(0, 0, canvas.width, canvas.height);
    ctx.drawImage(this.u.ctx.canvas, 0, 0);
    return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  }

  destroy() {
    this.observer.disconnect();
    this.listeners.abort();
    clearTimeout(this.settling);
    clearTimeout(this.lighting);
    cancelAnimationFrame(this.frame);
    groups.get(this.options.sync)?.delete(this);
    this.u?.destroy();
    this.u = null;
    this.box.replaceChildren();
  }
}

let ids = 0;

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

/** The place of the time nearest to `ms`. */
function closest(times, ms) {
  let low = 0;
  let high = times.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] < ms) low = middle + 1;
    else high = middle;
  }
  if (low > 0 && ms - times[low - 1] < times[low] - ms) low--;
  return low;
}

function closestValue(column, at) {
  for (let step = 1; step < column.length; step++) {
    if (isValue(column[at - step])) return at - step;
    if (isValue(column[at + step])) return at + step;
  }
  return at;
}
