/** One screen: its head, its variables and the grid of panels, drawn when they come into view. */
import { fill, h, icon, iconButton, text } from "../../lib/dom.js";
import { toast } from "../../lib/layer.js";
import { asksHistograms, build, forHistograms, interval, parse } from "../../lib/query.js";
import { ago, format } from "../../lib/time.js";
import { Queue, Round } from "./load.js";
import { asked, valuesOf } from "./model.js";
import { PanelView } from "./panel.js";
import { variables } from "./variables.js";

/** How far below the window panels are loaded in advance. */
const AHEAD = "240px";

/**
 * `page`: `ctx`, `actions`. `screen` is what is shown: a draft while `editing`. Calls of the page: `update()` after the
 * address changed, `refresh()` to load again, `changed()` after the screen was edited, `destroy()`.
 */
export class ScreenView {
  constructor(page, root) {
    this.page = page;
    this.ctx = page.ctx;
    this.queue = new Queue();
    this.views = new Map();
    this.round = null;
    this.estimates = new Map();
    this.sync = Symbol("crosshair");
    this.head = h("header.screen-head");
    // What is wrong with the range, and the offer of a draft: a reload looks at the first alone.
    this.banner = h("div.screen-banner", { "aria-live": "polite" });
    this.offer = h("div.screen-banner", { "aria-live": "polite" });
    this.told = h("div.screen-banner", { "aria-live": "polite" });
    this.variables = h("div.variables", { role: "group", "aria-label": "Filters of all panels" });
    this.grid = h("div.grid");
    this.element = h("div.screen", this.head, this.banner, this.offer, this.told, this.variables, this.grid);
    root.append(this.element);
    this.observer = new IntersectionObserver((entries) => this.sight(entries), { rootMargin: `${AHEAD} 0px` });
    this.arranging = null;
    this.offTheme = this.ctx.theme.on(() => { for (const view of this.views.values()) view.draw(); });
  }

  get legend() { return this.ctx.route.params.get("x.legend") !== "0"; }
  get columns() { return this.alone === null ? this.screen.columns : 1; }
  /** The panel that is shown alone, by its place, or null. */
  get alone() {
    const at = Number(this.ctx.route.params.get("x.panel") ?? NaN);
    return Number.isInteger(at) && at >= 0 && at < this.screen.panels.length ? at : null;
  }
  values() { return valuesOf(this.screen, this.ctx.route.params); }

  /** Shows a screen, or the same one after a change. */
  show(screen, { editing = false, draft = false } = {}) {
    Object.assign(this, { screen, editing, draft });
    this.element.classList.toggle("editing", editing);
    if (editing) this.arranging ??= import("./arrange.js").then(({ arrange }) => arrange(this.grid, { move: (from, to) => this.move(from, to), editing: () => this.editing }));
    this.drawHead();
    this.drawVariables();
    this.layout();
  }

  /** What happened to the screen elsewhere: a banner, or null. */
  tell(banner) { fill(this.told, banner); }

  drawVariables() {
    const shown = JSON.stringify([[...this.values()], this.screen.variables]);
    if (this.shownVariables === shown) return;
    this.shownVariables = shown;
    variables(this.variables, { ctx: this.ctx, screen: this.screen, values: () => this.values() });
  }

