/**
 * The time range that a page shows: its state, which lives in the address (`start`, `end`, `tz`, `autoreload`), and its
 * control in the bar.
 */
import { fill, h, icon, iconButton, load, save, set, text } from "./dom.js";
import { popup } from "./layer.js";
import * as time from "./time.js";

/** What an address without `start` shows. */
export const DEFAULT_START = "1h-ago";
/** Shortest and usual time between two reloads, in s. */
const RELOAD_LEAST = 5;
const RELOAD_USUAL = 15;

const PRESETS = ["5m", "15m", "30m", "1h", "3h", "6h", "12h", "1d", "2d", "1w", "30d", "90d", "1y"];
const LADDER = ["1m", "5m", "15m", "30m", "1h", "3h", "6h", "12h", "1d", "2d", "1w", "2w", "30d", "90d", "180d", "1y", "2y", "5y", "10y"];

/**
 * The range of the current page. `frame` gives the parameters of the address and changes them:
 * `{ params(), change({ name: value | null }, { push }) }`.
 */
export class Range {
  constructor(frame) {
    this.frame = frame;
    this.frozen = null;
    this.listeners = new Set();
  }
  get start() { return this.frame.params().get("start") || DEFAULT_START; }
  get end() { return this.frame.params().get("end") || ""; }
  /** The zone that texts are read and shown in: that of the address, else the server's. */
  get zone() {
    const zone = this.frame.params().get("tz");
    if (zone && time.isZone(zone)) return zone;
    return this.home;
  }
  /** The server's zone. */
  get home() {
    const zone = document.documentElement.dataset.zone;
    return zone && time.isZone(zone) ? zone : "UTC";
  }
  /** Seconds between reloads, or null. */
  get every() {
    const wanted = this.frame.params().get("autoreload");
    if (wanted === null) return null;
    const seconds = wanted === "" ? RELOAD_USUAL : Number(wanted);
    return seconds >= RELOAD_LEAST ? seconds : null;
  }
  get paused() { return this.frozen !== null; }
  get playing() { return this.every !== null && !this.paused; }
  /** The present: stands still while paused. */
  now() { return this.frozen ?? Date.now(); }

  /** The range now, in ms: `{ from, to, relative }`, or `{ error, field }`. */
  bounds() {
    const now = this.now();
    const from = time.parse(this.start, this.zone, now);
    if (from.error) return { error: from.error, field: "start" };
    // OpenTSDB's page leaves the end out while it reloads by itself.
    const to = this.end === "" || this.every !== null ? { ms: now, relative: true } : time.parse(this.end, this.zone, now);
    if (to.error) return { error: to.error, field: "end" };
    if (from.ms >= to.ms) return { error: "the end is before the start", field: "end" };
    return { from: from.ms, to: to.ms, relative: from.relative && to.relative };
  }

