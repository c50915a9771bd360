/** What stands under the picture beside the legend: table, CSV, JSON, what the queries cost. Loaded with the first of them. */
import { address, request } from "../../lib/api.js";
import { copy, download, fill, h, icon, text } from "../../lib/dom.js";
import { bytes, count, many, value } from "../../lib/format.js";
import { format, span } from "../../lib/time.js";
import { csv as csvOf, realRows } from "./model.js";

/** Columns of the table at once. */
const COLUMNS = 20;
/** Characters of an answer shown as text. */
const TEXT_MAX = 200_000;

// ------------------------------------------------------------------ table

function shownColumns(panel) {
  const { lines, columns, heat } = panel.owner.picture;
  return [...lines.filter(({ hidden }) => !hidden), ...(heat?.rows ?? [])].map((line) => ({ line, column: columns[line.column] }));
}

export function table(panel) {
  const { times, answers, added } = panel.owner.picture;
  const { zone } = panel.owner.ctx.time;
  const all = shownColumns(panel);
  const rows = realRows(times, added).reverse();
  const shown = all.slice(0, COLUMNS);
  const points = answers.reduce((sum, { series }) => sum + series.reduce((more, one) => more + one.points, 0), 0);
  const exact = times.some((ms) => ms % 1000) ? "ms" : "second";
  fill(panel.body, h("div.legend-head", h("span.quiet", `${count(rows.length)} times, ${many(points, "point")}, newest first; times in ${zone}`), all.length > shown.length ? h("span.warn", `${COLUMNS} of ${all.length} lines; the CSV has them all`) : null),
    h("div.scroll", { tabindex: "0", role: "region", "aria-label": "Points" }, h("table", h("caption.unseen", "Points of the picture"), h("thead", h("tr", h("th", { scope: "col" }, "time"), shown.map(({ line }) => h("th.number.name", { scope: "col", title: line.name }, line.label)))),
      h("tbody", rows.slice(0, panel.more).map((i) => h("tr", h("td.nowrap", format(times[i], zone, exact)), shown.map(({ column }) => h("td.number", column[i] === undefined || column[i] === null ? "" : value(column[i]))))))), panel.moreButton(rows.length)));
}

// ------------------------------------------------------------------ texts

export function csv(panel) {
  const { times, added } = panel.owner.picture;
  const shown = shownColumns(panel);
  const whole = csvOf(times, shown.map(({ line }) => line), shown.map(({ column }) => column), added);
  textView(panel, whole, `${fileName(shown)}.csv`, "text/csv", "Times in UTC; one column a line");
}

export async function json(panel) {
  const { answers } = panel.owner.picture;
  const mine = (panel.jsonFor = answers);
  const links = answers.filter(({ past }) => !past).map(({ query, url }) => ({ query, url }));
  fill(panel.body, h("ul.links", links.map(({ query, url }) => h("li", h("a.name", { href: url, target: "_blank", rel: "noopener" }, query.text)))), h("p.quiet", "Loading …"));
  try {
    const { text: whole } = await request("GET", links[0] ? links[0].url.slice(address("").length) : "api/version");
    if (panel.jsonFor !== mine || panel.tab !== "json") return;
    const pretty = whole.length < TEXT_MAX ? JSON.stringify(JSON.parse(whole), null, 1) : whole;
    textView(panel, pretty, "answer.json", "application/json", links.length > 1 ? `Answer to the first of ${links.length} queries` : "", h("ul.links", links.map(({ query, url }) => h("li", h("a.name", { href: url, target: "_blank", rel: "noopener" }, query.text)))));
  } catch (error) {
    if (panel.jsonFor === mine && panel.tab === "json") fill(panel.body, h("p.field-error", error.message));
  }
}

function textView(panel, whole, name, type, note, above = null) {
  const done = h("span.quiet", { role: "status" });
  fill(panel.body, h("div.legend-head",
    h("button", { type: "button", onclick: async () => text(done, (await copy(whole)) ? "Copied." : "The browser does not allow copying.") }, icon("copy"), "Copy"),
    h("button", { type: "button", onclick: () => download(name, type, whole) }, "Download"),
    h("span.quiet", [note, whole.length > TEXT_MAX ? `first ${bytes(TEXT_MAX)} of ${bytes(whole.length)}` : bytes(whole.length)].filter(Boolean).join("; ")), done),
  above, h("pre.scroll.text", { tabindex: "0", "aria-label": name }, whole.slice(0, TEXT_MAX)));
}

export function stats(panel) {
  const { answers, loaded } = panel.owner.picture;
  const rows = answers.map(({ query, series, past, ms, server, bytes: size, downsample, stats }) => {
    const points = series.reduce((sum, one) => sum + one.points, 0);
    return h("tr", h("td.name", query.text, past ? h("span.quiet", ` ${span(past)} before`) : null), h("td", downsample ?? "all points"), h("td.number", count(series.length)), h("td.number", count(points)), h("td.number", `${Math.round(server)} ms`), h("td.number", `${Math.round(ms - server)} ms`), h("td.number", bytes(size)), h("td.number", stats?.dpsPostFilter ? count(stats.dpsPostFilter) : "–"));
  });
  const details = answers.filter(({ stats }) => stats).map(({ query, stats }) => h("details", h("summary.name", query.text), h("table", h("tbody", Object.entries(stats).filter(([, one]) => typeof one !== "object").sort().map(([name, one]) => h("tr", h("td", name), h("td.number", value(one))))))));
  fill(panel.body, h("div.legend-head", h("span.quiet", `Loaded ${format(loaded, panel.owner.ctx.time.zone)}`)),
    h("div.scroll", { tabindex: "0", role: "region", "aria-label": "Cost" }, h("table", h("caption.unseen", "Cost of the queries"), h("thead", h("tr", ["query", "downsampling", "series", "points", "answer", "reading it", "size", "points read"].map((name, at) => h("th", { scope: "col", class: at > 1 ? "number" : "" }, name)))), h("tbody", rows)), details));
}

function fileName(shown) {
  const names = [...new Set(shown.map(({ line }) => line.series.metric))];
  return names.slice(0, 2).join("+").replace(/[^A-Za-z0-9._+-]/g, "_").slice(0, 80) || "points";
}
