/**
 * What stands under the picture: legend, table, CSV, JSON, and what the queries cost.
 */
import { copy, download, fill, h, icon, text } from "../../lib/dom.js";
import { bytes, count, many, value } from "../../lib/format.js";
import { address, request } from "../../lib/api.js";
import { LINES, shade } from "../../lib/palette.js";
import { ago, format, formatExact, span } from "../../lib/time.js";
import { csv, realRows } from "./model.js";

const TABS = [["legend", "Legend"], ["table", "Table"], ["csv", "CSV"], ["json", "JSON"], ["stats", "Query stats"]];
/** Rows drawn at once; more on demand. */
const ROWS = 100;
/** Columns of the table at once. */
const COLUMNS = 20;
/** Characters of an answer shown as text. */
const TEXT_MAX = 200_000;

/**
 * `owner`: the page, with `ctx`, `picture` (`{ lines, columns, times, common, keys, total, answers, bounds }` or null), `light(line)`,
 * `isolate(id)`, `hideLine(id)`, `showAll()`.
 */
export class Panel {
  constructor(box, owner) {
    this.box = box;
    this.owner = owner;
    this.tab = "legend";
    this.sort = { by: null, down: true };
    this.filter = "";
    this.more = ROWS;
    this.tabs = h("div.tabs", { role: "tablist", "aria-label": "Numbers" }, TABS.map(([name, title]) => h("button", {
      type: "button", role: "tab", id: `tab-${name}`, "aria-controls": "numbers", "aria-selected": String(name === this.tab), tabindex: name === this.tab ? "0" : "-1", onclick: () => this.choose(name),
    }, title)));
    this.tabs.addEventListener("keydown", (event) => {
      const at = TABS.findIndex(([name]) => name === this.tab);
      const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: TABS.length - 1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      this.choose(TABS[(to + TABS.length) % TABS.length][0]);
      this.tabs.querySelector("[aria-selected=true]").focus();
    });
    this.body = h("div.numbers", { role: "tabpanel", id: "numbers", tabindex: "0" });
    box.append(this.tabs, this.body);
  }

  choose(name) {
    this.tab = name;
    this.more = ROWS;
    for (const button of this.tabs.children) {
      const on = button.id === `tab-${name}`;
      button.setAttribute("aria-selected", String(on));
      button.tabIndex = on ? 0 : -1;
    }
    this.update(true);
  }

  /** Shows the picture's numbers. `fresh`: even where the same table is there already. */
  update(fresh = false) {
    this.box.hidden = !this.owner.picture;
    if (!this.owner.picture) return;
    this.body.setAttribute("aria-labelledby", `tab-${this.tab}`);
    if (this.shown !== this.tab) fresh = true;
    this.shown = this.tab;
    this[this.tab](fresh);
  }

  // ---------------------------------------------------------------- legend

  legend() {
    const { lines, common, keys, total, heat } = this.owner.picture;
    const columns = [["name", keys.length === 1 ? keys[0] : keys.length ? keys.join(" · ") : "series"], ["min", "min"], ["avg", "avg"], ["max", "max"], ["last", "last"]];
    const of = (line, by) => (by === "name" ? line.label : line.series[by] ?? -Infinity);
    let rows = lines.filter(({ label, name }) => !this.filter || `${label} ${name}`.toLowerCase().includes(this.filter.toLowerCase()));
    if (this.sort.by) rows = [...rows].sort((a, b) => { const [x, y] = [of(a, this.sort.by), of(b, this.sort.by)]; return (x < y ? -1 : x > y ? 1 : 0) * (this.sort.down ? -1 : 1); });
    const shared = Object.entries(common);
    const anyHidden = lines.some(({ hidden }) => hidden);
    const focus = this.body.contains(document.activeElement) ? document.activeElement.dataset.focus : null;
    const scroll = this.scroller?.scrollTop ?? 0;
    const head = h("div.legend-head",
      lines.length > 8 ? h("input.legend-filter", { type: "search", value: this.filter, placeholder: "Filter", "aria-label": "Filter the legend", data: { focus: "filter" }, oninput: (event) => { this.filter = event.target.value; this.legend(); } }) : null,
      shared.length ? h("span.quiet", "All: ", shared.map(([key, one]) => h("span.chip.name", { title: `${key}=${one}` }, h("span.cut", `${key}=${one}`)))) : null,
      total > lines.filter(({ past }) => !past).length ? h("span.quiet", `${count(lines.filter(({ past }) => !past).length)} of ${count(total)} series`) : null,
      anyHidden ? h("button.link", { type: "button", data: { focus: "all" }, onclick: () => this.owner.showAll() }, "Show all") : null,
      lines.length ? h("span.hint.legend-hint", "Click: only this line. Ctrl+click: hide it.") : null);
    const table = h("table.legend", h("caption.unseen", "Lines of the picture"), h("thead", h("tr", columns.map(([by, title]) => h("th", { scope: "col", class: by === "name" ? "" : "number", "aria-sort": this.sort.by === by ? (this.sort.down ? "descending" : "ascending") : null },
      h("button", { type: "button", data: { focus: `sort-${by}` }, onclick: () => { this.sort = { by, down: this.sort.by === by ? !this.sort.down : by !== "name" }; this.legend(); } }, title, this.sort.by === by ? (this.sort.down ? " ↓" : " ↑") : ""))))),
    h("tbody", rows.slice(0, this.more).map((line) => this.legendRow(line)), heat?.rows.toReversed().map((row) => this.rangeRow(row, heat))));
    this.scroller = h("div.scroll", table, this.moreButton(rows.length));
    fill(this.body, head, this.scroller);
    this.scroller.scrollTop = scroll;
    if (focus) {
      const again = [...this.body.querySelectorAll("[data-focus]")].find((one) => one.dataset.focus === focus);
      again?.focus({ preventScroll: true });
      if (focus === "filter") again?.setSelectionRange(this.filter.length, this.filter.length);
    }
  }

