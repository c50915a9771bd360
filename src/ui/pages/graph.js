/**
 * Graph: find a metric, see it, split it, zoom, compare, share. All that is shown is in the address, in OpenTSDB's own form
 * (lib/fragment.js); what the address cannot follow stays in it and is said.
 */
import { post } from "../lib/api.js";
import { fill, h, icon, load as remembered, save, set, text } from "../lib/dom.js";
import { count, gnuplot, many, short } from "../lib/format.js";
import { legend as legendPlace, range as valueRange, readGraph, writeGraph } from "../lib/fragment.js";
import { menu } from "../lib/layer.js";
import { asksHistograms, build, downsampleFunction, downsampleText, forHistograms, interval, parse, withDownsample } from "../lib/query.js";
import { LINES } from "../lib/palette.js";
import * as time from "../lib/time.js";
import * as model from "./graph/model.js";
import { PERCENTILES, Rows } from "./graph/rows.js";

export const title = "Graph";

/** Before this many ms a request shows nothing; after the second number it can be stopped. */
const BUSY_AFTER = 150;
const SLOW_AFTER = 2000;
/** Most lines of a query that are drawn with the highest and lowest of their points. */
const PEAKS_MAX = 12;
/** Queries remembered for Ctrl+up and Ctrl+down. */
const HISTORY_MAX = 50;
/** How long what is known of a metric's tags holds, in ms. */
const INFO_HOLDS = 60_000;

let parts = null;
/** The chart and what is under it: loaded while the first metric is being typed. */
const loadParts = () => (parts ??= Promise.all([import("../lib/chart.js"), import("../lib/data.js"), import("./graph/panel.js")]).catch((error) => { parts = null; throw error; }));

export async function mount(root, ctx) {
  await Promise.all([ctx.style("css/graph.css"), ctx.style("css/chart.css")]);
  const page = new Graph(root, ctx);
  page.update();
  return page;
}

/**
 * Where the extremes of a line's points are: from its column to those of its highest and lowest. The true extremes take the place
 * of those of the means in what tables show.
 */
function aroundOf(answers, peaked) {
  const begins = new Map();
  let column = 0;
  for (const { slot, series } of answers) {
    begins.set(slot, column);
    column += series.length;
  }
  const around = new Map();
  for (const { slot, series, peaks } of peaked) {
    const count = series.length;
    const places = (list) => new Map(list.map((one, i) => [model.fullName(one), i]));
    const [high, low] = [places(peaks.high), places(peaks.low)];
    series.forEach((one, i) => {
      const name = model.fullName(one);
      if (!high.has(name) || !low.has(name)) return;
      around.set(begins.get(slot) + i, { high: column + high.get(name), low: column + count + low.get(name) });
      one.max = peaks.high[high.get(name)].max;
      one.min = peaks.low[low.get(name)].min;
    });
    column += 2 * count;
  }
  return around;
}

class Graph {
  constructor(root, ctx) {
    this.ctx = ctx;
    this.root = root;
    this.infos = new Map();
    this.hidden = new Set();
    this.peaked = new Set();
    // Metrics that had points here, and with a range those that had no histograms in it: a reload does not ask again.
    this.plain = new Set();
    this.picture = null;
    this.results = [];
    this.draw = ctx.theme.name;
    this.build();
    this.off = [ctx.theme.on(() => this.redraw(true)), ctx.time.on(() => this.state()), this.keys()];
    this.clock = setInterval(() => this.state(), 5000);
    this.loadAggregators();
  }

  // ---------------------------------------------------------------- parts

  build() {
    const { ctx } = this;
    this.heading = h("h1.unseen", "Graph");
    this.queries = h("section.queries", { "aria-label": "Queries" });
    this.problems = h("div.problems");
    this.said = h("p.picture-state", { "aria-live": "off" });
    const button = (name, label, run, extra = {}) => h("button.quiet-button", { type: "button", "aria-haspopup": "menu", "aria-expanded": "false", onclick: (event) => run(event.currentTarget), ...extra }, icon(name), h("span.tool-label", label));
    this.compareButton = button("compare", "Compare", (at) => this.compareMenu(at), { title: "Compare with an earlier time (c)" });
    this.typeButton = button("lines", "Lines", (at) => this.typeMenu(at), { title: "Kind of lines and scale" });
    this.noteButton = button("note", "Notes", (at) => this.noteMenu(at), { title: "Notes: marks of events" });
    this.shareButton = button("share", "Share", (at) => this.shareMenu(at), { title: "Link, picture, embed, text" });
    this.back = h("button.quiet-button", { type: "button", title: "Back before the last zoom (Backspace, double click)", onclick: () => ctx.back() }, icon("undo"), h("span.tool-label", "Back"));
    this.back.disabled = true;
    this.tools = h("div.picture-tools.no-print", this.back, this.compareButton, this.typeButton, this.noteButton, this.shareButton);
    this.busy = h("div.busy");
    this.slow = h("div.slow", { hidden: true }, h("span"), h("button", { type: "button", onclick: () => this.stop() }, "Stop"));
    this.banners = h("div.banners");
    this.box = h("div.picture-box");
    this.key = h("ul.key-box", { hidden: true, "aria-label": "Legend" });
    this.frame = h("div.picture-frame", this.box, this.key, this.slow);
    this.start = h("div.start");
    this.pictureArea = h("section.picture", { "aria-label": "Picture", hidden: true }, h("div.picture-head", this.said, this.tools), this.busy, this.banners, this.frame);
    this.numbers = h("section.panel", { "aria-label": "Numbers", hidden: true });
    fill(this.root, this.heading, ctx.embedded ? null : this.queries, this.problems, this.start, this.pictureArea, ctx.embedded ? null : this.numbers);
    this.root.classList.toggle("embedded", ctx.embedded);
    if (ctx.embedded) this.tools.hidden = true;
    this.rows = new Rows(this.queries, this);
  }