  drawHead() {
    const { screen, ctx, page, editing } = this;
    const place = [screen.folder && h("span.quiet.name", `${screen.folder} / `), h("span.name", screen.name || "Untitled screen")];
    const tools = [];
    if (editing) {
      tools.push(
        h("button.primary", { type: "button", onclick: () => page.actions.save(), disabled: page.saving }, page.isTemporary() ? "Done" : "Save"),
        page.isTemporary() ? h("button", { type: "button", onclick: () => page.actions.saveAs() }, "Save as …") : null,
        h("button", { type: "button", onclick: () => page.actions.discard() }, page.dirty() ? "Discard" : "Stop editing"),
        h("button", { type: "button", onclick: () => page.actions.addPanel() }, icon("plus"), "Panel"),
        h("button", { type: "button", onclick: () => page.actions.settings() }, "Settings"),
        screen.panels.length > 1 ? h("button", { type: "button", onclick: () => page.actions.bulk() }, "All panels") : null,
      );
    } else {
      if (ctx.writable && !ctx.embedded) tools.push(h("button", { type: "button", onclick: () => page.actions.edit() }, "Edit"));
      tools.push(
        iconButton(this.legend ? "eye" : "hidden", this.legend ? "Hide legends (l)" : "Show legends (l)", () => this.toggleLegend(), { "aria-pressed": String(this.legend) }),
        h("button.icon-button.wall-button", { type: "button", "aria-label": "Whole window (w)", title: "Whole window (w)", onclick: () => page.actions.wall() }, icon("expand")),
        iconButton("share", "Link and embedding", () => page.actions.share()),
        h("button.icon-button", { type: "button", "aria-label": "More", title: "More", "aria-haspopup": "menu", "aria-expanded": "false", onclick: (event) => page.actions.more(event.currentTarget) }, icon("more")),
      );
    }
    const alone = this.alone === null ? null : h("button", { type: "button", onclick: () => ctx.set({ "x.panel": null }) }, icon("left"), "All panels");
    this.note = h("span.screen-note.quiet");
    fill(this.head, ctx.embedded ? null : iconButton("menu", "Screens", () => page.actions.fold(), { class: "tree-fold" }), alone, h("h1.cut", { title: `${screen.folder ? `${screen.folder} / ` : ""}${screen.name}` }, place), this.note, h("div.screen-tools", tools));
    this.head.hidden = ctx.embedded;
    this.drawNote();
  }

  drawNote() {
    const { screen, page } = this;
    if (page.isTemporary()) text(this.note, "temporary: its link is all there is of it");
    else if (this.editing) text(this.note, page.dirty() ? "changes are not saved" : "editing");
    else text(this.note, screen.updated ? `version ${screen.version}, ${ago(screen.updated, Date.now())}` : "");
    this.note.title = screen.updated ? format(screen.updated, this.ctx.time.zone, "second") : "";
    this.note.classList.toggle("warn", this.editing && page.dirty());
    // "Discard" and "Stop editing" are the same button.
    const discard = this.head.querySelectorAll(".screen-tools > button")[page.isTemporary() ? 2 : 1];
    if (this.editing && discard) text(discard, page.dirty() ? "Discard" : "Stop editing");
  }

  /** Puts panels where they belong: keeps those that are there, loads what is new. */
  layout() {
    const { screen, grid } = this;
    const alone = this.alone;
    const shown = alone === null ? screen.panels : [screen.panels[alone]];
    grid.style.setProperty("--columns", String(this.columns));
    grid.style.setProperty("--columns-few", String(Math.min(2, this.columns)));
    grid.classList.toggle("alone", alone !== null);
    const keep = new Set(shown.map(({ key }) => key));
    for (const [key, view] of this.views) {
      if (keep.has(key)) continue;
      this.observer.unobserve(view.element);
      view.destroy();
      this.views.delete(key);
    }
    let before = null;
    for (const panel of shown) {
      let view = this.views.get(panel.key);
      if (!view) {
        view = new PanelView(panel, this);
        this.views.set(panel.key, view);
        this.observer.observe(view.element);
      }
      const told = JSON.stringify({ ...panel, title: "", width: 0, height: 0 });
      view.panel = panel;
      view.frame();
      if (view.told !== undefined && view.told !== told) this.reload(view);
      view.told = told;
      const next = before ? before.nextSibling : grid.firstChild;
      if (next !== view.element) grid.insertBefore(view.element, next);
      before = view.element;
    }
    grid.querySelector(":scope > .grid-empty")?.remove();
    if (shown.length === 0) grid.append(this.emptiness());
  }

  emptiness() {
    const { page, ctx } = this;
    return h("div.state.grid-empty", h("h2", "No panels yet"), h("p.quiet", "A panel shows the series of one or more queries: as lines, as a heat map, as a list of the highest, as one number, or as a table."),
      this.editing ? h("button.primary", { type: "button", onclick: () => page.actions.addPanel() }, icon("plus"), "Add a panel") : ctx.writable ? h("button.primary", { type: "button", onclick: () => page.actions.edit() }, "Edit this screen") : null);
  }

