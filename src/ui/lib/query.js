/**
 * The expressions of `m=` and `tsuid=`, read into parts and written back:
 * `agg:[interval-func[-fill]:][rate[{counter[,max[,reset]]}]:]metric[{k=v,…}][{k=v,…}]`.
 *
 * The first braces group by their tags, the second only filter. This is what the page needs to show a query as fields; the
 * server has its own grammar and the last word.
 */

/** What may stand between aggregator and metric, beside intervals and rates. */
const SWITCHES = /^(pre-agg|explicit_tags|show-histogram-buckets|rollup_[a-z0-9_]+|percentiles\[[\d.,\s]*\])$/i;
const INTERVAL = /^(\d+(?:ms|[smhdwny]c?)|0all|[1-9]\d*(?:ms|[smhdwny])c?)-([a-zA-Z0-9_]+)(?:-([a-zA-Z0-9.+-]+))?$/i;
/** Fill policies, in the order of the form. */
export const FILLS = ["none", "nan", "null", "zero"];
/** Filter functions of tag values. */
export const FILTERS = ["literal_or", "iliteral_or", "not_literal_or", "not_iliteral_or", "wildcard", "iwildcard", "regexp", "not_key"];

/** Whether an expression that was read asks for the ranges of histograms. */
export const asksRanges = (parts) => Boolean(parts?.switches?.some((one) => /^show-histogram-buckets$/i.test(one)));
/** Whether it asks for histograms, as ranges or as percentiles: those know sums alone. */
export const asksHistograms = (parts) => Boolean(parts?.switches?.some((one) => /^(show-histogram-buckets$|percentiles\[)/i.test(one)));
/** The same expression for histograms: with `switch` (`show-histogram-buckets`, `percentiles[50]`) in place of what is not for them. */
export const forHistograms = (parts, how) => ({ ...parts, agg: "sum", downsample: null, rate: null, switches: [...parts.switches.filter((one) => !/^(show-histogram-buckets$|percentiles\[)/i.test(one)), ...(how ? [how] : [])] });

/** The kind of data of a query that is dragged onto a graph (lib/drag.js). */
export const DRAGGED = "application/x-tsdb-query";

/** Splits at `mark` outside of braces, brackets and parentheses. */
export function splitOutside(text, mark) {
  const out = [];
  let depth = 0;
  let from = 0;
  for (let at = 0; at < text.length; at++) {
    const c = text[at];
    if (c === "{" || c === "[" || c === "(") depth++;
    else if (c === "}" || c === "]" || c === ")") depth = Math.max(0, depth - 1);
    else if (c === mark && depth === 0) {
      out.push(text.slice(from, at));
      from = at + 1;
    }
  }
  out.push(text.slice(from));
  return out;
}

/** Reads tags of one pair of braces: `[{ tagk, filter }]`, or a text that says what is wrong. */
function readTags(text) {
  if (text.trim() === "") return [];
  const out = [];
  for (const pair of splitOutside(text, ",")) {
    const at = pair.indexOf("=");
    if (at <= 0 || at === pair.length - 1) return `"${pair.trim()}" is no tag: write name=value`;
    out.push({ tagk: pair.slice(0, at).trim(), filter: pair.slice(at + 1).trim() });
  }
  return out;
}

/** Metric and braces: `{ metric, groups, filters }` or `{ error }`. */
function readMetric(text) {
  const open = text.indexOf("{");
  if (open < 0) return text.includes("}") ? { error: "a } without its {" } : { metric: text.trim(), groups: [], filters: [] };
  const sets = [];
  let rest = text.slice(open);
  while (rest !== "") {
    if (!rest.startsWith("{")) return { error: `"${rest}" behind the tags` };
    const end = closing(rest);
    if (end < 0) return { error: "a { is not closed" };
    const tags = readTags(rest.slice(1, end));
    if (typeof tags === "string") return { error: tags };
    sets.push(tags);
    rest = rest.slice(end + 1).trim();
  }
  if (sets.length > 2) return { error: "more than two sets of tags" };
  return { metric: text.slice(0, open).trim(), groups: sets[0] ?? [], filters: sets[1] ?? [] };
}

function closing(text) {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === "{") depth++;
    else if (text[at] === "}" && --depth === 0) return at;
  }
  return -1;
}

/** `rate`, `rate{counter,max,reset}`, `rate{dropcounter}`: `{ kind: "plain" | "counter" | "dropcounter", max, reset }`. */
function readRate(text) {
  if (text === "rate") return { kind: "plain", max: "", reset: "" };
  const found = /^rate\{([^{}]*)\}$/.exec(text);
  if (!found) return null;
  const [kind, max = "", reset = "", ...more] = found[1].split(",").map((part) => part.trim());
  if (!["counter", "dropcounter"].includes(kind) || more.length) return null;
  return { kind, max, reset };
}