  legendRow(line) {
    const { theme, time } = this.owner.ctx;
    const { series } = line;
    const dash = line.past || line.dash?.[0] > 3 ? "dash-1" : line.dash ? "dash-2" : "";
    const gone = this.lastSeen(line);
    const click = (event) => (event.ctrlKey || event.metaKey ? this.owner.hideLine(line.id) : this.owner.isolate(line.id));
    return h("tr", { class: line.hidden ? "off" : "", onmouseenter: () => this.owner.light(line), onmouseleave: () => this.owner.light(null) },
      h("td", h("button.legend-name", { type: "button", "aria-pressed": String(!line.hidden), title: line.name, data: { focus: line.key }, onclick: click,
        onkeydown: (event) => { if ((event.ctrlKey || event.metaKey) && (event.key === "Enter" || event.key === " ")) { event.preventDefault(); this.owner.hideLine(line.id); } } },
      h("span.swatch", { class: dash, style: { color: line.faint ? "var(--quiet)" : LINES[theme.name][line.color] } }), h("span.name.cut", line.label),
      line.past ? h("span.quiet", `${span(line.past)} before`) : null, line.right ? h("span.badge", "right") : null,
      gone ? h("span.badge.warn", { title: formatExact(series.lastTime, time.zone) }, `last seen ${gone}`) : null)),
      ["min", "avg", "max", "last"].map((by) => h("td.number", { title: String(series[by] ?? "") }, value(series[by], 5))));
  }

  /** A range of histograms: its counts. */
  rangeRow({ label, name, series }, { most }) {
    const color = shade(this.owner.ctx.theme.name, Math.sqrt(Math.max(0, series.max ?? 0) / most));
    return h("tr", h("td", h("span.legend-range", { title: name }, h("span.swatch.wide", { style: { color } }), h("span.name.cut", label), h("span.quiet", "count"))),
      ["min", "avg", "max", "last"].map((by) => h("td.number", { title: String(series[by] ?? "") }, value(series[by], 5))));
  }

  /** How long ago a series that came to an end had its last point: more than three of its steps before the end. */
  lastSeen({ series, past }) {
    const { bounds } = this.owner.picture;
    const now = Date.now();
    if (past || !series.lastTime || !series.step || bounds.to < now - 60_000) return null;
    return now - series.lastTime > 3 * Math.max(series.step, 60_000) ? ago(series.lastTime, now) : null;
  }

  moreButton(total) {
    return total > this.more ? h("button.quiet-button", { type: "button", onclick: () => { this.more += 500; this.update(true); } }, `Show more (${count(total - this.more)} left)`) : null;
  }

  // ---------------------------------------------------------------- table

  shownColumns() {
    const { lines, columns, heat } = this.owner.picture;
    return [...lines.filter(({ hidden }) => !hidden), ...(heat?.rows ?? [])].map((line) => ({ line, column: columns[line.column] }));
  }

