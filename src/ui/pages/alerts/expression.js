/**
 * Expressions of the rules' language over stored points: what each group gives, as a table and as a picture over time, before it
 * is a rule. The expression and its times are in the address: `expr`, `from`, `at`. Loaded when this part is opened.
 */
import { align, forPlot } from "../../lib/align.js";
import { Chart } from "../../lib/chart.js";
import { fill, h, icon, set, uid } from "../../lib/dom.js";
import { many, value as exact } from "../../lib/format.js";
import { LINES, looks } from "../../lib/palette.js";
import { HOUR, SECOND, format, parse, serverText } from "../../lib/time.js";
import { placesOf, tableOf } from "./parts.js";

/** Lines and rows that are drawn. */
const [SERIES_MAX, ROWS_MAX] = [20, 500];
/** What is looked at when nothing is said: the hour until now. */
const FROM = "1h-ago";
const EXAMPLE = 'avg(q("avg:1m-avg:sys.cpu.user{host=*}", "15m", "")) > 90';
/** What a result is, by the server's word for it. */
const KINDS = { scalar: "one number", number: "a number for each group", series: "a series for each group", string: "a text", table: "a table" };

const number = (value) => (typeof value === "string" ? Number(value) : value);
const shown = (value) => (value === null ? "gone" : typeof value === "string" ? value : exact(value));
/** What a rule makes of a number: not zero triggers, and what is no number does too. */
const triggers = (value) => value !== null && number(value) !== 0;
const nameOf = ({ tags }) => Object.entries(tags).map(([key, value]) => `${key}=${value}`).join(", ") || "(all)";

