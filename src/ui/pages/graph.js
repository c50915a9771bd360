/**
 * Graph: find a metric, see it, split it, zoom, compare, share. All that is shown is in the address, in OpenTSDB's own form
 * (lib/fragment.js); what the address cannot follow stays in it and is said. Here are the address, the queries and the frame of
 * the picture; the picture itself is graph/picture.js, and what is seldom needed is loaded when it is.
 */
import { fill, h, icon, load as remembered, save, set, text } from "../lib/dom.js";
import { count } from "../lib/format.js";
import { readGraph, writeGraph } from "../lib/fragment.js";
import { DRAGGED, build, parse } from "../lib/query.js";
import * as time from "../lib/time.js";
import * as model from "./graph/model.js";
import { Rows } from "./graph/rows.js";

export const title = "Graph";

/** Before this many ms a request shows nothing; after the second number it can be stopped. */
const BUSY_AFTER = 150;
const SLOW_AFTER = 2000;
/** Queries remembered for Ctrl+up and Ctrl+down. */
const HISTORY_MAX = 50;
/** How long what is known of a metric's tags holds, in ms. */
const INFO_HOLDS = 60_000;

let picture = null;
/** What asks and draws: loaded while the first metric is being typed. */
const loadPicture = () => (picture ??= Promise.all([import("./graph/picture.js"), ...ahead()]).then(([view]) => view, (error) => { picture = null; throw error; }));
/** All that it imports is asked for at once, not module by module. */
const ahead = () => [import("../lib/chart.js"), import("../lib/chart/draw.js"), import("../vendor/uplot/uPlot.esm.js"), import("../lib/data.js")];