  /** Changes start, end, tz or autoreload; a new entry of the history unless `push` is false. */
  set(changes, { push = true } = {}) {
    this.frame.change(changes, { push });
  }
  /** Shows exactly this, in the zone of the address. */
  show(from, to, options) {
    const span = to - from;
    const write = (ms) => (span < 5 * time.MINUTE ? String(Math.round(ms)) : time.formatLink(ms, this.zone));
    // Times to the second cut off less than a second at each end.
    this.set({ start: write(span < 5 * time.MINUTE ? from : Math.floor(from / 1000) * 1000), end: write(span < 5 * time.MINUTE ? to : Math.ceil(to / 1000) * 1000), autoreload: null }, options);
  }
  /** The last `text` (`3h`) until now. */
  last(text, options) {
    this.set({ start: `${text}-ago`, end: null }, options);
  }
  /** Shows more (`way` 1) or less (-1). */
  zoom(way) {
    const { from, to, relative, error } = this.bounds();
    if (error) return;
    const span = to - from;
    if (relative && this.end === "") {
      const steps = LADDER.map((step) => time.duration(step));
      const at = way > 0 ? steps.findIndex((step) => step > span * 1.01) : steps.findLastIndex((step) => step < span * 0.99);
      if (at >= 0) this.last(LADDER[at]);
      return;
    }
    const middle = (from + to) / 2;
    const half = way > 0 ? span : span / 4;
    this.show(middle - half, way > 0 ? Math.min(middle + half, Math.max(this.now(), to)) : middle + half);
  }
  /** Moves by half its length; at the right end it ends with now again. */
  shift(way) {
    const { from, to, error } = this.bounds();
    if (error) return;
    const half = (to - from) / 2;
    if (way > 0 && to + half >= this.now() && to <= this.now()) {
      const span = time.durationText(Math.round((to - from) / 1000) * 1000);
      if (LADDER.includes(span)) return this.last(span);
    }
    this.show(from + way * half, to + way * half);
  }
  /** Stops the clock, or lets it go on. */
  pause(on) {
    this.frozen = on ? Date.now() : null;
    this.tell();
  }
  /** Plays and pauses; a range that does not reload yet begins to. */
  toggle() {
    if (this.paused) this.pause(false);
    else if (this.every !== null) this.pause(true);
    else this.set({ autoreload: String(RELOAD_USUAL), end: null }, { push: false });
  }
  /** In words: `Last 1 h`, or both ends. */
  label() {
    const { from, to, relative, error } = this.bounds();
    if (error) return "Time range?";
    if (relative && this.end === "") return `Last ${time.span(to - from)}`;
    const exact = (ms) => time.format(ms, this.zone, to - from < 10 * time.MINUTE ? "second" : "minute");
    const [left, right] = [exact(from), exact(to)];
    return left.slice(0, 10) === right.slice(0, 10) ? `${left} – ${right.slice(11)}` : `${left} – ${right}`;
  }
  /** Calls `listener` when anything here changes; returns what ends that. */
  on(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
  tell() {
    for (const listener of this.listeners) listener(this);
  }
}

/** The zone that a fresh address gets: the one chosen last. */
export const chosenZone = () => load("zone");

/** The control of the bar. */
export function rangeControl(range, { reload }) {
  const label = h("span.range-label");
  const zone = h("span.range-zone.quiet");
  const open = h("button.range-open", { type: "button", "aria-haspopup": "dialog", "aria-expanded": "false", onclick: () => form(open, range) }, icon("clock"), label, zone, icon("down"));
  const play = iconButton("play", "Play", () => range.toggle(), { class: "range-play" });
  const element = h("div.range", { role: "group", "aria-label": "Time range" },
    iconButton("left", "Half a range earlier (←)", () => range.shift(-1), { class: "wide-only" }),
    open,
    iconButton("right", "Half a range later (→)", () => range.shift(1), { class: "wide-only" }),
    iconButton("minus", "Show more time (−)", () => range.zoom(1), { class: "wide-only" }),
    iconButton("plus", "Show less time (+)", () => range.zoom(-1), { class: "wide-only" }),
    iconButton("reload", "Reload (r)", reload, { class: "wide-only" }),
    play,
  );
  const update = () => {
    const { error } = range.bounds();
    text(label, range.label());
    text(zone, range.zone);
    open.classList.toggle("bad", Boolean(error));
    set(open, { title: error ?? `${range.label()}, shown in ${range.zone}` });
    const name = range.playing ? `Reloads every ${range.every} s: pause (space)` : range.paused ? "Paused: go on (space)" : "Reload by itself (space)";
    set(play, { "aria-label": name, title: name, "aria-pressed": String(range.playing) });
    play.classList.toggle("on", range.playing);
    play.classList.toggle("paused", range.paused);
    fill(play, icon(range.playing ? "pause" : "play"));
  };
  range.on(update);
  update();
  return element;
}

/** The pop-up with fields and presets. */
function form(anchor, range) {
  const error = h("p.field-error", { role: "alert" });
  const bounds = range.bounds();
  const start = h("input", { type: "text", name: "start", value: range.start, "aria-label": "From", placeholder: "1h-ago", autofocus: true });
  const end = h("input", { type: "text", name: "end", value: range.end, "aria-label": "To", placeholder: "now" });
  const zones = h("datalist", { id: "zones" }, time.zones().map((name) => h("option", { value: name })));
  const zone = h("input", { type: "text", value: range.zone, list: "zones", "aria-label": "Time zone" });
  const every = h("select", { "aria-label": "Reload" }, [["", "not by itself"], ["5", "every 5 s"], ["10", "every 10 s"], ["15", "every 15 s"], ["30", "every 30 s"], ["60", "every minute"], ["300", "every 5 min"]].map(([value, name]) => h("option", { value }, name)));
  const reload = range.every === null ? "" : String(range.every);
  if (![...every.options].some(({ value }) => value === reload)) every.append(h("option", { value: reload }, `every ${reload} s`));
  every.value = reload;
  const apply = (event) => {
    event.preventDefault();
    const wanted = zone.value.trim() || range.home;
    if (!time.isZone(wanted)) return say(zone, `"${wanted}" is no time zone`);
    const now = Date.now();
    const from = time.parse(start.value, wanted, now);
    if (from.error) return say(start, from.error);
    const to = end.value.trim() === "" ? { ms: now } : time.parse(end.value, wanted, now);
    if (to.error) return say(end, to.error);
    if (from.ms >= to.ms) return say(end, "the end is before the start");
    handle.close();
    if (wanted !== range.zone) save("zone", wanted === range.home ? null : wanted);
    range.set({ start: start.value.trim(), end: end.value.trim() || null, tz: wanted === range.home ? null : wanted, autoreload: every.value || null });
  };
  const say = (field, message) => {
    text(error, message);
    for (const one of [start, end, zone]) one.setAttribute("aria-invalid", String(one === field));
    field.focus();
  };
  // Another zone shows the same instants: dates of the address are written in it. What a person typed is meant as it stands.
  const given = new Map([start, end].map((field) => [field, field.value]));
  let written = range.zone;
  const rewrite = () => {
    const wanted = zone.value.trim() || range.home;
    if (!time.isZone(wanted)) return;
    for (const field of [start, end]) {
      const read = time.parse(field.value, written, Date.now());
      if (field.value !== given.get(field) || read.error || read.relative || /^[\d.]+$/.test(field.value)) continue;
      field.value = time.formatLink(read.ms, wanted);
      given.set(field, field.value);
    }
    written = wanted;
  };
  zone.addEventListener("change", rewrite);
  const now = (zoneName) => { zone.value = zoneName; rewrite(); };
  const content = h("form.range-form", { onsubmit: apply },
    h("div.presets", { role: "group", "aria-label": "Until now" }, PRESETS.map((preset) => h("button.quiet-button", {
      type: "button", onclick: () => { handle.close(); range.last(preset); }, "aria-current": range.start === `${preset}-ago` && range.end === "" ? "true" : null,
    }, time.span(time.duration(preset)).replace("4 w 2 d", "30 d").replace("12 w 6 d", "90 d").replace("12 w", "90 d").replace("4 w", "30 d")))),
    h("div.range-fields",
      h("label.field", h("span", "From"), start),
      h("label.field", h("span", "To"), end),
      h("label.field", h("span", "Time zone"), zone, zones),
      h("div.zone-picks", [...new Set([range.home, time.localZone(), "UTC"])].map((name) => h("button.link", { type: "button", onclick: () => now(name) }, name === range.home ? `${name} (server)` : name))),
      h("label.field", h("span", "Reload"), every),
      error,
      h("p.hint", "1h-ago · 10:00 · 2026/11/25-10:00 · 1764064800", bounds.error ? null : h("br"), bounds.error ? null : `${time.formatExact(bounds.from, range.zone)} – ${time.formatExact(bounds.to, range.zone)}`),
      h("div.buttons", h("button.primary", { type: "submit" }, "Show")),
    ),
  );
  const handle = popup(anchor, content, { label: "Time range", align: "end" });
  return handle;
}
