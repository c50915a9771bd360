/** What the Graph page works out from its address and from answers: pure functions, tested without a browser. */
import { heatOf, rangeOf } from "../../lib/align.js";
import { asksRanges, literals, parse } from "../../lib/query.js";
import { short } from "../../lib/format.js";
import { UNITS } from "../../lib/time.js";
import { looks } from "../../lib/palette.js";

/** Most lines drawn unless all are asked for. */
export const LINES_MAX = 100;
/** Above these an estimate is shown before a query is sent. */
export const SERIES_GUARD = 1000;
export const POINTS_GUARD = 5_000_000;

/** Types of lines in the order of the menu; those that OpenTSDB's `style` names are written as that. */
export const TYPES = [["line", "Lines"], ["linespoint", "Lines and points"], ["points", "Points"], ["area", "Areas"], ["stacked", "Stacked areas"], ["steps", "Steps"], ["smooth", "Smooth lines"]];

/** The type that a graph asks for. */
export function typeOf(graph) {
  if (TYPES.some(([name]) => name === graph.x.type)) return graph.x.type;
  if (graph.smooth !== null && graph.smooth !== undefined) return "smooth";
  const style = graph.style ?? "";
  for (const name of ["linespoint", "points", "circles", "dots", "stacked", "area", "steps"]) if (style.includes(name)) return name;
  return "line";
}

/** A graph with another type. */
export function withType(graph, type) {
  const x = { ...graph.x };
  delete x.type;
  const next = { ...graph, x, style: null, smooth: null };
  if (type === "smooth") next.smooth = "csplines";
  else if (["linespoint", "points", "circles", "dots"].includes(type)) next.style = type;
  else if (type !== "line") x.type = type;
  return next;
}

/** Numbers of queries in a parameter such as `x.hide=1,3` (counted from 1), as a set counted from 0. */
export const numbers = (text) => new Set(String(text ?? "").split(",").map((one) => Number(one) - 1).filter((one) => Number.isInteger(one) && one >= 0));
export const fromNumbers = (set) => (set.size ? [...set].sort((a, b) => a - b).map((one) => one + 1).join(",") : null);

/** What parameters say of queries by their number, with numbers as `where` (counted from 0; null: gone) has them. */
function renumbered(x, where) {
  const of = (text) => fromNumbers(new Set([...numbers(text)].map(where).filter((one) => one !== null)));
  return { ...x, hide: of(x.hide), raw: of(x.raw) };
}
/** A graph without one of its queries. */
export function without({ queries, x }, at) {
  return { queries: queries.filter((query, i) => i !== at), x: renumbered(x, (i) => (i === at ? null : i > at ? i - 1 : i)) };
}
/** A graph in which two queries have changed places. */
export function swapped({ queries, x }, a, b) {
  const other = (i) => (i === a ? b : i === b ? a : i);
  return { queries: queries.map((query, i) => queries[other(i)]), x: renumbered(x, other) };
}

/** The shift of a comparison in ms, or 0. */
export function shiftOf(text) {
  const found = /^(\d+)(ms|[smhdwny])$/.exec(text ?? "");
  return found ? Number(found[1]) * UNITS[found[2]] : 0;
}

/** The same as a query of `/api/query`'s JSON, for estimates. Null when it cannot be read. */
export function toJson(query) {
  const parts = query.parsed ?? parse(query.text, query.kind);
  if (parts.error) return null;
  if (parts.tsuids) return { aggregator: parts.agg, tsuids: parts.tsuids };
  const filter = (groupBy) => ({ tagk, filter: text }) => {
    const call = /^([a-z_]+)\((.*)\)$/i.exec(text);
    if (call) return { tagk, type: call[1], filter: call[2], groupBy };
    return { tagk, type: text.includes("*") ? "wildcard" : "literal_or", filter: text, groupBy };
  };
  return { aggregator: parts.agg, metric: parts.metric, filters: [...parts.groups.map(filter(true)), ...parts.filters.map(filter(false))] };
}

/** Series that a query gives back, by the estimate of those it reads: one for all without grouping. */
export function drawnSeries({ parsed }, estimate) {
  return parsed.agg === "none" || parsed.groups?.some(({ filter }) => filter === "*" || filter.includes("*") || filter.includes("|")) ? estimate.series : 1;
}

/** Tags in one text, by name: the identity of a series within a query. */
export const tagText = (tags) => Object.keys(tags).sort().map((key) => `${key}=${tags[key]}`).join(",");

/** `metric{host=a,cpu=0}`. */
export const fullName = ({ metric, tags }) => (Object.keys(tags).length ? `${metric}{${tagText(tags)}}` : metric);