export async function mount(root, ctx) {
  await ctx.style("css/graph.css");
  const page = new Graph(root, ctx);
  page.update();
  return page;
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
    this.takeDrops();
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
    this.compareButton = button("compare", "Compare", (at) => this.menu("compare", at), { title: "Compare with an earlier time (c)" });
    this.typeButton = button("lines", "Lines", (at) => this.menu("type", at), { title: "Kind of lines and scale" });
    this.noteButton = button("note", "Notes", (at) => this.menu("note", at), { title: "Notes: marks of events" });
    this.shareButton = button("share", "Share", (at) => this.shareMenu(at), { title: "Link, picture, embed, text" });
    this.back = h("button.quiet-button", { type: "button", title: "Back before the last zoom (Backspace, double click)", onclick: () => ctx.back() }, icon("undo"), h("span.tool-label", "Back"));
    this.back.disabled = true;
    this.tools = h("div.picture-tools.no-print", this.back, this.compareButton, this.typeButton, this.noteButton, this.shareButton);
    this.busy = h("div.busy");
    this.slow = h("div.slow", { hidden: true }, h("span"), h("button", { type: "button", onclick: () => this.stop() }, "Stop"));
    this.banners = h("div.banners");
    this.box = h("div.picture-box");
    this.key = h("ul.key-box", { hidden: true, "aria-label": "Legend" });
    // A picture that somebody points at stays as it is until the pointer is gone.
    this.waits = h("div.slow.waits", { hidden: true }, h("span", "Reloads wait for the pointer"));
    const under = (on) => ({ pointerType }) => { if (pointerType !== "touch") this.under(on); };
    this.frame = h("div.picture-frame", { onpointerenter: under(true), onpointerleave: under(false) }, this.box, this.key, this.slow, this.waits);
    this.start = h("div.start");
    this.pictureArea = h("section.picture", { "aria-label": "Picture", hidden: true }, h("div.picture-head", this.said, this.tools), this.busy, this.banners, this.frame);
    this.numbers = h("section.panel", { "aria-label": "Numbers", hidden: true });
    fill(this.root, this.heading, ctx.embedded ? null : this.queries, this.problems, this.start, this.pictureArea, ctx.embedded ? null : this.numbers);
    this.root.classList.toggle("embedded", ctx.embedded);
    if (ctx.embedded) this.tools.hidden = true;
    this.rows = new Rows(this.queries, this);
  }

  /** Reloads wait while the pointer is on the picture; not on a wall (`x.play`), nor in a frame of another page. */
  under(on) {
    this.ctx.hold(on && !this.ctx.embedded && this.graph.x.play === undefined);
    if (!on) this.waits.hidden = true;
  }
  held() { this.waits.hidden = false; }

  /** Metrics and series that are dragged here become queries. */
  takeDrops() {
    const over = (on) => (event) => {
      if (!event.dataTransfer.types.includes(DRAGGED)) return;
      event.preventDefault();
      this.root.classList.toggle("drop", on);
    };
    this.root.addEventListener("dragover", over(true));
    this.root.addEventListener("dragleave", over(false));
    this.root.addEventListener("drop", (event) => {
      over(false)(event);
      const data = event.dataTransfer.getData(DRAGGED);
      this.later(import("../lib/drag.js"), ({ read }) => { const query = read(data); if (query) this.addQuery(query); });
    });
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
    const empty = ({ queries }) => queries.length === 1 && queries[0].text === "";
    if (!empty(graph)) return;
    // The frame tells the address once more when the page is there.
    if (!before || !empty(before)) this.showStart();
    if (!before && !this.ctx.embedded) this.rows.focus();
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
      this.adding = false;
      return this.change(model.without(this.graph, at));
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
  /** Another query, behind those that are there. */
  addQuery({ kind, text: one }) {
    const queries = [...this.graph.queries.filter(({ text: known }) => known !== ""), { kind, text: one, right: false, parsed: parse(one, kind), error: null }];
    this.adding = false;
    this.remember(queries);
    this.change({ queries });
  }
  duplicate(at) {
    const queries = [...this.graph.queries];
    queries.splice(at + 1, 0, { ...queries[at] });
    this.change({ queries });
  }
  move(at, way) { this.change(model.swapped(this.graph, at, at + way)); }
  isHidden(at) { return this.hide?.has(at) ?? false; }
  isRaw(at) { return this.raws?.has(at) ?? false; }
  toggle(at, alone) {
    const others = this.graph.queries.map((query, i) => i).filter((i) => i !== at && this.graph.queries[i].text !== "");
    let next = new Set(this.hide);
    if (alone) next = others.every((i) => next.has(i)) && !next.has(at) ? new Set() : new Set(others);
    else if (!next.delete(at)) next.add(at);
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

  refresh() { return this.graph.queries.every(({ text: one }) => one === "") ? this.showStart() : this.load({ again: true }); }

  stop() {
    this.asking?.abort();
    this.stale("stopped");
    this.banner("warn", "Stopped: what is shown is older.", { label: "Try again", run: () => this.load() });
    this.ctx.status("Stopped.");
  }

  /** Asks for the points of all queries, each by itself. The old picture stays until the new one is there. */
  async load({ again = false, confirmed = false } = {}) {
    this.asked = this.asks();
    this.asking?.abort();
    const mine = (this.asking = new AbortController());
    const bounds = this.ctx.time.bounds();
    const wanted = this.graph.queries.map((query, at) => ({ query, at })).filter(({ query, at }) => query.text !== "" && query.parsed && !this.hide.has(at));
    if (bounds.error || wanted.length === 0) {
      this.quiet();
      this.results = [];
      if (bounds.error) this.banner("bad", `Time range: ${bounds.error}.`);
      else fill(this.banners);
      if (this.graph.queries.every(({ text: one }) => one === "")) {
        this.picture = null;
        this.pictureArea.hidden = true;
        this.numbers.hidden = true;
      } else if (!wanted.length && this.data) this.view.show(this, [], bounds.error ? null : bounds, mine);
      return;
    }
    fill(this.start);
    this.pictureArea.hidden = false;
    this.loading(mine);
    try {
      const [view, under] = await Promise.all([loadPicture(), this.ctx.embedded ? null : import("./graph/panel.js")]);
      this.view = view;
      if (this.asking !== mine) return;
      view.prepare(this, under);
    } catch (error) {
      this.quiet();
      return this.banner("bad", "Parts of this page could not be loaded: the server does not answer.", { label: "Try again", run: () => this.load() });
    }
    await this.view.load(this, wanted, bounds, mine, { again, confirmed });
  }

  // ---------------------------------------------------------------- picture

  /** Draws what is at hand. */
  redraw(colours = false) { if (this.picture && this.chart) this.view.redraw(this, colours); }

  /** Whether shapes are compared: each line between its own lowest and highest value. */
  get normal() { return this.graph.x.normal !== undefined; }

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

  /** The line over the picture. */
  state() {
    if (this.picture) return this.view.state(this);
    this.box.classList.remove("stale");
    text(this.said, "");
  }
  stale(why) {
    this.failed = why;
    this.state();
  }

  showProblems() {
    fill(this.problems, this.graph.problems.map(({ message }) => this.makeBanner("warn", message)));
    const zone = this.graph.tz;
    if (zone && !time.isZone(zone)) this.problems.append(this.makeBanner("warn", `tz=${zone}: this is no time zone; ${this.ctx.time.zone} is shown.`));
  }

  /** The empty page: what was written last, or how to begin. */
  async showStart() {
    loadPicture().catch(() => {});
    if (this.ctx.embedded) return fill(this.start, h("p.state.quiet", "This link names no metric."));
    const mine = (this.starting = {});
    try {
      const { hits, total } = await this.ctx.api.metrics("", { max: 30 });
      if (this.starting !== mine || this.graph.queries.some(({ text: one }) => one !== "")) return;
      if (total === 0) return this.later(import("./graph/nothing.js"), ({ firstSteps }) => fill(this.start, firstSteps(this)));
      fill(this.start, h("div.recent", h("h2", hits.some(({ last }) => last) ? "Written most recently" : "Metrics"), h("ul", hits.map((hit) => h("li", h("button.quiet-button.recent-name", {
        type: "button", title: hit.name, onclick: () => this.rows.rows[0].choose(hit.name),
      }, h("span.name.cut.grow", hit.name), h("span.combo-extra", this.ctx.hitExtra(hit)))))), total > hits.length ? h("p.quiet", `${count(total)} in all: type a part of a name to find more.`) : null));
    } catch (error) {
      if (this.starting !== mine || error.kind === "aborted") return;
      // The names that are there stay.
      const fault = h("div.state.start-fault", this.makeBanner("bad", error.message, { label: "Try again", run: () => this.showStart() }));
      this.start.querySelector(".start-fault")?.remove();
      if (this.start.querySelector(".recent")) this.start.prepend(fault);
      else fill(this.start, fault);
    }
  }

  // ---------------------------------------------------------------- tools

  toolsState() {
    const shift = model.shiftOf(this.graph.x.shift);
    set(this.compareButton, { "aria-pressed": String(Boolean(shift)) });
    const type = model.TYPES.find(([name]) => name === model.typeOf(this.graph))?.[1] ?? "Points";
    text(this.typeButton.querySelector(".tool-label"), this.graph.ylog ? `${type}, log` : type);
    set(this.noteButton, { "aria-pressed": String(this.graph.globalAnnotations) });
  }

  /** As OpenTSDB's page: a logarithmic axis begins at 1 where the other began at 0. */
  logAxis(name) {
    const on = !this.graph[name];
    const limits = name === "ylog" ? "yrange" : "y2range";
    const value = this.graph[limits];
    this.change({ [name]: on, [limits]: on && value === "[0:]" ? "[1:]" : !on && value === "[1:]" ? "[0:]" : value }, { push: false });
  }

  /** Shows one of the tabs under the picture; false if there is no picture. */
  showTab(name) {
    if (!this.panel || this.numbers.hidden) return false;
    this.panel.choose(name);
    this.numbers.scrollIntoView({ block: "nearest" });
    return true;
  }
  /** Marks a span (`{ from, to }` in ms; null: none) and shows what else changed in it. */
  mark(span) {
    this.setX("mark", span ? `${span.from},${span.to}` : null, { push: false });
    this.showTab("changes");
  }
  note(event, span = null) { this.extras((more) => more.askNote(this, event, span)); }

  shareMenu(anchor) { this.extras((more) => more.shareMenu(this, anchor)); }
  menu(name, anchor) { this.later(import("./graph/menus.js"), (menus) => menus[name](this, anchor)); }
  extras(run) { this.later(import("./graph/extras.js"), run); }

  /** Runs something with a part of the page that is loaded when it is first used. */
  async later(part, run) {
    try {
      await run(await part);
    } catch (error) {
      console.error(error);
      this.banner("bad", "This part of the page could not be loaded: the server does not answer.");
    }
  }

  keys() {
    const group = "Graph";
    const tab = (name) => () => this.showTab(name);
    return this.ctx.keys.add([
      { keys: ["c"], help: "Compare with a week before, or not", group, run: () => this.setX("shift", this.graph.x.shift ? null : "1w") },
      { keys: ["l"], help: "Legend", group, run: tab("legend") },
      { keys: ["t"], help: "Table", group, run: tab("table") },
      { keys: ["y"], help: "Logarithmic axis, or not", group, run: () => this.logAxis("ylog") },
      { keys: ["w"], help: "What else changed in the marked span, or in this range", group, run: tab("changes") },
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
    this.panel?.looking?.asking.abort();
  }
}
