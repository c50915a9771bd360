/**
 * The queries of the Graph page, one line each: colour, eye, metric, tags, aggregator, downsampling, rate, axis, more; under
 * it what is wrong with it, and the tags it can be split by. Rows never change by themselves: only what is shown in them.
 */
import { combobox } from "../../lib/combobox.js";
import { fill, h, icon, iconButton, set, text } from "../../lib/dom.js";
import { count, many } from "../../lib/format.js";
import { menu } from "../../lib/layer.js";
import { asksHistograms, asksRanges, build, downsampleText, forHistograms, parse, rateText } from "../../lib/query.js";
import { LINES } from "../../lib/palette.js";

/** Aggregators until the server has told its own. */
const AGGREGATORS = ["avg", "count", "dev", "max", "min", "none", "sum", "zimsum"];

/**
 * The list of rows. `owner`: the page, with `graph` (see lib/fragment.js), `ctx`, `info(metric)` (a promise of what
 * `/api/ui/metric` says), `aggregators` and
 * - `edit(at, query)`: query `at` becomes this; `null` takes it away;
 * - `add()`, `toggle(at, alone)`, `raw(at, on)`, `move(at, way)`.
 */
export class Rows {
  constructor(box, owner) {
    this.box = box;
    this.owner = owner;
    this.rows = [];
    this.adder = h("button.quiet-button.add-query", { type: "button", onclick: () => owner.add() }, icon("plus"), "Add a query");
    box.append(this.adder);
  }

  /** Shows the queries of a graph. */
  update(graph) {
    while (this.rows.length > graph.queries.length) this.rows.pop().element.remove();
    while (this.rows.length < graph.queries.length) {
      const row = new Row(this.owner, this.rows.length);
      this.rows.push(row);
      this.adder.before(row.element);
    }
    graph.queries.forEach((query, at) => this.rows[at].update(query, at));
    this.adder.hidden = graph.queries.length === 0 || graph.queries.some(({ text: one }) => one === "");
  }

  /** What came of the queries: `[{ error, lines, downsample, hidden }]`. */
  results(list) {
    list.forEach((result, at) => this.rows[at]?.result(result));
  }

  focus(at = 0) { this.rows[at]?.metric.focus(); }
}