/**
 * Lines for answers. `answers`: `[{ at, query, series, past }]`, `at` being the query's place and `past` the shift of a comparison
 * in ms (0 for the present). Gives `{ lines, common, keys, total }`:
 * lines with `key`, `name` (in full), `label` (what sets it apart), look, and where it comes from (`column`, `at`, `series`); tags that
 * all have; names of the tags that differ; and how many there are in all. More than `max` are cut to those with the highest values.
 */
export function lines(answers, { type = "line", max = LINES_MAX, hidden = new Set() } = {}) {
  const all = [];
  let column = 0;
  for (const { at, query, series, past } of answers) {
    for (const one of series) {
      if (!isRange(query, one)) all.push({ column, at, query, series: one, past: past || 0 });
      column++;
    }
  }
  const present = all.filter(({ past }) => !past);
  const kept = present.length <= max ? present : [...present].sort((a, b) => (b.series.max ?? -Infinity) - (a.series.max ?? -Infinity)).slice(0, max).sort((a, b) => a.column - b.column);
  const identity = ({ at, series }) => `${at}|${fullName(series)}`;
  const ids = kept.map(identity);
  // A query of one line gets a plain look beside one of many.
  const perQuery = new Map();
  for (const { at } of kept) perQuery.set(at, (perQuery.get(at) ?? 0) + 1);
  const looked = looks(ids, kept.map(({ at }) => perQuery.get(at)));
  const look = new Map(ids.map((id, i) => [id, looked[i]]));
  const shown = all.filter((one) => look.has(identity(one)) && (!one.past || true));
  const metrics = new Set(kept.map(({ series }) => series.metric));
  const { common, keys } = tagsApart(kept.map(({ series }) => series.tags));
  const labelKeys = new Map();
  for (const at of perQuery.keys()) labelKeys.set(at, keysOf(kept.filter((one) => one.at === at), keys));
  const sameLabels = new Map();
  const out = shown.map((one) => {
    const id = identity(one);
    const { tags, metric } = one.series;
    const apart = labelKeys.get(one.at).filter((key) => tags[key] !== undefined).map((key) => tags[key]);
    const label = [...(metrics.size > 1 || apart.length === 0 ? [metric] : []), ...apart].join(" · ");
    if (!one.past) sameLabels.set(label, (sameLabels.get(label) ?? 0) + 1);
    return {
      ...look.get(id), key: one.past ? `${id}|past` : id, id, column: one.column, at: one.at, series: one.series, past: one.past, label,
      name: fullName(one.series), right: Boolean(one.query.right), type, hidden: hidden.has(id),
    };
  });
  // The same series by two queries: the aggregator and the rest of the expression set them apart.
  for (const line of out) if (sameLabels.get(line.label) > 1) line.label = `${line.label} (${answers.find(({ at }) => at === line.at).query.text.split(":").slice(0, -1).join(":")})`;
  return { lines: out, common, keys: keys.filter((key) => [...labelKeys.values()].some((used) => used.includes(key))), metrics: [...metrics], total: present.length };
}

const isRange = (query, { metric }) => asksRanges(query.parsed) && rangeOf(metric) !== null;

/**
 * The heat map of all queries for ranges of histograms, with `rows` for tables (`label`, `name`, `series`, `column`): null when there
 * is none.
 */
export function heat(answers, times, columns) {
  const rows = [];
  let column = 0;
  for (const { query, series, past } of answers) {
    for (const one of series) {
      const range = !past && isRange(query, one) ? rangeOf(one.metric) : null;
      if (range && range.low !== null) rows.push({ ...range, label: `${short(range.low)} – ${short(range.high)}`, name: fullName(one), series: one, column });
      column++;
    }
  }
  rows.sort((a, b) => a.low - b.low || a.high - b.high);
  const map = rows.length ? heatOf(times, rows.map(({ low, high }) => [low, high]), rows.map((row) => columns[row.column])) : null;
  return map && { ...map, rows };
}

/** Tags that name the series of one query: those it is split by if they tell all apart, else all that differ. */
function keysOf(list, keys) {
  const groups = (list[0].query.parsed?.groups ?? []).map(({ tagk }) => tagk);
  const split = keys.filter((key) => groups.includes(key));
  const names = new Set(list.map(({ series }) => split.map((key) => series.tags[key] ?? "").join("\n")));
  return split.length && names.size === list.length ? split : keys;
}

