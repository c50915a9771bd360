/**
 * A chart over time: uPlot with everything that it leaves to its users: ticks in a zone, stacking, lone points, the
 * nearest line under the pointer, read-outs that stay, zoom and the way back, keys, touch, marks of events, heat maps.
 * How it is drawn is `chart/draw.js`; what only a hand or a key needs is loaded when it comes (`part`).
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
 * | `onspan(from, to)`, `onmark(from, to)` | a range was chosen with Shift held, with Alt held |
 * | `sync` | charts with the same text share their crosshair |
 * | `label`, `description` | for screen readers |
 * | `status(text)` | tells screen readers where the keyboard's cursor is |
 * | `pile`, `timeless` | charts one above the other, whose axes are as wide as the widest of them; without times at its foot |
 * | `compact` | small: less room for axes, no keyboard stop |
 * | `empty` | text shown when there is nothing to draw |
 */
import { isValue } from "./align.js";
import { adapt, eventAt, heatAt, light, make, nearest, prepare, signatureOf } from "./chart/draw.js";
import { fill, h, text } from "./dom.js";
import { value as exact } from "./format.js";
import { GROUND, LINES } from "./palette.js";
import { format } from "./time.js";

/** How near a line must be, in px, to be pointed at over a heat map. */
const OVER_HEAT = 12;
/** How long the pointer rests before its line is drawn stronger, in ms. */
const LIGHT_AFTER = 60;
/** Keys that walk along the points. */
const WALKS = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End", "Enter", "Escape"];

/** Parts that come when they are first needed, by name; those that are here. */
const PARTS = { hand: () => import("./chart/hand.js"), pins: () => import("./chart/pins.js"), walk: () => import("./chart/walk.js") };
const loading = {};
const loaded = {};
const load = (name) => (loading[name] ??= PARTS[name]().then((part) => { loaded[name] = part; }, (error) => { delete loading[name]; throw error; }));

