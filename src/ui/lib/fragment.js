/**
 * The part of an address behind `#`: pages and their parameters, and the graph in OpenTSDB's own form, both ways.
 *
 * `#start=1h-ago&m=sum:x` is a graph, as in OpenTSDB. `#/explore?q=cpu` is another page: a leading slash occurs in no old
 * link. Split first, decode after, so that escaped `&`, `,` and `:` are text. Of repeated names the first counts, except
 * for `m`, `o` and `tsuid`, which are lists. Names that are not known are kept and written back.
 */
import * as query from "./query.js";

/** Parameters in their order. Values are decoded. */
export class Params {
  constructor(list = []) {
    this.list = list.map(([name, value]) => [name, value]);
  }
  get(name) { return this.list.find(([known]) => known === name)?.[1] ?? null; }
  all(name) { return this.list.filter(([known]) => known === name).map(([, value]) => value); }
  has(name) { return this.list.some(([known]) => known === name); }
  /** Sets the first of that name, or adds it; `null` takes all of that name away. A list gives each of its values. */
  set(name, value) {
    const values = value === null || value === undefined ? [] : value instanceof Array ? value : [value];
    const at = this.list.findIndex(([known]) => known === name);
    this.list = this.list.filter(([known]) => known !== name);
    this.list.splice(at < 0 ? this.list.length : at, 0, ...values.map((one) => [name, String(one)]));
    return this;
  }
  clone() { return new Params(this.list); }
  toString() {
    return this.list.map(([name, value]) => (value === "" && name !== "o" ? encode(name) : `${encode(name)}=${encode(value)}`)).join("&");
  }
}

/** Percent-decoding that leaves alone what is none. */
export function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text.replace(/(?:%[0-9a-f]{2})+/gi, (run) => {
      try { return decodeURIComponent(run); } catch { return run; }
    });
  }
}

/** Escapes what would end a value or an address; braces, brackets, bars and commas stay readable, as in OpenTSDB's links. */
export function encode(text) {
  return text.replace(/[^!$'()*+,\-./0-9:;=?@A-Z[\]_a-z{|}~]/gu, (c) => {
    try { return encodeURIComponent(c); } catch { return "%EF%BF%BD"; }
  });
}

/** Splits `a=1&b&c=x%26y`. */
export function split(text) {
  return text.split("&").filter((part) => part !== "").map((part) => {
    const at = part.indexOf("=");
    return at < 0 ? [decode(part), ""] : [decode(part.slice(0, at)), decode(part.slice(at + 1))];
  });
}