  async loadAggregators() {
    try {
      this.aggregators = (await this.ctx.api.get("api/aggregators")).sort();
      this.rows.rows.forEach((row) => row.drawAggregators());
    } catch {
      // The list of the rows itself does until the next visit.
    }
  }

  // ---------------------------------------------------------------- address

  /** The address is another one. */
  update() {
    const graph = readGraph(this.ctx.route.params);
    const before = this.graph;
    // An empty row is a place to type in: it is in no address, so it is kept here.
    if (graph.queries.length === 0 || this.adding) graph.queries.push({ kind: "m", text: "", right: false, parsed: null, error: null });
    this.graph = graph;
    this.hide = model.numbers(graph.x.hide);
    this.raws = model.numbers(graph.x.raw);
    this.rows.update(graph);
    this.showProblems();
    this.toolsState();
    const asks = this.asks();
    if (asks !== this.asked) {
      if (before && this.setOf(before) !== this.setOf(graph)) this.hidden.clear();
      this.load();
    } else this.redraw();
    if (graph.queries.length === 1 && graph.queries[0].text === "") this.showStart();
    if (!before && graph.queries.length === 1 && graph.queries[0].text === "" && !this.ctx.embedded) this.rows.focus();
  }

  setOf(graph) { return graph.queries.map(({ text: one }) => one).join("\n"); }

  /** All that decides which points are asked for. */
  asks() {
    const { graph } = this;
    return JSON.stringify([graph.start, graph.end, this.ctx.time.zone, graph.autoreload !== null, graph.queries.map(({ kind, text: one }, at) => (this.hide.has(at) ? null : [kind, one])), graph.x.shift, graph.x.raw, graph.noAnnotations, graph.globalAnnotations]);
  }

  /** Changes the graph: what the address says is written anew. */
  change(changes, { push = true } = {}) {
    const next = { ...this.graph, ...changes };
    next.queries = next.queries.filter(({ text: one }) => one !== "");
    // A first picture needs a start: OpenTSDB's page draws nothing without one.
    if (next.queries.length && !next.start) next.start = this.ctx.time.start;
    this.ctx.replaceParams(writeGraph(next), { push });
  }
  setX(name, value, options) {
    const x = { ...this.graph.x };
    if (value === null || value === undefined) delete x[name];
    else x[name] = value;
    this.change({ x }, options);
  }

  // What rows ask for.
  edit(at, query) {
    const queries = [...this.graph.queries];
    const last = at === queries.length - 1 && queries[at].text === "";
    if (query === null) {
      queries.splice(at, 1);
      this.adding = false;
      const without = (set) => new Set([...set].filter((one) => one !== at).map((one) => (one > at ? one - 1 : one)));
      const x = { ...this.graph.x, hide: model.fromNumbers(without(this.hide)), raw: model.fromNumbers(without(this.raws)) };
      return this.change({ queries, x });
    }
    queries[at] = query;
    if (last) this.adding = false;
    this.remember(queries);
    this.change({ queries });
  }
  add() {
    this.adding = true;
    this.update();
    this.rows.focus(this.graph.queries.length - 1);
  }
  duplicate(at) {
    const queries = [...this.graph.queries];
    queries.splice(at + 1, 0, { ...queries[at] });
    this.change({ queries });
  }
  move(at, way) {
    const queries = [...this.graph.queries];
    [queries[at], queries[at + way]] = [queries[at + way], queries[at]];
    const moved = (set) => new Set([...set].map((one) => (one === at ? at + way : one === at + way ? at : one)));
    this.change({ queries, x: { ...this.graph.x, hide: model.fromNumbers(moved(this.hide)), raw: model.fromNumbers(moved(this.raws)) } });
  }
  isHidden(at) { return this.hide?.has(at) ?? false; }
  isRaw(at) { return this.raws?.has(at) ?? false; }
  toggle(at, alone) {
    const all = this.graph.queries.map((query, i) => i).filter((i) => this.graph.queries[i].text !== "");
    const others = all.filter((i) => i !== at);
    let next = new Set(this.hide);
    if (alone) next = others.every((i) => next.has(i)) && !next.has(at) ? new Set() : new Set(others);
    else if (next.has(at)) next.delete(at);
    else next.add(at);
    this.setX("hide", model.fromNumbers(next), { push: false });
  }
  downsample(at, own, raw) {
    const queries = [...this.graph.queries];
    const query = queries[at];
    const value = build({ ...query.parsed, downsample: own });
    queries[at] = { ...query, text: value, parsed: { ...query.parsed, downsample: own } };
    const raws = new Set(this.raws);
    if (raw) raws.add(at);
    else raws.delete(at);
    this.change({ queries, x: { ...this.graph.x, raw: model.fromNumbers(raws) } });
  }

  /** What is known of a metric: tags, values, series, last point. */
  info(metric) {
    const known = this.infos.get(metric);
    if (known && Date.now() - known.at < INFO_HOLDS) return known.promise;
    const promise = this.ctx.api.get("api/ui/metric", { metric }).catch(() => {
      // Without it, tags are those of the answer.
      const tags = new Set();
      for (const { series } of this.picture?.answers ?? []) for (const one of series) if (one.metric === metric) for (const name of [...Object.keys(one.tags), ...one.aggregateTags]) tags.add(name);
      this.infos.delete(metric);
      return { tags: [...tags].sort().map((name) => ({ name, count: null, values: [] })), last: null };
    });
    this.infos.set(metric, { at: Date.now(), promise });
    return promise;
  }
  values(metric, tagk, typed, { max, signal }) {
    return this.ctx.api.get("api/ui/tagvalues", { metric, tagk, q: typed, max }, { signal });
  }