  table() {
    const { times, answers, added } = this.owner.picture;
    const { zone } = this.owner.ctx.time;
    const all = this.shownColumns();
    const rows = realRows(times, added).reverse();
    const shown = all.slice(0, COLUMNS);
    const points = answers.reduce((sum, { series }) => sum + series.reduce((more, one) => more + one.points, 0), 0);
    const exact = times.some((ms) => ms % 1000) ? "ms" : "second";
    fill(this.body, h("div.legend-head", h("span.quiet", `${count(rows.length)} times, ${many(points, "point")}, newest first; times in ${zone}`), all.length > shown.length ? h("span.warn", `${COLUMNS} of ${all.length} lines; the CSV has them all`) : null),
      h("div.scroll", { tabindex: "0", role: "region", "aria-label": "Points" }, h("table", h("caption.unseen", "Points of the picture"), h("thead", h("tr", h("th", { scope: "col" }, "time"), shown.map(({ line }) => h("th.number.name", { scope: "col", title: line.name }, line.label)))),
        h("tbody", rows.slice(0, this.more).map((i) => h("tr", h("td.nowrap", format(times[i], zone, exact)), shown.map(({ column }) => h("td.number", column[i] === undefined || column[i] === null ? "" : value(column[i]))))))), this.moreButton(rows.length)));
  }

  // ---------------------------------------------------------------- texts

  csv() {
    const { times, added } = this.owner.picture;
    const shown = this.shownColumns();
    const whole = csv(times, shown.map(({ line }) => line), shown.map(({ column }) => column), added);
    this.textView(whole, `${fileName(shown)}.csv`, "text/csv", "Times in UTC; one column a line");
  }

  async json() {
    const { answers } = this.owner.picture;
    const mine = (this.jsonFor = answers);
    const links = answers.filter(({ past }) => !past).map(({ query, url }) => ({ query, url }));
    fill(this.body, h("ul.links", links.map(({ query, url }) => h("li", h("a.name", { href: url, target: "_blank", rel: "noopener" }, query.text)))), h("p.quiet", "Loading …"));
    try {
      const { text: whole } = await request("GET", links[0] ? links[0].url.slice(address("").length) : "api/version");
      if (this.jsonFor !== mine || this.tab !== "json") return;
      const pretty = whole.length < TEXT_MAX ? JSON.stringify(JSON.parse(whole), null, 1) : whole;
      this.textView(pretty, "answer.json", "application/json", links.length > 1 ? `Answer to the first of ${links.length} queries` : "", h("ul.links", links.map(({ query, url }) => h("li", h("a.name", { href: url, target: "_blank", rel: "noopener" }, query.text)))));
    } catch (error) {
      if (this.jsonFor === mine && this.tab === "json") fill(this.body, h("p.field-error", error.message));
    }
  }

  textView(whole, name, type, note, above = null) {
    const done = h("span.quiet", { role: "status" });
    fill(this.body, h("div.legend-head",
      h("button", { type: "button", onclick: async () => text(done, (await copy(whole)) ? "Copied." : "The browser does not allow copying.") }, icon("copy"), "Copy"),
      h("button", { type: "button", onclick: () => download(name, type, whole) }, "Download"),
      h("span.quiet", [note, whole.length > TEXT_MAX ? `first ${bytes(TEXT_MAX)} of ${bytes(whole.length)}` : bytes(whole.length)].filter(Boolean).join("; ")), done),
    above, h("pre.scroll.text", { tabindex: "0", "aria-label": name }, whole.slice(0, TEXT_MAX)));
  }

  stats() {
    const { answers, loaded } = this.owner.picture;
    const rows = answers.map(({ query, series, past, ms, server, bytes: size, downsample, stats }) => {
      const points = series.reduce((sum, one) => sum + one.points, 0);
      return h("tr", h("td.name", query.text, past ? h("span.quiet", ` ${span(past)} before`) : null), h("td", downsample ?? "all points"), h("td.number", count(series.length)), h("td.number", count(points)), h("td.number", `${Math.round(server)} ms`), h("td.number", `${Math.round(ms - server)} ms`), h("td.number", bytes(size)), h("td.number", stats?.dpsPostFilter ? count(stats.dpsPostFilter) : "–"));
    });
    const details = answers.filter(({ stats }) => stats).map(({ query, stats }) => h("details", h("summary.name", query.text), h("table", h("tbody", Object.entries(stats).filter(([, one]) => typeof one !== "object").sort().map(([name, one]) => h("tr", h("td", name), h("td.number", value(one))))))));
    fill(this.body, h("div.legend-head", h("span.quiet", `Loaded ${format(loaded, this.owner.ctx.time.zone)}`)),
      h("div.scroll", { tabindex: "0", role: "region", "aria-label": "Cost" }, h("table", h("caption.unseen", "Cost of the queries"), h("thead", h("tr", ["query", "downsampling", "series", "points", "answer", "reading it", "size", "points read"].map((name, at) => h("th", { scope: "col", class: at > 1 ? "number" : "" }, name)))), h("tbody", rows)), details));
  }
}

function fileName(shown) {
  const names = [...new Set(shown.map(({ line }) => line.series.metric))];
  return names.slice(0, 2).join("+").replace(/[^A-Za-z0-9._+-]/g, "_").slice(0, 80) || "points";
}