const groups = new Map();
let ids = 0;

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
    this.parts = loaded;
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
    this.drawn = prepare(this);
    this.box.setAttribute("aria-label", this.options.label ?? "Chart");
    text(this.about, this.options.description ?? "");
    const nothing = !this.options.heat && (this.times.length === 0 || this.lines.every(({ hidden }) => hidden));
    text(this.note, nothing ? this.options.empty ?? "" : "");
    const signature = signatureOf(this);
    if (this.u && signature === this.made) {
      adapt(this);
    } else {
      make(this);
      this.made = signature;
      if (!this.options.compact) this.foresee();
    }
    this.hover(null);
    this.placePins();
  }

  /** Runs something with a part, at once if it is here. A hand's part is there once the first picture stands. */
  part(name, run) {
    if (loaded[name]) return run(loaded[name]);
    load(name).then(() => { if (this.u) run(loaded[name]); }, () => this.options.status?.("This part of the page could not be loaded."));
  }
  foresee() {
    if (this.foreseen) return;
    this.foreseen = setTimeout(() => { for (const name of Object.keys(PARTS)) load(name).catch(() => {}); }, 0);
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

  colorOf(line) { return LINES[this.options.theme][line.color % 8]; }

  /** Draws the line under the pointer stronger once the pointer rests on it: a hand on its way costs nothing. */
  lightSoon(line) {
    if (line === this.lit || line === this.soon) return;
    this.soon = line;
    clearTimeout(this.lighting);
    this.lighting = setTimeout(() => {
      this.soon = undefined;
      if (this.u) light(this, line);
    }, LIGHT_AFTER);
  }

  /** Draws one line stronger, or none. */
  light(line) { light(this, line); }

  // ---------------------------------------------------------------- pointer

  onMove(u) {
    const { left, top } = u.cursor;
    if (this.following) return;
    if (left === undefined || left < 0 || top < 0) {
      this.hover(null);
      this.tellGroup(null);
      return;
    }
    const found = nearest(this, left, top);
    const far = this.options.heat && !(found && Math.abs(found.top - top) <= OVER_HEAT && Math.abs(found.left - left) <= OVER_HEAT);
    this.hover(far ? heatAt(this, left, top) : found, left, top);
    this.tellGroup(u.posToVal(left, "x"));
  }

  /** Shows the read-out of a point, or of none. */
  hover(found, left = 0, top = 0) {
    const event = found === null && left === 0 ? null : eventAt(this, left);
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
      this.tip.value.style.borderColor = "";
      text(this.tip.span, "");
      text(this.tip.name, found.name);
      text(this.tip.time, format(found.time, zone));
    } else if (found) {
      const line = this.lines[found.line];
      text(this.tip.value, exact(this.columns[found.line][found.at]));
      const around = this.options.envelopes.find((one) => one.line === found.line);
      const [low, high] = around ? [around.low[found.at], around.high[found.at]] : [];
      text(this.tip.span, isValue(low) && isValue(high) && high > low ? `${exact(low, 5)} to ${exact(high, 5)}` : "");
      this.tip.value.style.borderColor = this.colorOf(line);
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
    if (this.held?.shift && this.options.onspan) this.options.onspan(from, to);
    else if (this.held?.alt && this.options.onmark) this.options.onmark(from, to);
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
    const { clientX, deltaY } = event;
    this.part("hand", (hand) => hand.wheel(this, clientX, deltaY < 0));
  }

  onDown(event) {
    this.downAt = [event.clientX, event.clientY];
    if (event.button === 0 && this.u?.over.contains(event.target) && !this.held) {
      this.held = { shift: event.shiftKey, alt: event.altKey };
      // After uPlot's own listener, which reads what was chosen.
      addEventListener("mouseup", () => setTimeout(() => this.letGo(), 0), { once: true });
    }
    if (!(event.ctrlKey || event.metaKey) || event.button !== 0 || !this.options.onzoom || !this.u?.over.contains(event.target)) return;
    // Ctrl and the mouse move the picture.
    event.preventDefault();
    event.stopImmediatePropagation();
    const { clientX } = event;
    this.part("hand", (hand) => hand.move(this, clientX));
  }

  letGo() {
    this.held = null;
    const { waiting } = this;
    this.waiting = null;
    if (waiting && this.u) this.set(waiting);
  }

  onClick(event) {
    if (!this.u?.over.contains(event.target) || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    const [x, y] = this.downAt ?? [0, 0];
    if (Math.abs(event.clientX - x) > 4 || Math.abs(event.clientY - y) > 4 || this.touched) return;
    const mark = eventAt(this, event.clientX - this.u.over.getBoundingClientRect().left);
    if (mark && this.options.onevent) return this.options.onevent(mark);
    if (this.hovered && !this.options.compact) this.pin(this.hovered);
    else this.options.onclick?.(event);
  }

  onTouch(event) {
    if (!this.u?.over.contains(event.target)) return;
    const touch = event.touches[0] ?? event.changedTouches[0];
    const rect = this.u.over.getBoundingClientRect();
    const left = Math.max(0, Math.min(rect.width, touch.clientX - rect.left));
    const { type, touches: { length } } = event;
    this.touched = true;
    if (type === "touchend") setTimeout(() => { this.touched = false; }, 500);
    this.part("hand", (hand) => hand.touch(this, type, left, length));
  }

  // ---------------------------------------------------------------- read-outs that stay, keyboard

  /** Keeps the read-out of a point; the same point again lets it go. */
  pin({ line, at }) {
    const point = { key: this.lines[line].key, time: this.times[at] };
    this.part("pins", (pins) => pins.toggle(this, point));
  }
  placePins() { if (this.pins.length) loaded.pins.place(this); }

  onKey(event) {
    if (event.target !== this.box || event.ctrlKey || event.metaKey || event.altKey || !this.times.length || !this.drawn.length) return;
    const { key, shiftKey } = event;
    if (!WALKS.includes(key) || this.lines.every(({ hidden }) => hidden)) return;
    if (!this.walking && (key === "Enter" || key === "Escape")) return;
    event.preventDefault();
    event.stopPropagation();
    this.walking = key !== "Escape";
    this.part("walk", ({ walk }) => walk(this, key, shiftKey));
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
    clearTimeout(this.foreseen);
    cancelAnimationFrame(this.frame);
    groups.get(this.options.sync)?.delete(this);
    this.u?.destroy();
    this.u = null;
    this.box.replaceChildren();
  }
}