  remember(queries) {
    const line = queries.filter(({ text: one }) => one).map(({ kind, text: one, right }) => [kind, one, right]);
    const before = remembered("queries", []);
    const same = JSON.stringify(line);
    save("queries", [line, ...before.filter((one) => JSON.stringify(one) !== same)].slice(0, HISTORY_MAX));
    this.recalled = -1;
  }
  /** Ctrl+up and Ctrl+down: an earlier or a later set of queries. */
  recall(way) {
    const list = remembered("queries", []);
    const at = (this.recalled ?? -1) + way;
    if (at < 0 || at >= list.length) return;
    this.recalled = at;
    this.change({ queries: list[at].map(([kind, one, right]) => { const read = parse(one, kind); return { kind, text: one, right, parsed: read.error ? null : read, error: read.error ?? null }; }) });
  }

  // ---------------------------------------------------------------- points

  refresh() { return this.load({ again: true }); }

  stop() {
    this.asking?.abort();
    this.ctx.status("Stopped.");
  }

  /** Asks for the points of all queries, each by itself. The old picture stays until the new one is there. */
  async load({ again = false, confirmed = false } = {}) {
    this.asked = this.asks();
    this.asking?.abort();
    const mine = (this.asking = new AbortController());
    const bounds = this.ctx.time.bounds();
    const wanted = this.graph.queries.map((query, at) => ({ query, at })).filter(({ query, at }) => query.text !== "" && query.parsed && !this.hide.has(at));
    if (!again) this.guard = null;
    if (bounds.error || wanted.length === 0) {
      this.quiet();
      this.results = [];
      if (bounds.error) this.banner("bad", `Time range: ${bounds.error}.`);
      else fill(this.banners);
      if (this.graph.queries.every(({ text: one }) => one === "")) {
        this.picture = null;
        this.pictureArea.hidden = true;
        this.numbers.hidden = true;
      } else if (!wanted.length) this.show([], bounds.error ? null : bounds);
      return;
    }
    fill(this.start);
    this.pictureArea.hidden = false;
    this.loading(mine);
    let loaded;
    try {
      loaded = await loadParts();
    } catch (error) {
      this.quiet();
      return this.banner("bad", "Parts of this page could not be loaded: the server does not answer.", { label: "Try again", run: () => this.load() });
    }
    if (this.asking !== mine) return;
    this.prepareParts(loaded);
    const estimates = await Promise.all(wanted.map(({ query }) => this.estimate(query, bounds, mine.signal)));
    if (this.asking !== mine) return;
    if (!confirmed && !again && this.tooMuch(wanted, estimates)) return this.quiet();
    const shift = model.shiftOf(this.graph.x.shift);
    const answers = await Promise.all(wanted.flatMap(({ query, at }, i) => [0, ...(shift ? [shift] : [])].map((past) => this.ask(query, at, past, bounds, estimates[i], mine.signal))));
    if (this.asking !== mine) return;
    this.quiet();
    if (answers.every(({ error }) => error?.kind === "aborted")) return;
    this.trouble(answers);
    const good = answers.filter(({ error }) => !error);
    this.loadedAt = good.length ? Date.now() : this.loadedAt;
    if (!good.length) return this.stale("failed");
    await this.show(good, bounds, mine);
    await this.showPeaks(good, bounds, mine);
  }

  /**
   * Whether highest and lowest of each point are to be shown: where points were joined by their mean, and each line is one
   * series (of sums the extremes are not known).
   */
  hasPeaks({ auto, query, series, past }) {
    return auto?.func === "avg" && !past && !query.parsed.rate && series.length > 0 && series.length <= PEAKS_MAX && series.every(({ tsuids }) => tsuids.length === 1);
  }

  /** Asks for the highest and the lowest; an answer without them is as good as before. */
  async askPeaks(answer, bounds, signal) {
    const { query, slot, auto } = answer;
    const ask = (func, name) => this.data.query(`${slot}${name}`, { kind: query.kind, text: withDownsample(query.text, query.kind, { ...auto, func }), from: bounds.from, to: bounds.to, signal });
    const [high, low] = await Promise.all([ask("max", "x"), ask("min", "n")]).catch(() => []);
    if (!high || !low || high.series.length !== answer.series.length || low.series.length !== answer.series.length) return;
    answer.peaks = { high: high.series, low: low.series };
    this.peaked.add(query.text);
  }

  /** For queries that had no extremes with their first answer. */
  async showPeaks(answers, bounds, mine) {
    const lacking = answers.filter((answer) => !answer.peaks && this.hasPeaks(answer));
    if (!lacking.length) return;
    await Promise.all(lacking.map((answer) => this.askPeaks(answer, bounds, mine.signal)));
    if (this.asking === mine && lacking.some(({ peaks }) => peaks)) await this.show(answers, bounds, mine, true);
  }

