/** What panels show besides lines: top lists, single values, tables, texts. Each returns `{ destroy(), describe }`. */
import { fill, h } from "../../lib/dom.js";
import { short, value as exact } from "../../lib/format.js";
import { GROUND, LINES } from "../../lib/palette.js";
import { BY, LEVELS, levelOf, reduce } from "./model.js";

/** Numbers as the panel wants them: its decimals and unit. */
export function printer(panel, side = "left") {
  const { unit = "" } = panel[side] ?? {};
  const { decimals } = panel;
  return (number) => {
    if (number === null || number === undefined) return "–";
    const text = decimals === null || decimals === undefined ? short(number) : number.toFixed(decimals).replace("-", "−");
    if (!unit) return text;
    // The letter of thousands belongs to a unit of letters: 80 GB, not 80G B.
    const parts = /^\p{L}/u.test(unit) ? /^(.*\d)([kMGTPEmµn])$/.exec(text) : null;
    return parts ? `${parts[1]} ${parts[2]}${unit}` : `${text} ${unit}`;
  };
}

const swatch = (color) => h("span.series-color", { style: { "--series": color }, "aria-hidden": "true" });
/** The level that a value is in, in words. */
export const word = (hit) => hit && h("span.level", { class: `level-${hit.level}` }, hit.label || LEVELS[hit.level]);

// ------------------------------------------------------------------ top list

export function top(box, { series, names, panel, colors }) {
  const rows = series.map((one, at) => ({ name: names[at], color: colors[at], value: reduce(one.values, panel.by), axis: one.axis, tags: one.tags }))
    .filter((row) => row.value !== null).sort((a, b) => b.value - a.value);
  const shown = rows.slice(0, panel.limit);
  const most = Math.max(...shown.map((row) => Math.abs(row.value)), 0) || 1;
  const print = printer(panel);
  const list = h("ol.top", shown.map((row) => {
    const hit = levelOf(row.value, panel.thresholds);
    return h("li", { title: `${row.name}: ${exact(row.value)}` },
      h("span.top-bar", { class: hit ? `fill-${hit.level}` : "", style: { width: `${(Math.abs(row.value) / most) * 100}%` }, "aria-hidden": "true" }),
      h("span.top-name.name.cut", row.name), word(hit), h("span.top-value", print(row.value)));
  }));
  const rest = rows.length - shown.length;
  fill(box, h("div.scroll.fill", { tabindex: "0", role: "group", "aria-label": `Top ${shown.length} by ${BY[panel.by]}` }, list, rest > 0 ? h("p.hint.more-rows", `and ${rest} more`) : null));
  return { destroy() {}, describe: `Top ${shown.length} of ${rows.length} by ${BY[panel.by]}. ${shown.slice(0, 3).map((row) => `${row.name} ${print(row.value)}`).join(", ")}.` };
}

// ------------------------------------------------------------------ single value

export function value(box, { series, names, panel, theme }) {
  const print = printer(panel);
  const list = series.map((one, at) => ({ one, name: names[at], value: reduce(one.values, panel.by) })).filter((row) => row.value !== null).slice(0, 12);
  fill(box, h("div.values", { class: list.length > 1 ? "several" : "", ...(list.length > 1 ? { tabindex: "0", role: "group", "aria-label": BY[panel.by] } : {}) }, list.map(({ one, name, value: number }) => {
    const hit = levelOf(number, panel.thresholds);
    return h("div.value", { class: hit ? `level-${hit.level}` : "" },
      h("div.value-number", { title: exact(number) }, print(number)), word(hit),
      list.length > 1 || panel.queries[one.query]?.alias ? h("div.value-name.name.cut", { title: name }, name) : null,
      spark(one, theme, hit));
  })));
  return { destroy() {}, describe: list.map((row) => `${row.name}: ${print(row.value)}`).join(", ") };
}