/**
 * Reads an expression:
 * `{ agg, downsample: { interval, func, fill } | null, rate: { kind, max, reset } | null, switches: […], metric, groups, filters }`
 * (`tsuids` in place of the last three for `kind` `tsuid`), or `{ error }` in words.
 */
export function parse(text, kind = "m") {
  const pieces = splitOutside(text.trim(), ":");
  if (text.trim() === "") return { error: "no metric yet" };
  if (pieces.length < 2) return { error: "write aggregator:metric, such as sum:sys.cpu.user" };
  const out = { agg: pieces[0].trim(), downsample: null, rate: null, switches: [] };
  if (!/^[a-zA-Z0-9_]+$/.test(out.agg)) return { error: `"${out.agg}" is no aggregator` };
  for (const piece of pieces.slice(1, -1).map((one) => one.trim())) {
    const interval = INTERVAL.exec(piece);
    const rate = piece.startsWith("rate") ? readRate(piece) : null;
    if (interval && !out.downsample) out.downsample = { interval: interval[1], func: interval[2], fill: interval[3] ?? "" };
    else if (rate && !out.rate) out.rate = rate;
    else if (SWITCHES.test(piece)) out.switches.push(piece);
    else if (piece.startsWith("rate")) return { error: `"${piece}": write rate, rate{counter,max,reset} or rate{dropcounter}` };
    else return { error: `"${piece}" is neither an interval (10m-avg) nor a rate` };
  }
  const last = pieces[pieces.length - 1].trim();
  if (kind === "tsuid") {
    const tsuids = last.split(",").map((one) => one.trim()).filter(Boolean);
    if (!tsuids.length || !tsuids.every((one) => /^([0-9a-f]{2})+$/i.test(one))) return { error: `"${last}" is no list of TSUIDs` };
    return { ...out, tsuids };
  }
  const metric = readMetric(last);
  if (metric.error) return metric;
  if (metric.metric === "") return { error: "no metric yet" };
  return { ...out, ...metric };
}

const byKey = (a, b) => (a.tagk < b.tagk ? -1 : a.tagk > b.tagk ? 1 : 0);
const braces = (tags) => `{${[...tags].sort(byKey).map(({ tagk, filter }) => `${tagk}=${filter}`).join(",")}}`;

/** Writes an expression; tags are sorted by key, as OpenTSDB's page does. */
export function build(parts) {
  const out = [parts.agg];
  if (parts.downsample) out.push(downsampleText(parts.downsample));
  if (parts.rate) out.push(rateText(parts.rate));
  out.push(...(parts.switches ?? []));
  if (parts.tsuids) return [...out, parts.tsuids.join(",")].join(":");
  const { metric, groups = [], filters = [] } = parts;
  return [...out, metric + (groups.length || filters.length ? braces(groups) : "") + (filters.length ? braces(filters) : "")].join(":");
}

/** `10m-avg-none`. */
export const downsampleText = ({ interval, func, fill }) => [interval, func, fill].filter(Boolean).join("-");

/** `rate{counter,max,reset}`. */
export function rateText({ kind, max = "", reset = "" }) {
  if (kind === "plain") return "rate";
  if (kind === "dropcounter" && !max && !reset) return "rate{dropcounter}";
  return `rate{${[kind, ...(reset ? [max, reset] : max ? [max] : [])].join(",")}}`;
}

/** The same query with another downsampling, for what is asked for only: the link keeps its own. */
export function withDownsample(text, kind, downsample) {
  const parts = parse(text, kind);
  if (parts.error) return text;
  return build({ ...parts, downsample });
}

/** Values of a filter that names them (`a|b`, `literal_or(a|b)`); null for patterns. */
export function literals(filter) {
  const inner = /^literal_or\((.*)\)$/.exec(filter)?.[1] ?? filter;
  return /[*()]/.test(inner) ? null : inner.split("|").filter(Boolean);
}

/** Widths that automatic downsampling takes, in seconds: each divides an hour, a day or a week. */
const LADDER = [1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800, 1209600, 2592000];

/** The shortest round interval for which a range of `span` ms has at most `points` points: `5m`. */
export function interval(span, points) {
  const seconds = span / 1000 / Math.max(1, points);
  const found = LADDER.find((candidate) => candidate >= seconds) ?? Math.ceil(seconds / 86400) * 86400;
  for (const [unit, length] of [["d", 86400], ["h", 3600], ["m", 60]]) if (found % length === 0) return `${found / length}${unit}`;
  return `${found}s`;
}

/** The function that keeps what a query is about: the highest of the highest, the mean of sums; histograms are added up. */
export function downsampleFunction(parts) {
  const { agg } = parts;
  if (asksHistograms(parts)) return "sum";
  if (/^(mim)?min$/.test(agg) || agg === "mimmin") return "min";
  if (/^(mim)?max$/.test(agg) || agg === "mimmax") return "max";
  if (/^e?p\d/.test(agg)) return "avg";
  return "avg";
}