  /** One query; gives its answer or its error. */
  async ask(query, at, past, bounds, estimate, signal) {
    const downsample = this.chosenDownsample(query, at, bounds, estimate);
    const asked = downsample && !query.parsed.downsample ? withDownsample(query.text, query.kind, downsample) : query.text;
    const params = { show_summary: true };
    if (this.graph.noAnnotations) params.no_annotations = true;
    if (this.graph.globalAnnotations) params.global_annotations = true;
    const slot = `${at}${past ? "p" : ""}`;
    const options = { kind: query.kind, text: asked, from: bounds.from, to: bounds.to, shift: past, params };
    const url = this.ctx.api.address("api/query", { start: Math.floor(bounds.from - past), end: Math.ceil(bounds.to - past), [query.kind]: asked, arrays: true, ms: true, show_tsuids: true, ...params });
    const answer = { at, query, past, slot, url, auto: downsample && !query.parsed.downsample ? downsample : null, downsample: query.parsed.downsample ? downsampleText(query.parsed.downsample) : downsample ? downsampleText(downsample) : null };
    try {
      const found = { ...answer, ...(await this.data.query(slot, { ...options, signal })) };
      // Known to have them: so that a reload does not show them later than the rest.
      if (this.peaked.has(query.text) && this.hasPeaks(found)) await this.askPeaks(found, bounds, signal);
      return found;
    } catch (error) {
      return { ...answer, series: [], error };
    }
  }

  /** Automatic downsampling: one point a pixel, and none while all points are few enough. */
  chosenDownsample(query, at, bounds, estimate) {
    if (query.parsed.downsample || this.isRaw(at)) return null;
    const width = Math.max(200, (this.box.clientWidth || 1000) - 70);
    const per = interval(bounds.to - bounds.from, width);
    const perMs = time.duration(per);
    if (estimate?.series > 0 && estimate.points / estimate.series <= 2 * width) return null;
    // Without an estimate: most collectors send every 10 s or less often.
    if (!estimate && perMs < 10_000) return null;
    return { interval: per, func: downsampleFunction(query.parsed), fill: "" };
  }

  async estimate(query, bounds, signal) {
    const json = model.toJson(query);
    if (!json) return null;
    try {
      const answer = await post("api/ui/estimate", { start: Math.floor(bounds.from), end: Math.ceil(bounds.to), queries: [json] }, { signal, patience: 5000 });
      return Number.isFinite(answer?.series) ? answer : null;
    } catch {
      // The query itself says what is wrong.
      return null;
    }
  }

  /** Says so before a query that would be very large, and offers what to do. */
  tooMuch(wanted, estimates) {
    if (this.graph.x.all !== undefined) return false;
    const heavy = wanted.map((one, i) => ({ ...one, estimate: estimates[i] })).filter(({ query, at, estimate }) => estimate && (
      this.drawnSeries(query, estimate) > model.SERIES_GUARD || (this.isRaw(at) && estimate.points > model.POINTS_GUARD)));
    if (!heavy.length) return false;
    const { query, at, estimate } = heavy[0];
    this.picture = null;
    this.chart?.set({ times: new Float64Array(0), columns: [], lines: [], events: [], envelopes: [], heat: null, empty: "" });
    this.numbers.hidden = true;
    const more = [
      { label: "Top 20", run: () => this.top(at, query) },
      query.parsed.groups?.length || query.parsed.agg === "none" ? { label: "Sum", run: () => this.edit(at, { ...query, text: build({ ...query.parsed, agg: "sum", groups: [], filters: [...query.parsed.filters, ...query.parsed.groups.filter(({ filter }) => filter !== "*")] }) }) } : null,
      { label: "Draw all", run: () => this.load({ confirmed: true }) },
    ].filter(Boolean);
    this.banner("warn", `${query.text}: up to ${many(estimate.series, "series", "series")} and ${many(estimate.points, "point")}.`, ...more);
    this.ctx.status("This query is very large. Choose what to draw.");
    return true;
  }

  /** Series that would come back: one for all without grouping. */
  drawnSeries(query, estimate) {
    return query.parsed.agg === "none" || query.parsed.groups?.some(({ filter }) => filter !== "*" ? filter.includes("*") || filter.includes("|") : true) ? estimate.series : 1;
  }

  /** The 20 series with the highest values: found by one value each, then asked for by their tags. */
  async top(at, query) {
    const bounds = this.ctx.time.bounds();
    const mine = (this.asking = new AbortController());
    this.loading(mine);
    const probe = await this.data.query("top", { kind: query.kind, text: withDownsample(query.text, query.kind, { interval: "0all", func: "max", fill: "" }), from: bounds.from, to: bounds.to, signal: mine.signal }).catch((error) => ({ error }));
    this.data.drop(["top"]);
    this.quiet();
    if (this.asking !== mine) return;
    if (probe.error) return this.banner("bad", probe.error.message, { label: "Try again", run: () => this.load() });
    const best = probe.series.filter(({ max }) => max !== null).sort((a, b) => b.max - a.max).slice(0, 20);
    const groups = query.parsed.groups.map((tag) => {
      const values = [...new Set(best.map(({ tags }) => tags[tag.tagk]).filter(Boolean))];
      return values.length ? { tagk: tag.tagk, filter: values.join("|") } : tag;
    });
    this.edit(at, { ...query, text: build({ ...query.parsed, groups }) });
  }

  prepareParts([{ Chart }, { Data }, { Panel }]) {
    if (this.chart) return;
    const { ctx } = this;
    this.data = new Data();
    this.chart = new Chart(this.box, {
      theme: ctx.theme.name, zone: ctx.time.zone,
      onzoom: (from, to) => ctx.time.show(from, to),
      onback: () => { if (!ctx.back()) ctx.status("Nothing to go back to."); },
      onevent: (event) => this.note(event),
      onspan: (from, to) => { if (ctx.writable) this.note(null, { from, to }); },
      status: ctx.status,
    });
    this.panel = ctx.embedded ? null : new Panel(this.numbers, this);
  }