/** Tags that all sets share, and the names of the others, by name. */
export function tagsApart(sets) {
  if (!sets.length) return { common: {}, keys: [] };
  const common = {};
  const keys = new Set();
  for (const set of sets) for (const key of Object.keys(set)) keys.add(key);
  for (const key of [...keys]) {
    const value = sets[0][key];
    if (value !== undefined && sets.every((set) => set[key] === value)) {
      common[key] = value;
      keys.delete(key);
    }
  }
  return { common, keys: [...keys].sort() };
}

/** The span that `x.mark=FROM,TO` (ms) marks: `{ from, to }`, or null. */
export function markOf({ x }) {
  const [, from, to] = /^(\d{1,15}),(\d{1,15})$/.exec(x.mark ?? "") ?? [];
  return Number(to) > Number(from) ? { from: Number(from), to: Number(to) } : null;
}

/**
 * Whether a note fits a filter: words that its text has, and `name=value` of its own fields (`type=deploy`) or of the tags of its
 * series (`host=web*`); quotes keep blanks, `a|b` is either. All of them count.
 */
export function noteFits(filter, { text, notes, custom, tags }) {
  const words = `${text} ${notes} ${Object.values(custom).join(" ")}`.toLowerCase();
  const pattern = (one) => new RegExp(`^(?:${one.split("|").map((part) => part.replace(/[.+?^${}()[\]\\]/g, "\\$&").replaceAll("*", ".*")).join("|")})$`, "is");
  return (filter.match(/(?:[^\s"]|"[^"]*")+/g) ?? []).every((quoted) => {
    const part = quoted.replaceAll('"', "");
    const at = part.indexOf("=");
    if (at <= 0) return words.includes(part.toLowerCase());
    const [name, wanted] = [part.slice(0, at), pattern(part.slice(at + 1))];
    return [custom[name], tags[name]].some((value) => value !== undefined && wanted.test(value));
  });
}

/** Types of notes (their field `type`) with how many have each, the most frequent first. */
export function noteTypes(notes) {
  const found = new Map();
  for (const { custom } of notes) if (custom.type) found.set(custom.type, (found.get(custom.type) ?? 0) + 1);
  return [...found].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
}

/** Notes of answers, each once, by time: `[{ time, end, text, notes, custom, tags, global, tsuid, raw }]`, `tags` being those of its series. */
export function events(answers) {
  const found = new Map();
  const add = (note, global, tags) => {
    const at = (seconds) => (seconds > 0xffffffff ? seconds : seconds * 1000);
    const key = `${note.startTime}|${note.tsuid ?? ""}|${note.description ?? ""}`;
    if (!found.has(key)) found.set(key, { time: at(note.startTime), end: note.endTime ? at(note.endTime) : null, text: note.description ?? "", notes: note.notes ?? "", custom: note.custom ?? {}, tags, global, tsuid: note.tsuid ?? null, raw: note });
  };
  for (const { series, past } of answers) {
    if (past) continue;
    for (const one of series) {
      for (const note of one.annotations ?? []) add(note, false, one.tags ?? {});
      for (const note of one.global ?? []) add(note, true, {});
    }
  }
  return [...found.values()].sort((a, b) => a.time - b.time);
}

/** A text as one field of CSV. A leading sign that a spreadsheet would compute is made plain text. */
export function csvField(text) {
  const plain = /^[=+\-@\t\r]/.test(text) && !/^-?\d+(\.\d+)?(e[-+]?\d+)?$/i.test(text) ? `'${text}` : text;
  return /[",\n\r]/.test(plain) ? `"${plain.replace(/"/g, '""')}"` : plain;
}

/** Places of times that a series has; those that were added for gaps are none. */
export function realRows(times, added = []) {
  const gaps = new Set(added);
  return Array.from(times, (_, i) => i).filter((i) => !gaps.has(i));
}

/** CSV with a column of times (ISO, in UTC) and one a line. `columns` and `added` as `align` gives them. */
export function csv(times, lineList, columns, added) {
  const rows = [["time", ...lineList.map(({ name }) => name)].map(csvField).join(",")];
  for (const i of realRows(times, added)) {
    rows.push([new Date(times[i]).toISOString().replace(".000Z", "Z"), ...columns.map((column) => (column[i] === null || column[i] === undefined ? "" : String(column[i])))].join(","));
  }
  return `${rows.join("\r\n")}\r\n`;
}

/** Values that a tag is restricted to by a query's filters, as texts; null when it is not. */
export function chosenValues(parts, tagk) {
  const found = [...parts.groups, ...parts.filters].find((tag) => tag.tagk === tagk);
  return found ? literals(found.filter) : null;
}