export function expressionTab(panel, ctx, tools) {
  const fault = h("div", { role: "alert", id: uid("fault") });
  const area = h("textarea.rule-text", { rows: "5", spellcheck: "false", "aria-label": "Expression", "aria-describedby": fault.id, placeholder: EXAMPLE, onkeydown: (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); submit(event); }
  } });
  const from = h("input", { type: "text", size: "16", placeholder: "that moment alone" });
  const at = h("input", { type: "text", size: "16", placeholder: "now" });
  const rule = h("button", { type: "button", disabled: true, onclick: () => ctx.go("alerts", { params: { tab: "rules", edit: "+", expr: area.value.trim() } }) }, "Make a rule of it");
  const why = h("span.hint");
  const busy = h("div.busy");
  const heading = h("h2", { "aria-live": "polite" });
  const told = h("p");
  const box = h("div.alert-chart", { hidden: true });
  const table = h("div");
  const links = h("div.row.wrap");
  const result = h("section.card", { hidden: true, "aria-label": "Result" }, heading, told, box, table, links);
  const form = h("form.card.form", { "aria-label": "Expression", onsubmit: submit }, area, fault,
    h("div.row.wrap", h("label.row", h("span.quiet", "From"), from), h("label.row", h("span.quiet", "to"), at), h("button.primary", { type: "submit", title: "Ctrl+Enter" }, "Evaluate"), h("span.grow"), ctx.writable ? [why, rule] : null),
    h("p.hint", "The language is that of rules: ", h("code", "avg(q(query, start, end))"), ", arithmetic, comparisons and more (docs/RULES.md). Ages in it count back from each moment. ", h("button", { type: "button", onclick: example }, "Show me one")), busy);
  panel.append(form, result);
  let asked = null; // what is shown, or on its way
  let stop = null;
  let chart = null;
  const zooms = []; // the times before each
  const colors = new Map(); // of the groups that are drawn
  const colored = (mark) => { mark.style.color = LINES[ctx.theme.name][mark.dataset.color]; return mark; };
  const offTheme = ctx.theme.on(() => { chart?.set({ theme: ctx.theme.name }); table.querySelectorAll(".swatch").forEach(colored); });

  /** Other times, of a drag over the picture; a double click leads back. */
  function zoom(begin, end) {
    zooms.push({ from: from.value.trim() || null, at: at.value.trim() || null });
    ctx.set({ from: String(Math.floor(begin / SECOND)), at: String(Math.ceil(end / SECOND)) });
  }
  function back() {
    if (zooms.length) ctx.set(zooms.pop());
    else ctx.status("Nothing to go back to.");
  }

  /** An expression of the metric that was written last, to begin with. */
  async function example() {
    const { hits } = await ctx.api.metrics("", { max: 1, signal: tools.signal }).catch(() => ({ hits: [] }));
    area.value = hits.length ? `avg(q(${JSON.stringify(`avg:1m-avg:${hits[0].name}`)}, "15m", ""))` : EXAMPLE;
    area.focus();
  }

  const wanted = () => ({ expr: area.value.trim() || null, from: from.value.trim() || null, at: at.value.trim() || null });

  function submit(event) {
    event.preventDefault();
    const params = wanted();
    const same = JSON.stringify(params) === asked;
    if (!same) ctx.set(params);
    // An address that is the same already changes nothing by itself.
    else run(params);
  }

  /** A time for the server: relative ones as they are, others in seconds. What is wrong with one is said. */
  function instant(text, which) {
    if (!text || text === "now") return { time: null };
    const read = parse(text, ctx.time.zone, ctx.time.now());
    if (read.error) return { error: `${which}: ${read.error}` };
    return { time: read.relative ? serverText(text, ctx.time.zone, ctx.time.now()) : Math.floor(read.ms / SECOND) };
  }

  async function run(params) {
    asked = JSON.stringify(params);
    stop?.abort();
    stop = new AbortController();
    const own = stop;
    const [start, end] = [instant(params.from, "From"), instant(params.at, "to")];
    for (const [input, read] of [[from, start], [at, end]]) set(input, { "aria-invalid": read.error ? "true" : null });
    if (!params.expr) return wrong("Type an expression first.");
    if (start.error || end.error) return wrong(start.error ?? end.error);
    busy.classList.add("on");
    try {
      const answer = await ctx.api.post("api/alerts/expression", { expression: params.expr, start: start.time, end: end.time }, { signal: AbortSignal.any([own.signal, tools.signal]), patience: 60_000 });
      if (stop === own) draw(answer);
    } catch (error) {
      if (error.kind !== "aborted" && stop === own) failed(error);
    } finally {
      if (stop === own) busy.classList.remove("on");
    }
  }

  function wrong(...children) {
    set(area, { "aria-invalid": "true" });
    result.hidden = true;
    rule.disabled = true;
    why.textContent = "";
    fill(fault, children.map((one) => (one instanceof Node ? one : h("p.bad", one))));
  }

  /** What the server says, each fault a way to its place in the text. */
  function failed(error) {
    const places = placesOf(error);
    if (!places) return wrong(error.message);
    wrong(h("ul.expression-faults", places.map(({ line, column, message }) => h("li", h("button", { type: "button", title: "Go there", onclick: () => goTo(line, column) }, `Line ${line}, column ${column}`), h("span.bad.name", ` ${message}`)))));
  }

  function goTo(line, column) {
    // Columns are counted in characters, places of the box in units of 16 bits. The text was sent without its outer blanks.
    const before = area.value.length - area.value.trimStart().length;
    const own = area.value.trim().split("\n");
    const place = before + own.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0) + [...(own[line - 1] ?? "")].slice(0, column - 1).join("").length;
    area.focus();
    area.setSelectionRange(place, Math.min(place + 1, area.value.length));
  }

  function draw({ gives, queries, start, end, result: { moments, failed: bad, why: reason, groups, cut, table: rows } }) {
    fill(fault);
    set(area, { "aria-invalid": null });
    result.hidden = false;
    const usable = gives === "number" || gives === "scalar";
    rule.disabled = !usable;
    why.textContent = usable ? "" : "A rule needs numbers: avg(…), max(…), last(…)";
    const when = (seconds) => format(seconds * SECOND, ctx.time.zone);
    heading.textContent = rows ? many(rows.rows.length, "row") : gives === "scalar" || gives === "string" ? KINDS[gives] : groups.length ? many(groups.length, "group") : "No groups";
    fill(told, `${KINDS[gives] ?? gives}, ${moments > 1 ? `at ${moments} moments from ${when(start)} to ${when(end)}` : `at ${when(end)}`}.`,
      !groups.length && !rows ? " Nothing in that time fits the queries." : null,
      bad ? h("span.bad", ` At ${many(bad, "moment")} it could not be evaluated: ${reason}`) : null, cut ? h("span.warn", " There is more than is shown.") : null);
    picture(groups, gives, start, end);
    fill(table, tableOfResult(groups, gives, rows));
    const m = queries.slice(0, 8);
    fill(links, m.length ? h("a.button", { href: ctx.href("graph", { params: { start: from.value.trim() || FROM, end: at.value.trim() || null, m } }) }, icon("lines"), "What it reads, in Graph") : null);
    ctx.status(`${heading.textContent}.`);
  }

  function picture(groups, gives, start, end) {
    const drawn = groups.filter(({ points }) => points.length > 1).slice(0, SERIES_MAX);
    box.hidden = drawn.length === 0;
    colors.clear();
    if (box.hidden) return;
    const series = drawn.map(({ points }) => ({ times: Float64Array.from(points, ([time]) => time), values: Float64Array.from(points, ([, value]) => (Number.isFinite(number(value)) ? number(value) : NaN)) }));
    const { times, columns } = align(series);
    const keys = drawn.map(nameOf);
    const how = looks(keys);
    drawn.forEach((group, place) => colors.set(group, how[place]));
    // Of conditions the picture is whether they hold.
    const yes = columns.every((column) => column.every((value) => !Number.isFinite(value) || value === 0 || value === 1));
    const range = gives === "series" ? { from: times[0], to: Math.max(times[times.length - 1], times[0] + 1) } : { from: (start ?? end - HOUR / SECOND) * SECOND, to: end * SECOND };
    chart ??= new Chart(box, { zone: ctx.time.zone, theme: ctx.theme.name, status: ctx.status, onzoom: zoom, onback: back });
    chart.set({
      times, columns: columns.map(forPlot), lines: keys.map((key, place) => ({ key, name: key, ...how[place], type: yes ? "steps" : "line" })), range, zone: ctx.time.zone, theme: ctx.theme.name,
      label: "The expression over time", description: `${many(drawn.length, "group")}: ${keys.slice(0, 5).join("; ")}${groups.length > drawn.length ? ` of ${groups.length}` : ""}.`,
    });
  }

  function tableOfResult(groups, gives, rows) {
    if (rows) return tableOf("Result", rows.columns, rows.rows.slice(0, ROWS_MAX).map((row) => h("tr", row.map((cell) => h(typeof cell === "number" ? "td.number" : "td.name", cell === null ? "–" : shown(cell))))), false);
    if (gives === "string") return groups.map(({ text }) => h("pre.name", text));
    if (!groups.length) return null;
    const list = groups.slice(0, ROWS_MAX);
    const name = (group) => h("td.name", colors.has(group) ? [colored(h("span.swatch", { class: colors.get(group).dash ? "dash-1" : "", data: { color: colors.get(group).color }, "aria-hidden": "true" }))] : null, nameOf(group));
    const rest = groups.length > list.length ? h("p.hint", `The first ${list.length} of ${groups.length}.`) : null;
    if (gives !== "series") {
      return [tableOf("Result", ["Group", "Value", "As a condition"], list.map((group) => h("tr", name(group), h("td.number", shown(group.value)),
        h("td", group.value === null ? null : h("span.badge.level", { class: triggers(group.value) ? "level-critical" : "level-normal" }, triggers(group.value) ? "triggers" : "normal"))))), rest];
    }
    return [tableOf("Result", ["Group", "Points", "Min", "Average", "Max", "Last"], list.map((group) => {
      const values = group.points.map(([, value]) => number(value)).filter(Number.isFinite);
      const cells = [values.length ? values.reduce((a, b) => Math.min(a, b)) : null, values.length ? values.reduce((a, b) => a + b, 0) / values.length : null, values.length ? values.reduce((a, b) => Math.max(a, b)) : null, values[values.length - 1] ?? null];
      return h("tr", name(group), h("td.number", String(group.points.length)), cells.map((value) => h("td.number", exact(value))));
    })), rest];
  }

  return {
    polls: false,
    title: () => "Expression · Alerts",
    route({ params }) {
      const now = { expr: params.get("expr") || null, from: params.get("from") || null, at: params.get("at") || null };
      // An address without an expression is where one begins to write.
      if (!now.expr) now.from ??= asked === null ? FROM : null;
      for (const [input, value] of [[area, now.expr], [from, now.from], [at, now.at]]) if (input.value.trim() !== (value ?? "")) input.value = value ?? "";
      if (now.expr && JSON.stringify(now) !== asked) run(now);
    },
    close() {
      stop?.abort();
      offTheme();
      chart?.destroy();
    },
  };
}