  // ---------------------------------------------------------------- loading

  sight(entries) {
    for (const { target, isIntersecting } of entries) {
      const view = [...this.views.values()].find(({ element }) => element === target);
      if (!view) continue;
      view.seen = isIntersecting;
      if (isIntersecting && view.stale && this.round) view.load(this.round);
    }
  }

  /** A new round: panels in view load now, the others when they are seen. */
  async refresh() {
    this.round?.stop();
    const bounds = this.ctx.time.bounds();
    this.signature = this.sign();
    fill(this.banner, bounds.error ? h("div.banner.bad", { role: "alert" }, icon("warn"), `The time range: ${bounds.error}.`) : null);
    if (bounds.error) return;
    this.round = new Round(this.ctx.api, this.queue, bounds);
    const begun = performance.now();
    for (const view of this.views.values()) view.stale = true;
    const seen = [...this.views.values()].filter(({ seen: inView }) => inView);
    await Promise.all(seen.map((view) => view.load(this.round)));
    if (seen.length) this.ctx.status(`${seen.length} ${seen.length === 1 ? "panel" : "panels"} drawn in ${Math.round(performance.now() - begun)} ms.`);
  }

  reload(view) {
    view.stale = true;
    // Before the first round nothing was asked yet.
    if (view.seen && this.round && view.element.isConnected) view.load(this.freshRound(this.round));
  }

  /** A round of its own: a round keeps its answers, and who asks again wants new ones. */
  freshRound({ from, to }) {
    return new Round(this.ctx.api, this.queue, { from, to });
  }

  /** What a reload depends on: the range as it is written, and the values. */
  sign() {
    const { params } = this.ctx.route;
    return JSON.stringify([params.get("start"), params.get("end"), params.get("tz"), [...this.values()]]);
  }

  /** The address changed. */
  update() {
    const signature = this.sign();
    this.drawHead();
    this.drawVariables();
    this.layout();
    if (this.shownLegend !== this.legend) {
      this.shownLegend = this.legend;
      for (const view of this.views.values()) view.draw();
    }
    if (signature !== this.signature) {
      for (const view of this.views.values()) view.frame();
      this.refresh();
    }
  }

