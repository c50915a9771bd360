/**
 * What a screen is: its members and their defaults, variables, names of series. No elements, no requests. The server checks
 * the same form (docs/API.md) and has the last word.
 */
import { build, parse } from "../../lib/query.js";

/** Kinds of panels: name, what it shows, and whether it has queries and axes. */
export const KINDS = {
  line: { title: "Lines", chart: true },
  area: { title: "Areas", chart: true },
  stacked: { title: "Stacked areas", chart: true },
  points: { title: "Points", chart: true },
  heat: { title: "Heat map", reduce: false },
  top: { title: "Top list", reduce: true },
  pie: { title: "Pie: shares of the whole", reduce: true },
  value: { title: "Single value", reduce: true },
  table: { title: "Table", reduce: true },
  text: { title: "Text", text: true },
};
export const BY = { last: "last value", avg: "average", max: "highest", min: "lowest", sum: "sum" };
export const SUMS = { none: "no", with: "with the series", only: "alone" };
export const LEVELS = { good: "good", warn: "warning", bad: "bad" };

const PANEL = { title: "", kind: "line", width: 1, height: 3, queries: [], left: {}, right: {}, lower: {}, sum: "none", thresholds: [], legend: true, events: true, span: "", compare: "", limit: 10, by: "last", decimals: null, text: "" };
const QUERY = { m: "", alias: "", expression: "", axis: "left", pane: "upper", hidden: false };
const VARIABLE = { tag: "", value: "", label: "", metric: "", everywhere: true };
const SCREEN = { name: "", folder: "", note: "", columns: 2, range: {}, refresh: 0, variables: [], panels: [] };

const SHAPES = [["kind", (kind) => Object.hasOwn(KINDS, kind), "one that is known here"], ["queries", Array.isArray, "a list"], ["thresholds", Array.isArray, "a list"], ...["left", "right", "lower"].map((name) => [name, isObject, "an object"])];
function isObject(value) { return value !== null && typeof value === "object" && !Array.isArray(value); }
/** Throws where a member is of another form than all that is done with it takes: a file, or a link, may hold anything. */
function check(given, shapes, what) {
  if (!isObject(given)) throw new Error(`${what} is no object`);
  for (const [name, fits, form] of shapes) if (given[name] !== undefined && !fits(given[name])) throw new Error(`"${name}" of ${what.toLowerCase()} is not ${form}`);
}

let keys = 0;
/** A panel with every member; `key` tells panels of the page apart and is never stored. */
export function panelOf(given = {}) {
  check(given, SHAPES, "A panel");
  const panel = { ...structuredClone(PANEL), ...structuredClone(given), key: `p${++keys}` };
  panel.queries = panel.queries.map(queryOf);
  return panel;
}
export function queryOf(given = {}) {
  check(given, [["m", (m) => typeof m === "string", "a text"]], "A query");
  return { ...QUERY, ...given };
}
export const variableOf = (given = {}) => ({ ...VARIABLE, ...given });

/** A screen of the server, or a new one, with every member. */
export function screenOf(given = {}) {
  check(given, [["panels", Array.isArray, "a list"], ["variables", Array.isArray, "a list"], ["range", isObject, "an object"]], "A screen");
  const { id = "", version = 0, updated = 0, ...rest } = given;
  const screen = { ...structuredClone(SCREEN), ...structuredClone(rest), id, version, updated };
  screen.panels = screen.panels.map(panelOf);
  screen.variables = screen.variables.map(variableOf);
  return screen;
}

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
const lean = (object, defaults, always = []) =>
  Object.fromEntries(Object.entries(object).filter(([name, value]) => name in defaults && (always.includes(name) || !same(value, defaults[name]))));
const axis = (given) => Object.fromEntries(Object.entries(given).filter(([, value]) => value !== "" && value !== null && value !== undefined && value !== false));

/** What is stored: without defaults, and without what only this page knows. */
export function stored(screen) {
  const out = lean(screen, SCREEN, ["name", "panels", "columns"]);
  out.range = axis(screen.range);
  if (Object.keys(out.range).length === 0) delete out.range;
  out.panels = screen.panels.map((panel) => {
    const lines = lean({ ...panel, left: axis(panel.left), right: axis(panel.right), lower: axis(panel.lower) }, PANEL, ["kind"]);
    if (lines.queries) lines.queries = panel.queries.map((query) => lean(query, QUERY, ["m"]));
    if (lines.thresholds) lines.thresholds = panel.thresholds.map(({ pane, ...one }) => (pane === "lower" ? { ...one, pane } : one));
    return lines;
  });
  if (out.variables) out.variables = screen.variables.map((variable) => lean(variable, VARIABLE, ["tag"]));
  return out;
}

/** Whether two screens would be stored alike. */
export const alike = (a, b) => same(stored(a), stored(b));

/** Whether a panel has a second plot below the first: a query of it is to be drawn there, and one above. */
export function hasLower({ kind, queries }) {
  const panes = new Set(queries.filter(({ m, hidden }) => m !== "" && !hidden).map(({ pane }) => pane));
  return Boolean(KINDS[kind].chart) && panes.size === 2;
}

/** The letter of the n-th query: `A` … `T`. */
export const letter = (at) => String.fromCharCode(65 + at);

// ------------------------------------------------------------------ variables

/** Values of the variables: those of the address (`v.TAG`), else those of the screen. */
export function valuesOf(screen, params) {
  const values = new Map();
  for (const { tag, value } of screen.variables) values.set(tag, params?.get(`v.${tag}`) ?? value);
  // A tag that the screen does not know filters all the same: a link may bring its own.
  for (const [name, value] of params?.list ?? []) if (name.startsWith("v.") && name.length > 2 && !values.has(name.slice(2))) values.set(name.slice(2), value);
  return values;
}

