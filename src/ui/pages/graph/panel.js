/**
 * What stands under the picture: the legend; table, CSV, JSON, what the queries cost (tables.js), what else changed (changes.js).
 */
import { fill, h } from "../../lib/dom.js";
import { count, value } from "../../lib/format.js";
import { LINES, shade } from "../../lib/palette.js";
import { ago, formatExact, span } from "../../lib/time.js";

const tables = () => import("./tables.js");
/** Names, titles and modules of what can be shown. */
const TABS = [["legend", "Legend"], ["table", "Table", tables], ["csv", "CSV", tables], ["json", "JSON", tables], ["stats", "Query stats", tables], ["changes", "What changed", () => import("./changes.js")]];
/** Rows drawn at once; more on demand. */
const ROWS = 100;

/**
 * `owner`: the page, with `ctx`, `picture` (`{ lines, columns, times, common, keys, total, answers, bounds }` or null), `hidden` (ids of lines),
 * `chart`, `redraw()`, `later(part, run)`.
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
    const { tab } = this;
    if (tab === "legend") this.legend();
    else this.owner.later(TABS.find(([name]) => name === tab)[2](), (part) => { if (this.tab === tab) part[tab](this, fresh); });
  }

  // ---------------------------------------------------------------- legend

  legend() {
    const { lines, common, keys, total, heat } = this.owner.picture;
    const columns = [["name", keys.length === 1 ? keys[0] : keys.length ? keys.join(" · ") : "series"], ["min", "min"], ["avg", "avg"], ["median", "median"], ["max", "max"], ["last", "last"]];
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
      anyHidden ? h("button.link", { type: "button", data: { focus: "all" }, onclick: () => this.showAll() }, "Show all") : null,
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
    const click = (event) => (event.ctrlKey || event.metaKey ? this.hideLine(line.id) : this.isolate(line.id));
    return h("tr", { class: line.hidden ? "off" : "", onmouseenter: () => this.light(line), onmouseleave: () => this.light(null) },
      h("td", h("button.legend-name", { type: "button", "aria-pressed": String(!line.hidden), title: line.name, data: { focus: line.key }, onclick: click,
        onkeydown: (event) => { if ((event.ctrlKey || event.metaKey) && (event.key === "Enter" || event.key === " ")) { event.preventDefault(); this.hideLine(line.id); } } },
      h("span.swatch", { class: dash, style: { color: line.faint ? "var(--quiet)" : LINES[theme.name][line.color] } }), h("span.name.cut", line.label),
      line.past ? h("span.quiet", `${span(line.past)} before`) : null, line.right ? h("span.badge", "right") : null,
      gone ? h("span.badge.warn", { title: formatExact(series.lastTime, time.zone) }, `last seen ${gone}`) : null)),
      ["min", "avg", "median", "max", "last"].map((by) => h("td.number", { title: String(series[by] ?? "") }, value(series[by], 5))));
  }

  /** A range of histograms: its counts. */
  rangeRow({ label, name, series }, { most }) {
    const color = shade(this.owner.ctx.theme.name, Math.sqrt(Math.max(0, series.max ?? 0) / most));
    return h("tr", h("td", h("span.legend-range", { title: name }, h("span.swatch.wide", { style: { color } }), h("span.name.cut", label), h("span.quiet", "count"))),
      ["min", "avg", "median", "max", "last"].map((by) => h("td.number", { title: String(series[by] ?? "") }, value(series[by], 5))));
  }

  light(line) {
    if (!this.owner.chart?.u) return;
    this.owner.chart.light(line ? this.owner.picture.lines.indexOf(line) : null);
  }
  isolate(id) {
    const ids = new Set(this.owner.picture.lines.map((line) => line.id));
    const others = [...ids].filter((one) => one !== id);
    const alone = !this.owner.hidden.has(id) && others.every((one) => this.owner.hidden.has(one));
    this.owner.hidden = alone ? new Set() : new Set(others);
    this.owner.redraw();
  }
  hideLine(id) {
    if (this.owner.hidden.has(id)) this.owner.hidden.delete(id);
    else this.owner.hidden.add(id);
    this.owner.redraw();
  }
  showAll() {
    this.owner.hidden.clear();
    this.owner.redraw();
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
}
