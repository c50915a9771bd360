/** One panel on the screen: its frame, what it loads, what it says while there is nothing to draw. */
import { fill, h, icon, iconButton, set, text, uid } from "../../lib/dom.js";
import { count, many as counted } from "../../lib/format.js";
import { menu } from "../../lib/layer.js";
import { looks, LINES } from "../../lib/palette.js";
import { parse } from "../../lib/query.js";
import { ago, duration, span as spanText } from "../../lib/time.js";
import * as kinds from "./kinds.js";
import { lines } from "./lines.js";
import { SERIES_MAX, load } from "./load.js";
import { KINDS, fillIn, letter, nameSeries } from "./model.js";

/** Parts that are loaded with the first panel that shows one. */
const LATER = { heat: async () => (await import("./heat.js")).heat, pie: async () => (await import("./pie.js")).pie, sum: async () => (await import("./sum.js")).sums };
const loaded = {};
const sums = ({ kind, sum }) => KINDS[kind].chart && sum !== "none";

/** Loading is shown after this long, and how long it takes after that long, in ms. */
const BUSY_AFTER = 150;
const SLOW_AFTER = 2000;

/**
 * `host` is what the screen gives its panels: `ctx`, `screen`, `values()`, `editing`, `legend`, `actions(panel)` (a menu),
 * `zoom(from, to)`, `step(panel, key, event)` (keys of the handle), `why(m)` (what is known of an empty query).
 */
export class PanelView {
  constructor(panel, host) {
    this.panel = panel;
    this.host = host;
    this.drawn = null;
    this.result = null;
    this.seen = false;
    this.stale = true;
    this.all = false;
    this.kept = {}; // what a person chose in the panel, such as the order of a table
    const id = uid("panel");
    this.title = h("h3.panel-title.name", { id });
    this.badges = h("span.panel-badges");
    this.busy = h("div.busy");
    this.body = h("div.panel-body");
    this.more = iconButton("more", "", () => menu(this.more, host.actions(this), { label: "Panel" }), { "aria-haspopup": "menu", "aria-expanded": "false", class: "panel-more" });
    this.handle = h("button.icon-button.panel-handle", { type: "button", draggable: "true", onkeydown: (event) => host.step(this, event) }, icon("grip"));
    this.element = h("section.panel", { "aria-labelledby": id, data: { key: panel.key } },
      h("header.panel-head", this.handle, this.title, this.badges, this.more), this.busy, this.body);
    this.frame();
  }

  /** What is around the picture. */
  frame() {
    const { panel, host } = this;
    const first = parse(panel.queries[0]?.m ?? "");
    const title = fillIn(panel.title, host.values()) || (first.error ? KINDS[panel.kind].title : first.metric ?? "TSUIDs");
    text(this.title, title);
    this.title.title = title;
    set(this.more, { "aria-label": `Panel ${title}`, title: "Menu of this panel" });
    set(this.handle, { "aria-label": `Move panel ${title}`, title: "Drag, or arrow keys: move. Shift and arrow keys: size" });
    this.handle.hidden = !host.editing;
    const columns = host.columns;
    this.element.style.setProperty("--wide", String(Math.min(panel.width, columns)));
    this.element.style.setProperty("--wide-few", String(Math.min(panel.width, columns, 2)));
    this.element.style.setProperty("--high", String(panel.height));
    this.element.classList.toggle("text-panel", panel.kind === "text");
  }

  /** The range that this panel shows: that of the screen, or its own length to the same end. */
  range({ from, to }) {
    const own = this.panel.span ? duration(this.panel.span) : null;
    return own ? { from: to - own, to } : { from, to };
  }