/** Reads `location.hash`: `{ page, id, params }`; `id` is what follows the page's name. */
export function parse(hash) {
  const text = hash.replace(/^#/, "");
  if (!text.startsWith("/")) return { page: "graph", id: "", params: new Params(split(text)) };
  const at = text.indexOf("?");
  const path = at < 0 ? text.slice(1) : text.slice(1, at);
  const slash = path.indexOf("/");
  const page = decode(slash < 0 ? path : path.slice(0, slash)).toLowerCase() || "graph";
  return { page, id: slash < 0 ? "" : decode(path.slice(slash + 1)), params: new Params(split(at < 0 ? "" : text.slice(at + 1))) };
}

/** The other way: with the `#`. */
export function join({ page, id = "", params }) {
  const list = params instanceof Params ? params.toString() : new Params(Object.entries(params ?? {}).flatMap(([name, value]) => (value instanceof Array ? value : [value]).filter((one) => one !== null && one !== undefined).map((one) => [name, String(one)]))).toString();
  if (page === "graph") return `#${list}`;
  return `#/${page}${id ? `/${encode(id).replace(/\?/g, "%3F")}` : ""}${list ? `?${list}` : ""}`;
}

/** Names whose values hold no percent sign of their own: there an escape that is left is one that was made twice. */
const TWICE = ["start", "end", "m", "tsuid", "o", "yrange", "y2range", "key", "wxh", "style"];
const again = (name, value) => (TWICE.includes(name) && /%[0-9a-f]{2}/i.test(value) ? decode(value) : value);
/** Names where old links write a blank as `+`. */
const plus = (value) => value.replace(/\+/g, " ");

/** Places of the legend, in OpenTSDB's spelling. */
export const KEY_PLACES = ["top left", "top center", "top right", "center left", "center", "center right", "bottom left", "bottom center", "bottom right",
  "out left top", "out center top", "out right top", "out center left", "out center right", "out bottom left", "out bottom center", "out bottom right"];
/** Kinds of lines that `/q` knows, ours after OpenTSDB's. */
export const STYLES = ["linespoint", "points", "circles", "dots", "lines", "area", "stacked", "steps"];

/** `[min:max]`: each side a number, `*` or nothing. `{ min, max }` with null for open sides, or null if it is none. */
export function range(text) {
  const number = "[-+]?(?:\\d+\\.?\\d*|\\.\\d+)(?:[eE][-+]?\\d+)?";
  const found = new RegExp(`^\\[\\s*(${number}|\\*)?\\s*:\\s*(${number}|\\*)?\\s*\\]$`).exec(text);
  if (!found) return null;
  const [min, max] = [found[1], found[2]].map((side) => (side === undefined || side === "*" ? null : Number(side)));
  return min !== null && max !== null && min >= max ? null : { min, max };
}

/** `WxH`: each from 100 to 32767, or null. */
export function size(text) {
  const found = /^(\d{1,5})x(\d{1,5})$/.exec(text);
  if (!found) return null;
  const [width, height] = [Number(found[1]), Number(found[2])];
  return width >= 100 && height >= 100 && width <= 32767 && height <= 32767 ? { width, height } : null;
}

/** `out right top horiz box`: `{ place, horiz, box }`, or null. Any order of the two words of a place is understood. */
export function legend(text) {
  const words = text.trim().toLowerCase().split(/\s+/).filter(Boolean);
  const flag = (name) => words.includes(name) && Boolean(words.splice(words.indexOf(name), 1));
  const [box, horiz] = [flag("box"), flag("horiz")];
  const sorted = (place) => place.split(" ").sort().join(" ");
  const place = words.length === 0 ? "top right" : KEY_PLACES.find((known) => sorted(known) === sorted(words.join(" ")));
  return place ? { place, horiz, box } : null;
}

/** Texts of a graph that are kept as they are. */
const TEXTS = ["ylabel", "y2label", "yformat", "y2format", "yrange", "y2range"];
/** Everything that `readGraph` understands; other names are kept in `others`. */
const KNOWN = new Set(["start", "end", "tz", "m", "o", "tsuid", ...TEXTS, "ylog", "y2log", "nokey", "key", "wxh", "smooth", "style", "no_annotations", "global_annotations", "autoreload"]);

/**
 * The graph of a link:
 * `{ start, end, tz, autoreload, queries: [{ kind, text, right, parsed, error }], ylabel, …, ylog, y2log, nokey, key, wxh,
 * smooth, style, noAnnotations, globalAnnotations, x: { shift, type, … }, others: [[name, value]…], problems: [{ name, message }] }`.
 *
 * Texts are kept as written. `problems` names what cannot be followed; it stays in the link. As in `/q`, entries of `tsuid`
 * come before all `m`, and the i-th `o` belongs to the i-th of them.
 */
export function readGraph(params) {
  const problems = [];
  const first = (name) => {
    const value = params.get(name);
    return value === null ? null : again(name, value);
  };
  const sides = params.all("o").map((value) => plus(again("o", value)).trim());
  const entries = ["tsuid", "m"].flatMap((kind) => params.all(kind).map((value) => ({ kind, text: again(kind, value) })));
  const queries = entries.map(({ kind, text }, at) => {
    const side = sides[at] ?? "";
    if (side !== "" && !side.includes("axis x1y2")) problems.push({ name: "o", message: `o=${side}: only "axis x1y2" (right axis) is understood` });
    const read = query.parse(text, kind);
    return { kind, text, right: side.includes("axis x1y2"), side, parsed: read.error ? null : read, error: read.error ?? null };
  });
  const graph = {
    start: first("start") ?? "", end: first("end") ?? "", tz: params.get("tz"), autoreload: params.has("autoreload") ? params.get("autoreload") : null,
    queries, ylog: params.has("ylog"), y2log: params.has("y2log"), nokey: params.has("nokey"), key: first("key"), wxh: first("wxh"),
    smooth: params.get("smooth"), style: first("style"), noAnnotations: params.has("no_annotations"), globalAnnotations: params.has("global_annotations"),
    x: {}, others: [], problems,
  };
  for (const name of TEXTS) graph[name] = first(name);
  if (graph.key !== null) graph.key = plus(graph.key);
  for (const [name, value] of params.list) {
    if (name.startsWith("x.")) graph.x[name.slice(2)] ??= value;
    else if (!KNOWN.has(name)) graph.others.push([name, value]);
  }
  const wrong = (name, ok, message) => { if (graph[name] && !ok(graph[name])) problems.push({ name, message: `${name}=${graph[name]}: ${message}` }); };
  wrong("yrange", range, "write [min:max], either side may be empty");
  wrong("y2range", range, "write [min:max], either side may be empty");
  wrong("key", legend, "this is no place for the legend");
  wrong("wxh", size, "write WIDTHxHEIGHT, from 100 each");
  wrong("style", (style) => STYLES.some((known) => style.includes(known)), "this is no style of lines");
  return graph;
}

/** The link of a graph: parameters in the order in which OpenTSDB's page writes them, ours and unknown ones at the end. */
export function writeGraph(graph) {
  const list = [];
  const put = (name, value) => { if (value !== null && value !== undefined && value !== "") list.push([name, String(value)]); };
  const flag = (name, on) => { if (on) list.push([name, ""]); };
  put("start", graph.start);
  put("end", graph.end);
  put("tz", graph.tz);
  // `/q` pairs `o` with tsuids first: so they are written first.
  const queries = [...graph.queries.filter(({ kind }) => kind === "tsuid"), ...graph.queries.filter(({ kind }) => kind !== "tsuid")];
  for (const { kind, text, right, side } of queries) {
    if (text === "") continue;
    list.push([kind, text], ["o", right ? "axis x1y2" : side && !side.includes("axis x1y2") ? side : ""]);
  }
  for (const name of TEXTS) put(name, graph[name]);
  flag("ylog", graph.ylog);
  flag("y2log", graph.y2log);
  if (graph.nokey) flag("nokey", true);
  put("key", graph.key);
  put("wxh", graph.wxh);
  if (graph.smooth !== null && graph.smooth !== undefined) list.push(["smooth", graph.smooth]);
  put("style", graph.style);
  flag("no_annotations", graph.noAnnotations);
  flag("global_annotations", graph.globalAnnotations);
  if (graph.autoreload !== null && graph.autoreload !== undefined) list.push(["autoreload", String(graph.autoreload)]);
  for (const [name, value] of Object.entries(graph.x)) if (value !== null && value !== undefined && value !== false) list.push([`x.${name}`, value === true ? "" : String(value)]);
  list.push(...graph.others);
  return new Params(list);
}