  // ---------------------------------------------------------------- picture

  async show(answers, bounds, mine = this.asking, again = false) {
    if (!this.data) return;
    const peaked = answers.filter(({ peaks }) => peaks);
    const slots = [...answers.map(({ slot }) => slot), ...peaked.flatMap(({ slot }) => [`${slot}x`, `${slot}n`])];
    const aligned = slots.length ? await this.data.align(slots) : { times: new Float64Array(0), columns: [] };
    if (this.asking !== mine) return;
    this.picture = { answers, bounds: bounds ?? this.ctx.time.bounds(), ...aligned, all: aligned.columns, heat: model.heat(answers, aligned.times, aligned.columns), around: aroundOf(answers, peaked), loaded: Date.now() };
    this.failed = null;
    this.redraw();
    if (again) return;
    const { lines, heat } = this.picture;
    const drawn = lines.filter(({ hidden, past }) => !hidden && !past).length;
    const what = [heat ? `heat map of ${many(heat.rows.length, "range")}` : "", drawn ? `${count(drawn)} series` : ""].filter(Boolean).join(" and ");
    this.ctx.status(what ? `${what} drawn` : "No points in this time range.");
  }

  /** Draws what is at hand. */
  redraw(colours = false) {
    if (!this.picture || !this.chart) return;
    const { graph, picture } = this;
    const { answers, bounds } = picture;
    const max = graph.x.all !== undefined ? Infinity : model.LINES_MAX;
    Object.assign(picture, model.lines(answers, { type: model.typeOf(graph), max, hidden: this.hidden }));
    picture.events = graph.noAnnotations ? [] : model.events(answers);
    // Tables take columns by the line's number.
    picture.columns = picture.all;
    // What stands around the picture comes first: it decides how large the picture is, which is then drawn once.
    this.keyBox();
    this.rows.results(this.graph.queries.map((query, at) => {
      const mine = answers.filter((one) => one.at === at && !one.past);
      const error = this.errors?.get(at) ?? null;
      return { error, lines: picture.lines.filter((line) => line.at === at && !line.past), downsample: mine[0]?.auto ?? null };
    }));
    this.panel?.update();
    const axis = (label, form, limits, log) => {
      const values = limits ? valueRange(limits) : null;
      return { label: label || undefined, format: gnuplot(form) ?? undefined, min: values?.min ?? undefined, max: values?.max ?? undefined, log };
    };
    const names = picture.metrics.join(", ");
    this.chart.set({
      theme: this.ctx.theme.name, zone: this.ctx.time.zone, times: picture.times, columns: picture.lines.map(({ column }) => picture.all[column]), lines: picture.lines, heat: picture.heat,
      range: { from: bounds.from, to: bounds.to }, events: picture.events, envelopes: this.envelopes(),
      normal: this.normal, left: axis(graph.ylabel || (this.normal ? "% of its own range" : null), graph.yformat, graph.yrange, graph.ylog), right: axis(graph.y2label, graph.y2format, graph.y2range, graph.y2log),
      label: `Graph of ${names || "nothing"}`, description: this.describe(), empty: "",
    });
    this.hints();
    this.state();
    if (colours) this.toolsState();
    this.ctx.retitle();
  }

  /** Whether shapes are compared: each line between its own lowest and highest value. */
  get normal() { return this.graph.x.normal !== undefined; }

  /** Between which values each line's points lay, for kinds of lines where that can be shaded. */
  envelopes() {
    const { lines, around, all } = this.picture;
    if (!around.size || this.normal || !["line", "smooth", "steps", "linespoint"].includes(model.typeOf(this.graph))) return [];
    return lines.map(({ column }, line) => ({ line, found: around.get(column) })).filter(({ found }) => found).map(({ line, found }) => ({ line, high: all[found.high], low: all[found.low] }));
  }

  describe() {
    const { lines, bounds, total } = this.picture;
    const { zone } = this.ctx.time;
    const shown = lines.filter(({ hidden, past }) => !hidden && !past);
    const ends = `${time.format(bounds.from, zone, "minute")} to ${time.format(bounds.to, zone, "minute")}, ${zone}`;
    const { heat } = this.picture;
    const map = heat ? `Heat map of ${many(heat.rows.length, "range")} from ${heat.rows[0].label} to ${heat.rows[heat.rows.length - 1].label}, highest count ${short(heat.most, 4)}; ` : "";
    if (!shown.length) return `${map || "No lines; "}${ends}.`;
    const min = Math.min(...shown.map(({ series }) => series.min ?? Infinity));
    const max = Math.max(...shown.map(({ series }) => series.max ?? -Infinity));
    const names = shown.slice(0, 5).map(({ label }) => label).join(", ");
    return `${map}${many(shown.length, "series", "series")}${total > shown.length ? ` of ${total}` : ""}: ${names}${shown.length > 5 ? " and more" : ""}; ${ends}; lowest ${short(min, 4)}, highest ${short(max, 4)}. Arrow keys walk along the points, Enter keeps a read-out.`;
  }

  /** The legend in the picture that links ask for by `key`. */
  keyBox() {
    const place = this.graph.nokey || !this.graph.key ? (this.ctx.embedded && !this.graph.nokey ? { place: "out bottom center", box: false, horiz: true } : null) : legendPlace(this.graph.key);
    this.key.hidden = !place;
    this.frame.dataset.key = place?.place ?? "";
    if (!place) return;
    this.key.classList.toggle("boxed", place.box);
    this.key.classList.toggle("horiz", place.horiz);
    const names = LINES[this.ctx.theme.name];
    const { lines } = this.picture;
    fill(this.key, lines.slice(0, 40).map((line) => h("li", { title: line.name }, h("span.swatch", { class: line.past || line.dash?.[0] > 3 ? "dash-1" : line.dash ? "dash-2" : "", style: { color: line.faint ? "var(--quiet)" : names[line.color] } }), h("span.name.cut", line.label))),
      lines.length > 40 ? h("li.quiet", `and ${lines.length - 40} more`) : null);
  }