const isAll = (value) => value === "" || value === "*";

/** `$host` and `${host}` with their values (`any` where there is none); what is no variable stays. Longer names first. */
export function fillIn(text, values, any = "all") {
  if (!text.includes("$")) return text;
  const known = [...values.keys()].sort((a, b) => b.length - a.length);
  const value = (name) => (isAll(values.get(name)) ? any : values.get(name));
  return text.replace(/\$(?:\{([^{}]+)\}|([A-Za-z0-9_.\/-]+))/g, (all, braced, bare) => {
    if (braced !== undefined) return values.has(braced) ? value(braced) : all;
    // Names of tags may hold dots and hyphens, and so may the text behind one.
    const name = known.find((one) => bare.startsWith(one) && !/^\w/.test(bare.slice(one.length)));
    return name === undefined ? all : value(name) + bare.slice(name.length);
  });
}

/**
 * The expression that is asked for: placeholders filled in, and the variables that count everywhere as filters. A tag that
 * the query names gets the value in its place; one that it does not name becomes a filter that does not group.
 */
export function asked(m, screen, values) {
  const text = fillIn(m, values, "*");
  const own = new Set(screen.variables.map(({ tag }) => tag));
  const filters = [...values].filter(([tag, value]) => !isAll(value) && (!own.has(tag) || screen.variables.find((one) => one.tag === tag).everywhere));
  if (filters.length === 0) return text;
  const parts = parse(text);
  if (parts.error || parts.tsuids) return text;
  const groups = parts.groups.map((one) => ({ ...one }));
  const plain = parts.filters.map((one) => ({ ...one }));
  for (const [tagk, filter] of filters) {
    const there = [...groups, ...plain].find((one) => one.tagk === tagk);
    if (there) there.filter = filter;
    else plain.push({ tagk, filter });
  }
  return build({ ...parts, groups, filters: plain });
}

// ------------------------------------------------------------------ names of series

/** Tags in which these series differ. */
export function differing(list) {
  const names = new Set(list.flatMap(({ tags }) => Object.keys(tags)));
  return [...names].filter((name) => new Set(list.map(({ tags }) => tags[name])).size > 1).sort();
}

/** `%(tags.host)s`, `%(metric)s`, `%(aggregator)s`; `$host` is a variable's value. */
export function aliasOf(template, series, values) {
  const known = (path) => {
    if (path.startsWith("tags.")) return series.tags[path.slice(5)] ?? "";
    if (path === "metric") return series.metric;
    if (path === "aggregator") return series.aggregator ?? "";
    return series.tags[path] ?? null;
  };
  return fillIn(template.replace(/%\(([^()]+)\)s/g, (all, path) => known(path.trim()) ?? all), values);
}

/** The differing tags that a query is split by, if they tell its series apart; else all that differ. */
function telling(all, panel, tags) {
  return panel.queries.map(({ m }, query) => {
    const parts = parse(fillIn(m, new Map()));
    const split = (parts.groups ?? []).map(({ tagk }) => tagk).filter((tagk) => tags.includes(tagk));
    const own = all.filter((one) => one.query === query && !one.earlier);
    const names = new Set(own.map((one) => split.map((tag) => one.tags[tag]).join("\n")));
    return split.length && names.size === own.length ? split : tags;
  });
}

/** A name for each series: its alias, else what tells it from the others. */
export function nameSeries(all, panel, values) {
  const tags = differing(all);
  const told = telling(all, panel, tags);
  const metrics = new Set(all.map(({ metric }) => metric)).size > 1;
  const names = all.map((series) => {
    const { alias } = panel.queries[series.query] ?? {};
    if (alias) return aliasOf(alias, series, values) || series.metric;
    const own = (told[series.query] ?? tags).filter((tag) => series.tags[tag] !== undefined).map((tag) => series.tags[tag]);
    if (!metrics && own.length) return own.join(" ");
    return [series.metric, ...(own.length ? [`{${own.join(", ")}}`] : [])].join("");
  });
  // Two of one name cannot be told apart: say which query each belongs to.
  const count = new Map();
  for (const name of names) count.set(name, (count.get(name) ?? 0) + 1);
  const queries = new Set(all.map(({ query }) => query)).size > 1;
  return names.map((name, at) => (count.get(name) > 1 && queries ? `${name} (${letter(all[at].query)})` : name));
}

// ------------------------------------------------------------------ numbers

/** One number of a series: `last`, `avg`, `min`, `max` or `sum` of those it has; null without any. */
export function reduce(values, by) {
  let [count, sum, low, high, last] = [0, 0, Infinity, -Infinity, null];
  for (const value of values) {
    if (value === null || value === undefined || Number.isNaN(value)) continue;
    count++;
    sum += value;
    if (value < low) low = value;
    if (value > high) high = value;
    last = value;
  }
  if (count === 0) return null;
  return { last, avg: sum / count, min: low, max: high, sum }[by];
}

/** The worst threshold that a value is within, or null. */
export function levelOf(value, thresholds) {
  if (value === null) return null;
  const within = thresholds.filter(({ from = null, to = null }) => (from !== null || to !== null) && value >= (from ?? -Infinity) && value < (to ?? Infinity));
  return within.find(({ level }) => level === "bad") ?? within.find(({ level }) => level === "warn") ?? within[0] ?? null;
}