/** A line without axes. */
function spark({ times, values }, theme, hit) {
  const known = values.map((v, at) => [times[at], v]).filter(([, v]) => v !== null);
  if (known.length < 2) return null;
  const [low, high] = [reduce(values, "min"), reduce(values, "max")];
  const [from, to] = [known[0][0], known[known.length - 1][0]];
  const step = Math.max(1, Math.floor(known.length / 120));
  const points = known.filter((_, at) => at % step === 0 || at === known.length - 1)
    .map(([t, v]) => `${(((t - from) / (to - from || 1)) * 100).toFixed(2)},${(27 - ((v - low) / (high - low || 1)) * 24).toFixed(2)}`);
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 100 28");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("class", "spark");
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
  line.setAttribute("points", points.join(" "));
  line.setAttribute("stroke", hit ? GROUND[theme][hit.level] : LINES[theme][0]);
  svg.append(line);
  return svg;
}

// ------------------------------------------------------------------ table

const COLUMNS = [["last", "Last"], ["min", "Min"], ["avg", "Average"], ["max", "Max"]];

export function table(box, { series, names, panel, colors, kept }) {
  const print = printer(panel);
  const rows = series.map((one, at) => ({ name: names[at], color: colors[at], ...Object.fromEntries(COLUMNS.map(([by]) => [by, reduce(one.values, by)])) }));
  let [by, way] = kept.order ?? [panel.by === "sum" ? "last" : panel.by, -1];
  const body = h("tbody");
  const heads = [["name", "Series"], ...COLUMNS].map(([name, title]) => h("th", { class: name === "name" ? "" : "number", scope: "col" },
    h("button", { type: "button", data: { by: name }, onclick: () => { way = by === name ? -way : name === "name" ? 1 : -1; by = name; kept.order = [by, way]; draw(); } }, title)));
  const draw = () => {
    const sorted = [...rows].sort((a, b) => way * (by === "name" ? a.name.localeCompare(b.name) : (a[by] ?? -Infinity) - (b[by] ?? -Infinity)));
    for (const head of heads) head.setAttribute("aria-sort", head.firstChild.dataset.by !== by ? "none" : way > 0 ? "ascending" : "descending");
    fill(body, sorted.slice(0, panel.limit).map((row) => {
      const hit = levelOf(row[panel.by] ?? row.last, panel.thresholds);
      return h("tr", h("td", h("span.row", swatch(row.color), h("span.name.few-lines", { title: row.name }, row.name), word(hit))), COLUMNS.map(([name]) => h("td.number", { title: exact(row[name]) }, print(row[name]))));
    }), sorted.length > panel.limit ? h("tr", h("td.quiet", { colspan: COLUMNS.length + 1 }, `and ${sorted.length - panel.limit} more`)) : null);
  };
  fill(box, h("div.scroll.fill", { tabindex: "0", role: "group", "aria-label": "Table" }, h("table", h("thead", h("tr", heads)), body)));
  draw();
  return { destroy() {}, describe: `${rows.length} series in a table.` };
}

// ------------------------------------------------------------------ text

/** Lines of text: `# heading`, `- point`, addresses as links. Everything is text, nothing is markup. */
export function text(box, { panel }) {
  const parts = [];
  let list = null;
  for (const line of panel.text.split("\n")) {
    const [, mark, rest] = /^(#{1,3} |[-*] )?(.*)$/.exec(line);
    if (mark && /[-*]/.test(mark)) {
      if (!list) parts.push((list = h("ul")));
      list.append(h("li", linked(rest)));
      continue;
    }
    list = null;
    if (mark) parts.push(h(mark.length === 2 ? "h3" : "h4", linked(rest)));
    else if (line.trim() !== "") parts.push(h("p", linked(rest)));
  }
  fill(box, h("div.scroll.fill.note", { tabindex: "0", role: "group", "aria-label": "Text" }, parts.length ? parts : h("p.quiet", "This text is empty.")));
  return { destroy() {}, describe: "" };
}

function linked(line) {
  return line.split(/(https?:\/\/[^\s<>"']+)/).map((part, at) => (at % 2 ? h("a", { href: part, rel: "noopener noreferrer", target: "_blank" }, part) : part));
}