  light(line) {
    if (!this.chart?.u) return;
    this.chart.light(line ? this.picture.lines.indexOf(line) : null);
  }
  isolate(id) {
    const ids = new Set(this.picture.lines.map((line) => line.id));
    const others = [...ids].filter((one) => one !== id);
    const alone = !this.hidden.has(id) && others.every((one) => this.hidden.has(one));
    this.hidden = alone ? new Set() : new Set(others);
    this.redraw();
  }
  hideLine(id) {
    if (this.hidden.has(id)) this.hidden.delete(id);
    else this.hidden.add(id);
    this.redraw();
  }
  showAll() {
    this.hidden.clear();
    this.redraw();
  }

  // ---------------------------------------------------------------- states

  loading(mine) {
    clearTimeout(this.busyTimer);
    clearInterval(this.slowTimer);
    const begun = Date.now();
    this.busyTimer = setTimeout(() => { if (this.asking === mine) this.busy.classList.add("on"); }, BUSY_AFTER);
    this.slowTimer = setInterval(() => {
      if (Date.now() - begun < SLOW_AFTER) return;
      this.slow.hidden = false;
      text(this.slow.firstChild, `${Math.round((Date.now() - begun) / 1000)} s`);
    }, 500);
    mine.signal.addEventListener("abort", () => { if (this.asking === mine) this.quiet(); });
  }
  quiet() {
    clearTimeout(this.busyTimer);
    clearInterval(this.slowTimer);
    this.busy.classList.remove("on");
    this.slow.hidden = true;
  }

  banner(kind, message, ...actions) {
    fill(this.banners, this.makeBanner(kind, message, ...actions));
    this.pictureArea.hidden = false;
  }
  makeBanner(kind, message, ...actions) {
    return h("div.banner", { class: kind, role: kind === "bad" ? "alert" : null }, icon("warn"), h("span.grow.name", message), actions.map(({ label, run }) => h("button", { type: "button", onclick: run }, label)));
  }

  /** Errors of single queries: at their rows, and in a banner with a way to try again. */
  trouble(answers) {
    const bad = answers.filter(({ error }) => error && error.kind !== "aborted");
    this.errors = new Map(bad.map(({ at, error, past }) => [at, past ? `Comparison: ${error.message}` : error.message]));
    fill(this.banners);
    if (!bad.length) return;
    const reached = bad.every(({ error }) => error.kind === "http");
    const all = bad.length === answers.length;
    const first = bad[0].error;
    const what = first.kind === "offline" ? "The server does not answer." : first.kind === "slow" ? first.message : first.status === 503 || first.status === 429 ? `The server refuses for now: ${first.message}` : all && bad.length === 1 ? first.message : all ? `No query has an answer: ${first.message}` : `${bad.length} of ${answers.length} queries failed: ${first.message}`;
    this.banner("bad", reached || first.kind !== "offline" ? what : `${navigator.onLine === false ? "This computer is offline." : what}`, { label: "Try again", run: () => this.load({ again: true }) });
    this.ctx.error(what);
    this.rows.results(this.graph.queries.map((query, at) => ({ error: this.errors.get(at) ?? null, lines: this.picture?.lines?.filter((line) => line.at === at && !line.past) ?? [], downsample: this.picture?.answers?.find((one) => one.at === at)?.auto ?? null })));
  }

  stale(why) {
    this.failed = why;
    this.state();
  }

  /** The line over the picture: what it shows, how old it is. */
  state() {
    if (!this.picture) {
      this.box.classList.toggle("stale", false);
      text(this.said, "");
      return;
    }
    const { answers, lines = [], bounds } = this.picture;
    const shown = lines.filter(({ past, hidden }) => !past && !hidden).length;
    const points = answers.reduce((sum, { series }) => sum + series.reduce((more, { points: n }) => more + n, 0), 0);
    const words = [`${many(shown, "line")}`, `${many(points, "point")}`];
    const down = [...new Set(answers.map(({ downsample }) => downsample).filter(Boolean))];
    if (down.length) words.push(down.join(", "));
    if (answers.some(({ peaks }) => peaks)) words.push("lowest to highest shaded");
    const shift = model.shiftOf(this.graph.x.shift);
    if (shift) words.push(`with ${time.span(shift)} before`);
    if (this.picture.heat) words.push(`heat map: ${this.ctx.theme.name === "dark" ? "lighter" : "darker"} is more, up to ${short(this.picture.heat.most)}`);
    const old = Date.now() - this.picture.loaded;
    const stale = this.failed || this.ctx.time.paused || (this.ctx.time.every && old > 3000 * this.ctx.time.every);
    this.box.classList.toggle("stale", Boolean(this.failed));
    fill(this.said, stale ? h("span.dot.warn", { title: "old data" }) : null,
      stale ? h("span.warn", `${this.failed ? "Reload failed; " : this.ctx.time.paused ? "Paused; " : ""}data of ${time.ago(this.picture.loaded, Date.now())}`) : null, stale ? " · " : null, words.join(" · "),
      h("span.unseen", ` from ${time.format(bounds.from, this.ctx.time.zone)}`));
    this.back.disabled = !this.ctx.zoomed();
  }