class Row {
  constructor(owner, at) {
    this.owner = owner;
    this.at = at;
    this.eye = iconButton("eye", "Hide", (event) => owner.toggle(this.at, event.ctrlKey || event.metaKey));
    this.swatch = h("span.row-swatch");
    this.metric = h("input.row-metric", { type: "text", placeholder: "Metric: part of a name", "aria-label": "Metric" });
    this.chips = h("span.row-chips");
    this.agg = h("select.row-agg", { "aria-label": "Aggregator", title: "How series become one line", onchange: () => this.change({ agg: this.agg.value }) });
    this.down = h("button.quiet-button.row-down", { type: "button", "aria-haspopup": "dialog", "aria-expanded": "false", title: "Downsampling", onclick: () => this.downsampling() });
    this.rate = h("button.quiet-button.row-rate", { type: "button", "aria-haspopup": "dialog", "aria-expanded": "false", title: "Rate", onclick: () => this.rates() });
    this.axis = h("button.quiet-button.row-axis", { type: "button", onclick: () => this.edit({ right: !this.query.right }) });
    this.more = iconButton("more", "More for this query", () => this.menu(), { "aria-haspopup": "menu", "aria-expanded": "false" });
    this.raw = h("input.row-raw.mono", { type: "text", "aria-label": "Query as text", hidden: true, spellcheck: "false" });
    this.error = h("p.field-error.row-error", { role: "alert" });
    this.error.id = `row-error-${++ids}`;
    this.cards = h("div.row-cards");
    this.tools = h("span.row-tools", this.agg, this.down, this.rate, this.axis);
    this.element = h("div.query-row", { role: "group" },
      h("div.row-main", this.swatch, this.eye, h("span.row-field", this.metric), this.raw, this.chips, this.tools, this.more), this.error, this.cards);
    this.metric.setAttribute("aria-describedby", this.error.id);
    combobox(this.metric, {
      source: (typed, options) => owner.ctx.api.metrics(typed, options), label: "Metrics", extra: owner.ctx.hitExtra, near: owner.ctx.near,
      pick: ({ name }) => {
        this.metric.value = name;
        this.choose(name);
      },
    });
    this.metric.addEventListener("change", () => {
      // Left without choosing: what the query has stands, unless the box was emptied.
      if (this.query.parsed && this.metric.value.trim() === "") this.metric.value = this.query.parsed.metric ?? "";
    });
    this.raw.addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.setText(this.raw.value.trim());
      else if (event.key === "Escape") { event.stopPropagation(); this.asText(false); }
    });
    this.raw.addEventListener("change", () => this.setText(this.raw.value.trim()));
  }

  /** Shows a query. */
  update(query, at) {
    const before = this.query;
    this.query = query;
    this.at = at;
    set(this.element, { "aria-label": `Query ${at + 1}` });
    if (before && before.text === query.text && before.right === query.right && before.kind === query.kind && before.parsed && this.shownAt === at) return this.showHidden();
    this.shownAt = at;
    const { parsed } = query;
    const unreadable = Boolean(query.error) && query.text !== "";
    this.asText(unreadable);
    if (unreadable) text(this.error, query.error);
    else if (!before || before.text !== query.text) text(this.error, "");
    if (this.raw !== document.activeElement) this.raw.value = query.text;
    if (document.activeElement !== this.metric || parsed?.metric) this.metric.value = parsed?.metric ?? (query.kind === "tsuid" ? parsed?.tsuids?.join(",") ?? "" : unreadable ? "" : this.metric.value);
    this.metric.readOnly = query.kind === "tsuid";
    this.metric.title = parsed?.metric ?? "";
    this.metric.classList.toggle("mono", query.kind === "tsuid");
    this.tools.hidden = !parsed;
    this.drawAggregators();
    this.drawChips();
    this.drawRate();
    text(this.axis, query.right ? "right axis" : "left axis");
    set(this.axis, { "aria-pressed": String(query.right), title: "Left or right axis" });
    this.showHidden();
    this.showCards();
  }

  showHidden() {
    const hidden = this.owner.isHidden(this.at);
    const name = hidden ? "Show" : "Hide (Ctrl+click: only this one)";
    set(this.eye, { "aria-label": `${hidden ? "Show" : "Hide"} query ${this.at + 1}`, title: name, "aria-pressed": String(hidden) });
    fill(this.eye, icon(hidden ? "hidden" : "eye"));
    this.element.classList.toggle("off", hidden);
    this.drawDown();
  }

  /** What came of it. */
  result({ error = null, lines = [], downsample = null }) {
    this.used = downsample;
    this.drawDown();
    if (error || !this.query.error) text(this.error, error ?? "");
    set(this.metric, { "aria-invalid": error ? "true" : null });
    const { theme } = this.owner.ctx;
    const shown = [...new Set(lines.map(({ color, faint }) => (faint ? null : color)))].filter((one) => one !== null).slice(0, 4);
    fill(this.swatch, shown.map((color) => h("i", { style: { background: LINES[theme.name][color] } })));
    this.swatch.title = lines.length ? many(lines.length, "line") : "";
    if (this.query.kind === "tsuid" && lines.length) this.metric.value = lines.map(({ name }) => name).join(", ");
  }

  // ---------------------------------------------------------------- changes

  edit(changes) { this.owner.edit(this.at, { ...this.query, ...changes }); }
  setText(value) {
    if (value === this.query.text) return this.asText(Boolean(this.query.error));
    const read = parse(value, this.query.kind);
    this.edit({ text: value, parsed: read.error ? null : read, error: read.error ?? null });
  }
  /** Changes parts of the expression. */
  change(parts) { this.setText(build({ ...this.query.parsed, ...parts })); }

  /** Another metric: what was said of the old one's tags does not hold for it, the rest does. */
  choose(metric) {
    const { parsed } = this.query;
    if (parsed?.metric === metric) return;
    const base = parsed && !parsed.tsuids ? parsed : { agg: "sum", downsample: null, rate: null, switches: [] };
    this.setText(build({ ...base, metric, groups: [], filters: [] }));
  }

  asText(on) {
    this.raw.hidden = !on;
    this.metric.parentElement.hidden = on;
    if (on) this.raw.value = this.query.text;
  }

  // ---------------------------------------------------------------- parts

  drawAggregators() {
    const { parsed } = this.query;
    if (!parsed) return;
    const known = this.owner.aggregators ?? AGGREGATORS;
    const names = [...new Set(["sum", "avg", "min", "max", ...known, parsed.agg])];
    if (this.agg.dataset.names !== names.join()) {
      fill(this.agg, names.map((name) => h("option", { value: name }, name)));
      this.agg.dataset.names = names.join();
    }
    this.agg.value = parsed.agg;
  }

  drawDown() {
    const { parsed } = this.query ?? {};
    if (!parsed) return;
    const own = parsed.downsample;
    const auto = this.used ? downsampleText(this.used) : "all points";
    text(this.down, own ? downsampleText(own) : this.owner.isRaw(this.at) ? "all points" : `auto: ${auto}`);
    this.down.setAttribute("aria-label", `Downsampling: ${this.down.textContent}`);
  }

  drawRate() {
    const { parsed } = this.query;
    if (!parsed) return;
    const rate = parsed.rate;
    text(this.rate, rate ? { plain: "rate", counter: "counter", dropcounter: "counter, no drops" }[rate.kind] : "value");
    set(this.rate, { "aria-pressed": String(Boolean(rate)), title: rate ? rateText(rate) : "Values as stored" });
  }

  drawChips() {
    const { parsed } = this.query;
    const chips = [];
    if (parsed && !parsed.tsuids) {
      const chip = (tag, group) => h("button.chip.name", {
        type: "button", class: group ? "group" : "filter", "aria-haspopup": "dialog", "aria-expanded": "false", title: `${group ? "Split by" : "Only"} ${tag.tagk} = ${tag.filter}`,
        onclick: (event) => this.tagForm(event.currentTarget, tag.tagk, tag.filter, group),
      }, group ? null : h("span.quiet", "only "), h("span.cut", `${tag.tagk}=${tag.filter}`));
      chips.push(...parsed.groups.map((tag) => chip(tag, true)), ...parsed.filters.map((tag) => chip(tag, false)));
      chips.push(...parsed.switches.map((one) => h("span.chip", one)));
      chips.push(iconButton("plus", "Add a tag", (event) => this.addTag(event.currentTarget), { class: "chip-add", "aria-haspopup": "menu", "aria-expanded": "false" }));
    }
    fill(this.chips, chips);
  }

  /** Cards of the tags that it is not split by yet. */
  async showCards() {
    const { parsed } = this.query;
    if (!parsed?.metric) {
      this.cardsFor = null;
      fill(this.cards);
      return;
    }
    const mine = (this.cardsFor = this.query.text);
    const about = await this.owner.info(parsed.metric);
    if (this.cardsFor !== mine) return;
    const taken = new Set([...parsed.groups, ...parsed.filters].map(({ tagk }) => tagk));
    const free = (about?.tags ?? []).filter(({ name }) => !taken.has(name));
    fill(this.cards, free.length ? h("span.quiet", "Split by") : null, free.map((tag) => h("button.tag-card", {
      type: "button", title: tag.values?.length ? tag.values.slice(0, 12).map(({ value }) => value).join("\n") : null,
      onclick: () => this.change({ groups: [...parsed.groups, { tagk: tag.name, filter: "*" }] }),
    }, h("strong.name", tag.name), tag.count ? h("span.quiet", count(tag.count)) : null,
    tag.values?.length ? h("span.quiet.cut.card-values", tag.values.slice(0, 4).map(({ value }) => value).join(", ")) : null)));
  }

  async addTag(anchor) {
    const { parsed } = this.query;
    const about = await this.owner.info(parsed.metric);
    const taken = new Set([...parsed.groups, ...parsed.filters].map(({ tagk }) => tagk));
    const free = (about?.tags ?? []).filter(({ name }) => !taken.has(name));
    menu(anchor, [
      ...free.map(({ name, count: values }) => ({ label: name, hint: values ? many(values, "value") : "", run: () => this.tagForm(anchor, name, "*", true) })),
      free.length ? "-" : null,
      { label: "Another tag …", run: () => this.tagForm(anchor, "", "*", true) },
    ], { label: "Tags", align: "start" });
  }

  // The pop-ups are loaded with the first that is opened.
  async form(open) {
    try {
      open(await import("./forms.js"));
    } catch (problem) {
      console.error(problem);
      text(this.error, "This part of the page could not be loaded: the server does not answer.");
    }
  }
  tagForm(anchor, tagk, filter, group) { this.form((forms) => forms.tag(this, anchor, tagk, filter, group)); }
  downsampling() { this.form((forms) => forms.downsampling(this)); }
  rates() { this.form((forms) => forms.rates(this)); }

  /** The same metric as histograms, or as points again. */
  histograms() {
    const { parsed } = this.query;
    const now = asksRanges(parsed) ? "ranges" : asksHistograms(parsed) ? "percentiles" : "";
    const item = (kind, label, how) => ({ label, checked: now === kind, run: () => { if (now !== kind) this.setText(build(forHistograms(parsed, how))); } });
    return ["-", item("", "Points", null), item("ranges", "Histograms: heat map", "show-histogram-buckets"), item("percentiles", "Histograms: percentiles", PERCENTILES), "-"];
  }

  menu() {
    const { parsed } = this.query;
    const queries = this.owner.graph.queries.length;
    menu(this.more, [
      { label: "Copy of this query", icon: "copy", run: () => this.owner.duplicate(this.at) },
      ...(parsed?.metric ? this.histograms() : []),
      { label: "Edit as text", run: () => { this.asText(true); this.raw.focus(); } },
      parsed?.metric && this.owner.ctx.hasPage("explore") ? { label: "Explore this metric", icon: "search", href: this.owner.ctx.href("explore", { params: { metric: parsed.metric } }) } : null,
      queries > 1 ? { label: "Only this query", icon: "eye", run: () => this.owner.toggle(this.at, true) } : null,
      this.at > 0 ? { label: "Move up", run: () => this.owner.move(this.at, -1) } : null,
      this.at < queries - 1 ? { label: "Move down", run: () => this.owner.move(this.at, 1) } : null,
      "-",
      { label: "Remove", icon: "trash", run: () => this.owner.edit(this.at, null) },
    ], { label: "This query" });
  }
}

let ids = 0;
/** Percentiles of histograms that the menu offers. */
export const PERCENTILES = "percentiles[50,90,99]";