  /** Loads and draws; what was drawn stays until then. */
  async load(round) {
    const { panel, host } = this;
    this.stale = false;
    if (panel.kind === "text") return this.draw();
    const named = panel.queries.filter(({ m }) => m !== "");
    if (!named.some(({ hidden }) => !hidden)) {
      this.result = null;
      return this.say(named.length ? "All queries of this panel are hidden." : host.preview ? "Choose a metric: its picture comes here." : "This panel has no query yet.", this.editing());
    }
    this.round = round;
    const range = this.range(round);
    const timers = [setTimeout(() => this.busy.classList.add("on"), BUSY_AFTER), setTimeout(() => this.badge("slow", "loading …"), SLOW_AFTER)];
    set(this.body, { "aria-busy": "true" });
    try {
      const shift = panel.compare ? duration(panel.compare) ?? 0 : 0;
      const many = this.confirmed ? null : await host.tooMany(panel, range);
      if (this.round !== round) return;
      if (many) {
        this.result = null;
        return this.say(`This panel would read up to ${count(many.series)} series.`, { label: "Read them all", run: () => { this.confirmed = true; host.reload(this); } }, this.editing());
      }
      for (const part of [panel.kind, sums(panel) && "sum"]) if (LATER[part]) loaded[part] ??= await LATER[part]();
      const result = await load(round, panel, host.screen, host.values(), { ...range, width: Math.max(this.body.clientWidth, 200), shift });
      if (this.round !== round || !this.element.isConnected) return;
      this.result = { ...result, range, at: Date.now() };
      this.draw();
    } catch (error) {
      if (error.kind === "aborted" || this.round !== round) return;
      this.fail([{ at: 0, message: error.message, kind: error.kind }]);
    } finally {
      timers.forEach(clearTimeout);
      if (this.round === round) {
        this.busy.classList.remove("on");
        this.badge("slow", null);
        this.body.removeAttribute("aria-busy");
      }
    }
  }

  /** Draws what there is; again after a change of theme or looks. */
  draw() {
    const { panel, host, result } = this;
    if (panel.kind === "text") return this.show(() => kinds.text(this.body, { panel: { ...panel, text: fillIn(panel.text, host.values()) } }));
    if (!result) return;
    const { problems, range } = result;
    const full = result.series.filter(({ values }) => values.some((one) => one !== null));
    this.badge("partial", null);
    if (full.length === 0) {
      if (problems.length) return this.fail(problems);
      return this.explain();
    }
    // Lines are too many to be seen at some number; the highest of all, and shares of the whole, are of all.
    // The sum is that of all series, however many are drawn.
    const total = sums(panel) ? loaded.sum?.(full) ?? [] : [];
    const most = this.all || !KINDS[panel.kind].chart ? full.length : SERIES_MAX;
    const own = full.slice(0, total.length && panel.sum === "only" ? 0 : most);
    const series = [...total, ...own];
    const named = [...total.map(({ name }) => name), ...nameSeries(own, panel, host.values())];
    const names = named.map((name, at) => (series[at].earlier ? `${name} (${spanText(series[at].earlier)} earlier)` : name));
    // What is compared has the colour of what it is compared with.
    const plain = named.map((name, at) => `${series[at].query} ${name}`);
    const keys = [...new Set(plain.slice(total.length))];
    // Nor has any of them the colour of the sum.
    const known = new Map(looks(keys, [], total[0]?.look.color).map((look, at) => [keys[at], look]));
    const given = plain.map((key, at) => series[at].look ?? known.get(key));
    const theme = host.ctx.theme.name;
    const colors = given.map(({ color }) => LINES[theme][color]);
    const common = { series, names, looks: given, colors, panel, range, zone: host.ctx.time.zone, theme, host, title: this.title.textContent, kept: this.kept };
    const make = loaded[panel.kind] ?? kinds[panel.kind];
    if (!KINDS[panel.kind].chart) {
      if (!make) return; // its module comes with the load that follows a change of kind
      this.show(() => make(this.body, common));
    } else if (this.drawn?.kind === "chart") this.redraw(common);
    else this.show(() => lines(this.body, common));
    if (problems.length) this.badge("partial", `${problems.map(({ at }) => letter(at)).join(", ")} failed`, problems.map(({ at, message }) => `${letter(at)}: ${message}`).join("\n"), "bad");
    if (own.length && full.length > own.length) this.badge("many", `${own.length} of ${full.length}`, `Only ${own.length} of ${full.length} series are drawn.`, "warn", () => { this.all = true; this.draw(); });
    else this.badge("many", null);
    this.age(full);
  }

  show(make) {
    const before = this.body.querySelector(".scroll");
    const [at, focused] = [before?.scrollTop ?? 0, this.body.contains(document.activeElement)];
    this.drawn?.destroy();
    this.body.classList.remove("failed");
    this.drawn = make();
    // A list that loads again stays where somebody is reading it.
    const box = this.body.querySelector(".scroll");
    if (box && at) box.scrollTop = at;
    if (box && focused && document.activeElement === document.body) box.focus({ preventScroll: true });
    this.element.setAttribute("data-state", "drawn");
  }

  /** The same chart with new points: nothing flashes, and read-outs stay. */
  redraw(common) {
    this.body.querySelector(".panel-fault")?.remove();
    this.body.classList.remove("failed");
    this.drawn.update(common);
    this.element.setAttribute("data-state", "drawn");
  }