  /** What is too much to be read without being asked for: an estimate, or null. Only queries that split by a pattern are looked at. */
  async tooMany(panel, { from, to }) {
    const wide = panel.queries.map(({ m }) => asked(m, this.screen, this.values())).filter((m) => {
      const parts = parse(m);
      return !parts.error && (parts.agg === "none" || parts.groups?.some(({ filter }) => /[*(]/.test(filter)));
    });
    if (wide.length === 0) return null;
    const { SERIES_GUARD, toJson } = await import("../graph/model.js");
    try {
      for (const m of wide) {
        if (!this.estimates.has(m)) this.estimates.set(m, this.ctx.api.post("api/ui/estimate", { start: Math.floor(from), end: Math.ceil(to), queries: [toJson({ text: m, kind: "m" })] }, { patience: 5000 }));
        const found = await this.estimates.get(m);
        if (found?.series > SERIES_GUARD) return found;
      }
    } catch {
      // Without an estimate the server's own limits hold.
    }
    return null;
  }

  /** Whether a query would have anything without this range, or without the filters: `{ metric, tags, series, all, last }`, or null. */
  async why(m) {
    const parts = parse(m ?? "");
    if (parts.error || !parts.metric ) return null;
    const tags = [...parts.groups, ...parts.filters].filter(({ filter }) => filter !== "*" && !/[*()]/.test(filter));
    const ask = (list) => this.ctx.api.get("api/ui/metric", { metric: parts.metric, tags: list.map(({ tagk, filter }) => `${tagk}=${filter}`).join(",") || null });
    try {
      const own = await ask(tags);
      const all = tags.length && own.series === 0 ? (await ask([])).series : own.series;
      return { metric: parts.metric, tags: tags.map(({ tagk, filter }) => `${tagk}=${filter}`).join(", "), series: own.series, all, last: own.last };
    } catch {
      return null; // not known, or not in time: what was said already stays
    }
  }

  /** Whether a query without points has histograms in the range. */
  async hasHistograms(m, { from, to }) {
    const parts = parse(m);
    if (parts.error || asksHistograms(parts)) return false;
    const text = build({ ...forHistograms(parts, "show-histogram-buckets"), downsample: { interval: interval(to - from, 100), func: "sum", fill: "" } });
    try {
      return (await this.ctx.api.get("api/query", { start: Math.floor(from), end: Math.ceil(to), m: text, arrays: true })).length > 0;
    } catch {
      return false; // not known: what was said already stays
    }
  }

  // ---------------------------------------------------------------- what panels ask for

  actions(view) { return this.page.actions.ofPanel(view); }
  edit(view) { this.page.actions.editPanel(view.panel); }
  event(event) { this.page.actions.event(event); }
  zoom(from, to) { this.ctx.time.show(from, to); }
  clearFilters() {
    const changes = {};
    for (const [tag, value] of this.values()) {
      const own = this.screen.variables.find((one) => one.tag === tag);
      if (value !== "" && value !== "*") changes[`v.${tag}`] = own && own.value !== "" && own.value !== "*" ? "*" : null;
    }
    this.ctx.set(changes);
  }
  toggleLegend() {
    this.ctx.set({ "x.legend": this.legend ? "0" : null }, { push: false });
  }
  /** The Graph page with the queries of a panel, as they are asked for. */
  graphLink(view) {
    const m = view.panel.queries.filter(({ hidden }) => !hidden);
    const asked = view.result?.asked;
    return this.ctx.href("graph", { params: { start: this.ctx.time.start, end: this.ctx.time.end || null, tz: this.ctx.route.params.get("tz"),
      m: m.map((query) => asked?.get(view.panel.queries.indexOf(query)) ?? query.m), o: m.map(({ axis }) => (axis === "right" ? "axis x1y2" : "")) } });
  }

  // ---------------------------------------------------------------- arranging

  /** Moves a panel before another place, told to screen readers. */
  move(from, to) {
    const { panels } = this.screen;
    const target = Math.max(0, Math.min(panels.length - 1, to));
    if (target === from) return;
    const [panel] = panels.splice(from, 1);
    panels.splice(target, 0, panel);
    this.changed();
    this.ctx.status(`Place ${target + 1} of ${panels.length}.`);
  }

  /** Keys of a panel's handle. */
  step(view, event) {
    const at = this.screen.panels.indexOf(view.panel);
    const way = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1, Home: -at, End: this.screen.panels.length - 1 - at }[event.key];
    if (way === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.shiftKey) this.resize(view.panel, event.key.endsWith("Left") || event.key.endsWith("Right") ? way : 0, event.key.endsWith("Up") || event.key.endsWith("Down") ? way : 0);
    else this.move(at, at + way);
    view.handle.focus();
  }

  resize(panel, wide, high) {
    panel.width = Math.max(1, Math.min(this.screen.columns, panel.width + wide));
    panel.height = Math.max(1, Math.min(8, panel.height + high));
    this.changed();
    this.ctx.status(`${panel.width} of ${this.screen.columns} columns, ${panel.height} rows high.`);
  }

  removePanel(panel) {
    const at = this.screen.panels.indexOf(panel);
    this.screen.panels.splice(at, 1);
    this.changed();
    toast("The panel was taken off.", { action: { label: "Undo", run: () => { this.screen.panels.splice(at, 0, panel); this.changed(); } } });
  }

  /** The draft was edited. */
  changed() {
    this.page.touched();
    this.drawNote();
    this.drawVariables();
    this.layout();
  }

  destroy() {
    this.round?.stop();
    this.observer.disconnect();
    this.offTheme();
    for (const view of this.views.values()) view.destroy();
    this.element.remove();
  }
}