  /** Under the banners of errors: what else should be known of this picture. */
  hints() {
    for (const old of this.banners.querySelectorAll(".hint-banner")) old.remove();
    const { lines, total, answers } = this.picture;
    const add = (kind, message, ...actions) => this.banners.append(set(this.makeBanner(kind, message, ...actions), { class: "hint-banner" }));
    const present = lines.filter(({ past }) => !past).length;
    if (total > present) add("", `The ${present} lines with the highest values of ${count(total)} are drawn.`, { label: "Draw all", run: () => this.setX("all", "", { push: false }) });
    if (this.chart.skipped) add("warn", `${many(this.chart.skipped, "value")} at or below 0 cannot be shown on a logarithmic axis.`);
    const empty = answers.filter(({ past, series }) => !past && series.every(({ count: n }) => n === 0));
    const full = answers.filter((one) => !one.past && !empty.includes(one) && one.query.parsed?.metric && !asksHistograms(one.query.parsed));
    full.forEach(({ query }) => this.plain.add(query.parsed.metric));
    if (empty.length && empty.length === answers.filter(({ past }) => !past).length) this.empty(empty[0]);
    else for (const { query } of empty) add("", `${query.text}: no points in this time range.`);
  }

  /** Nothing in the range: says so in the picture, and where the newest points are. */
  async empty({ query, at }) {
    const { bounds } = this.picture;
    const mine = this.picture;
    const label = this.ctx.time.label();
    this.chart.set({ empty: label.startsWith("Last") ? `No points in the ${label.toLowerCase()}.` : "No points in this time range." });
    if (!query.parsed?.metric) return;
    if (!asksHistograms(query.parsed) && await this.hasHistograms(query)) {
      const draw = (label, how) => ({ label, run: () => this.edit(at, { ...query, text: build(forHistograms(query.parsed, how)) }) });
      if (this.picture === mine) this.banners.append(set(this.makeBanner("", `${query.parsed.metric} has histograms, no points.`, draw("Heat map", "show-histogram-buckets"), draw("Percentiles", PERCENTILES)), { class: "hint-banner" }));
      return;
    }
    const about = await this.info(query.parsed.metric);
    if (this.picture !== mine || !about?.last) return;
    const last = about.last * 1000;
    if (last >= bounds.from && last <= bounds.to) return;
    const spanMs = bounds.to - bounds.from;
    this.banners.append(set(this.makeBanner("", `The newest point is ${time.ago(last, Date.now())}: ${time.format(last, this.ctx.time.zone, "minute")}.`, { label: "Go there", run: () => this.ctx.time.show(last - spanMs * 0.9, last + spanMs * 0.1) }), { class: "hint-banner" }));
  }

  /** Whether a metric without points has histograms in the range. */
  async hasHistograms(query) {
    const { bounds } = this.picture;
    const { metric } = query.parsed;
    const here = `${metric} ${this.ctx.time.label()}`;
    if (this.plain.has(metric) || this.plain.has(here)) return false;
    const text = build({ ...forHistograms(query.parsed, "show-histogram-buckets"), downsample: { interval: interval(bounds.to - bounds.from, 100), func: "sum", fill: "" } });
    const found = await this.ctx.api.get("api/query", { start: Math.floor(bounds.from), end: Math.ceil(bounds.to), m: text, arrays: true }).catch(() => []);
    const has = found.some(({ dps }) => dps?.length);
    if (!has) this.plain.add(here);
    return has;
  }

  showProblems() {
    fill(this.problems, this.graph.problems.map(({ message }) => this.makeBanner("warn", message)));
    const zone = this.graph.tz;
    if (zone && !time.isZone(zone)) this.problems.append(this.makeBanner("warn", `tz=${zone}: this is no time zone; ${this.ctx.time.zone} is shown.`));
  }

  /** The empty page: what was written last, or how to begin. */
  async showStart() {
    loadParts().catch(() => {});
    if (this.ctx.embedded) return fill(this.start, h("p.state.quiet", "This link names no metric."));
    const mine = (this.starting = {});
    try {
      const { hits, total } = await this.ctx.api.metrics("", { max: 30 });
      if (this.starting !== mine || this.graph.queries.some(({ text: one }) => one !== "")) return;
      if (total === 0) return fill(this.start, this.firstSteps());
      fill(this.start, h("div.recent", h("h2", hits.some(({ last }) => last) ? "Written most recently" : "Metrics"), h("ul", hits.map((hit) => h("li", h("button.quiet-button.recent-name", {
        type: "button", title: hit.name, onclick: () => this.rows.rows[0].choose(hit.name),
      }, h("span.name.cut.grow", hit.name), h("span.combo-extra", this.ctx.hitExtra(hit)))))), total > hits.length ? h("p.quiet", `${count(total)} in all: type a part of a name to find more.`) : null));
    } catch (error) {
      if (this.starting !== mine || error.kind === "aborted") return;
      fill(this.start, h("div.state", this.makeBanner("bad", error.message, { label: "Try again", run: () => this.showStart() })));
    }
  }

  firstSteps() {
    const host = location.hostname;
    const port = location.port || (location.protocol === "https:" ? "443" : "80");
    const now = Math.floor(Date.now() / 1000);
    return h("div.state", h("h2", "No metrics yet: send one like this"),
      h("pre.example", { tabindex: "0", "aria-label": "By telnet" }, `echo "put my.first.metric ${now} 42 host=$(hostname)" | nc -w 1 ${host} ${port}`),
      h("pre.example", { tabindex: "0", "aria-label": "By HTTP" }, `curl -H 'Content-Type: application/json' \\\n  -d '{"metric":"my.first.metric","timestamp":${now},"value":42,"tags":{"host":"web01"}}' \\\n  ${location.origin}/api/put`),
      h("p.quiet", "New names need tsd.core.auto_create_metrics = true."), h("button", { type: "button", onclick: () => this.showStart() }, "Look again"));
  }