  /** "Last seen", if the newest point is older than three of its steps. */
  age(series) {
    const now = this.host.ctx.time.now();
    const newest = Math.max(...series.filter(({ earlier }) => !earlier).map(({ times, values }) => times[values.findLastIndex((one) => one !== null)] ?? 0));
    const longest = series.find(({ times }) => times.length > 1)?.times ?? [];
    const step = longest.length > 1 ? (longest[longest.length - 1] - longest[0]) / (longest.length - 1) : 60_000;
    const old = this.result.range.to > now - 60_000 && now - newest > Math.max(3 * step, 60_000);
    this.badge("age", old ? `last seen ${ago(newest, now)}` : null, "No newer point has come.", "warn");
  }

  badge(kind, message, title, level, run) {
    let badge = this.badges.querySelector(`[data-kind="${kind}"]`);
    if (!message) return badge?.remove();
    if (badge?.textContent === message) return;
    badge?.remove();
    badge = h(run ? "button.badge.badge-button" : "span.badge", { title: title && `${message}. ${title}`, class: level ?? "", data: { kind }, onclick: run, type: run ? "button" : null }, message);
    this.badges.append(badge);
  }

  /** The way to the panel's form, where there is one. */
  editing() {
    const { host } = this;
    return host.ctx.writable && !host.ctx.embedded && !host.preview ? { label: "Edit it", run: () => host.edit(this) } : null;
  }

  /** A sentence in place of the picture. */
  say(message, ...actions) {
    this.drawn?.destroy();
    this.drawn = null;
    this.body.classList.remove("failed");
    this.element.setAttribute("data-state", "empty");
    fill(this.body, h("div.panel-note", h("p", message), actions.filter(Boolean).map(({ label, run, note }) => (run ? h("button", { type: "button", onclick: run }, label) : h("p.hint", note ?? label)))));
  }

  /** Queries failed: the old picture stays, greyed, below what the server said. */
  fail(problems) {
    const said = problems.map(({ at, message, details }) => h("li", this.panel.queries.length > 1 ? h("b", `${letter(at)} `) : null, h("span.name", message), details && details !== message ? h("span.hint", ` ${details}`) : null));
    const box = h("div.panel-fault", { role: "group", "aria-label": "Why there is nothing" }, icon("warn"), h("ul", said),
      h("button", { type: "button", onclick: () => this.host.reload(this) }, "Try again"));
    this.body.querySelector(".panel-fault")?.remove();
    this.element.setAttribute("data-state", "failed");
    if (this.drawn) {
      this.body.classList.add("failed");
      this.body.append(box);
    } else fill(this.body, box);
  }

  /** There is an answer without a point: says why, as far as it is known. */
  async explain() {
    const { panel, host, result } = this;
    const { range } = result;
    const span = spanText(range.to - range.from);
    const series = result.series.length;
    const own = host.values();
    const filters = [...own].filter(([, value]) => value !== "" && value !== "*").map(([tag, value]) => `${tag}=${value}`);
    if (series && panel.queries.some(({ expression }) => expression.trim())) {
      return this.say(`${counted(series, "series", "series")} came, and the expression gives no number for any of their values.`, this.editing());
    }
    this.say(`No points in ${range.to > host.ctx.time.now() - 60_000 ? "the last " : "these "}${span}.`, filters.length ? { note: `Filtered by ${filters.join(", ")}.` } : null);
    // What the query would give without this range, and without the filters.
    const at = panel.queries.findIndex(({ hidden }) => !hidden);
    const m = result.asked.get(at);
    const known = await host.why(m);
    if (!known || this.result !== result) return;
    if (known.series === 0 && known.all > 0) {
      const clear = filters.length ? { label: "Without the filter", run: () => host.clearFilters() } : null;
      return this.say(`No series of ${known.metric} has ${known.tags}. Without that there are ${known.all}.`, clear);
    }
    if (known.series === 0) return this.say(`The metric ${known.metric} has no series yet.`);
    if (known.last && known.last * 1000 < range.from) {
      const newest = known.last * 1000;
      return this.say(`No points in ${range.to > host.ctx.time.now() - 60_000 ? "the last " : "these "}${span}; the newest is ${ago(newest, host.ctx.time.now())}.`,
        { label: "Go there", run: () => host.zoom(newest - (range.to - range.from) * 0.8, newest + (range.to - range.from) * 0.2) });
    }
    if (await host.hasHistograms(m, range) && this.result === result) this.say(`${known.metric} has histograms, no points: sum:show-histogram-buckets:${known.metric} shows their ranges in a heat map.`, this.editing());
  }

  destroy() {
    this.drawn?.destroy();
    this.drawn = null;
    this.round = null;
    this.element.remove();
  }
}