  // ---------------------------------------------------------------- tools

  toolsState() {
    const shift = model.shiftOf(this.graph.x.shift);
    set(this.compareButton, { "aria-pressed": String(Boolean(shift)) });
    const type = model.TYPES.find(([name]) => name === model.typeOf(this.graph))?.[1] ?? "Points";
    text(this.typeButton.querySelector(".tool-label"), this.graph.ylog ? `${type}, log` : type);
    set(this.noteButton, { "aria-pressed": String(this.graph.globalAnnotations) });
  }

  compareMenu(anchor) {
    const now = this.graph.x.shift ?? "";
    const item = (value, label) => ({ label, checked: now === value, run: () => this.setX("shift", value || null, { push: true }) });
    menu(anchor, [item("", "No comparison"), "-", item("1h", "1 hour before"), item("1d", "1 day before"), item("1w", "1 week before"), item("30d", "30 days before"), item("1y", "1 year before"), "-",
      { label: now && !["1h", "1d", "1w", "30d", "1y"].includes(now) ? `Another: ${now} …` : "Another …", run: () => this.extras((more) => more.askShift(this)) }], { label: "Compare" });
  }

  typeMenu(anchor) {
    const type = model.typeOf(this.graph);
    menu(anchor, [
      ...model.TYPES.map(([name, label]) => ({ label, checked: name === type, run: () => this.change(model.withType(this.graph, name), { push: false }) })), "-",
      { label: "Logarithmic, left", hint: "y", checked: this.graph.ylog, run: () => this.logAxis("ylog") },
      { label: "Logarithmic, right", checked: this.graph.y2log, run: () => this.logAxis("y2log") },
      { label: "Shapes: each from 0 to 100 %", checked: this.normal, run: () => this.setX("normal", this.normal ? null : "", { push: false }) },
      { label: "From zero", checked: this.graph.yrange === "[0:]", run: () => this.change({ yrange: this.graph.yrange === "[0:]" ? null : "[0:]" }, { push: false }) },
      { label: "Axes …", run: () => this.extras((more) => more.askAxes(this)) },
    ], { label: "Kind of lines" });
  }
  /** As OpenTSDB's page: a logarithmic axis begins at 1 where the other began at 0. */
  logAxis(name) {
    const on = !this.graph[name];
    const limits = name === "ylog" ? "yrange" : "y2range";
    const value = this.graph[limits];
    this.change({ [name]: on, [limits]: on && value === "[0:]" ? "[1:]" : !on && value === "[1:]" ? "[0:]" : value }, { push: false });
  }

  noteMenu(anchor) {
    const { graph } = this;
    const kind = graph.noAnnotations ? "none" : graph.globalAnnotations ? "all" : "own";
    const choose = (noAnnotations, globalAnnotations) => () => this.change({ noAnnotations, globalAnnotations }, { push: false });
    menu(anchor, [
      { label: "Of these series", checked: kind === "own", run: choose(false, false) }, { label: "Of these series and global", checked: kind === "all", run: choose(false, true) }, { label: "None", checked: kind === "none", run: choose(true, false) },
      this.ctx.writable ? "-" : null, this.ctx.writable ? { label: "Add a note …", icon: "note", run: () => this.note(null) } : null,
    ], { label: "Notes" });
  }
  note(event, span = null) { this.extras((more) => more.askNote(this, event, span)); }

  shareMenu(anchor) {
    this.extras((more) => more.shareMenu(this, anchor));
  }

  async extras(run) {
    try {
      run(await import("./graph/extras.js"));
    } catch (error) {
      console.error(error);
      this.banner("bad", "This part of the page could not be loaded: the server does not answer.");
    }
  }

  keys() {
    const group = "Graph";
    const tab = (name) => () => { if (!this.panel || this.numbers.hidden) return false; this.panel.choose(name); this.numbers.scrollIntoView({ block: "nearest" }); return true; };
    return this.ctx.keys.add([
      { keys: ["c"], help: "Compare with a week before, or not", group, run: () => this.setX("shift", this.graph.x.shift ? null : "1w") },
      { keys: ["l"], help: "Legend", group, run: tab("legend") },
      { keys: ["t"], help: "Table", group, run: tab("table") },
      { keys: ["y"], help: "Logarithmic axis, or not", group, run: () => this.logAxis("ylog") },
      { keys: ["n"], help: "Add a note", group, run: () => (this.ctx.writable ? this.note(null) : false) },
      { keys: ["Ctrl+Enter"], help: "Draw all queries again", group, typing: true, run: () => { this.load(); } },
      { keys: ["Ctrl+ArrowUp"], help: "Earlier queries", group, typing: true, run: () => this.recall(1) },
      { keys: ["Ctrl+ArrowDown"], help: "Later queries", group, typing: true, run: () => this.recall(-1) },
    ]);
  }

  title() {
    const names = this.graph.queries.map(({ parsed, text: one }) => parsed?.metric ?? one).filter(Boolean);
    return names.length ? `${[...new Set(names)].slice(0, 3).join(", ")}${names.length > 3 ? " …" : ""}` : "Graph";
  }

  unmount() {
    this.asking?.abort();
    this.asking = null;
    this.quiet();
    clearInterval(this.clock);
    for (const off of this.off) off();
    this.chart?.destroy();
    this.data?.close();
  }
}
