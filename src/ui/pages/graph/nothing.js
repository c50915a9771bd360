/** A picture without points: why, and where the newest are. Also how to begin where there are no metrics at all. */
import { metrics } from "../../lib/api.js";
import { h, set } from "../../lib/dom.js";
import { asksHistograms, build, forHistograms, interval } from "../../lib/query.js";
import * as time from "../../lib/time.js";
import { PERCENTILES } from "./rows.js";

/** Nothing in the range: says so in the picture, and where the newest points are. */
export async function empty(page, { query, at }) {
  const { bounds } = page.picture;
  const mine = page.picture;
  const label = page.ctx.time.label();
  page.chart.set({ empty: label.startsWith("Last") ? `No points in the ${label.toLowerCase()}.` : "No points in this time range." });
  if (!query.parsed?.metric) return;
  if (!asksHistograms(query.parsed) && await hasHistograms(page, query)) {
    const draw = (label, how) => ({ label, run: () => page.edit(at, { ...query, text: build(forHistograms(query.parsed, how)) }) });
    if (page.picture === mine) page.banners.append(set(page.makeBanner("", `${query.parsed.metric} has histograms, no points.`, draw("Heat map", "show-histogram-buckets"), draw("Percentiles", PERCENTILES)), { class: "hint-banner" }));
    return;
  }
  const about = await page.info(query.parsed.metric);
  if (page.picture !== mine || !about?.last) return;
  const last = about.last * 1000;
  if (last >= bounds.from && last <= bounds.to) return;
  const spanMs = bounds.to - bounds.from;
  page.banners.append(set(page.makeBanner("", `The newest point is ${time.ago(last, Date.now())}: ${time.format(last, page.ctx.time.zone, "minute")}.`, { label: "Go there", run: () => page.ctx.time.show(last - spanMs * 0.9, last + spanMs * 0.1) }), { class: "hint-banner" }));
}

/** Whether a metric without points has histograms in the range. */
async function hasHistograms(page, query) {
  const { bounds } = page.picture;
  const { metric } = query.parsed;
  const here = `${metric} ${page.ctx.time.label()}`;
  if (page.plain.has(metric) || page.plain.has(here)) return false;
  const text = build({ ...forHistograms(query.parsed, "show-histogram-buckets"), downsample: { interval: interval(bounds.to - bounds.from, 100), func: "sum", fill: "" } });
  const found = await page.ctx.api.get("api/query", { start: Math.floor(bounds.from), end: Math.ceil(bounds.to), m: text, arrays: true }).catch(() => []);
  const has = found.some(({ dps }) => dps?.length);
  if (!has) page.plain.add(here);
  return has;
}

/** Letters of a part of a name at least: fewer are in every second one. */
const PART_LEAST = 3;
/** Names that are offered. */
const NEAR_MAX = 6;

/**
 * Names near one that nobody has, as somebody who errs in a letter means them: those that have the longest part of it, from its beginning
 * or up to its end. `{ hits, why }`.
 */
export async function near(text, { signal } = {}) {
  const ask = (q) => metrics(q, { max: NEAR_MAX, signal });
  const kept = text.replace(/[^\0-\xff]/gu, "?");
  if (kept !== text) return { ...(await ask(kept)), why: "Names keep letters beyond Latin-1 as “?”: it may be one of these. Enter takes it as it is." };
  // Of several words those that some name has stay.
  const words = text.split(/\s+/);
  const known = await Promise.all(words.map(async (word) => (await ask(word)).total > 0));
  const wrong = words.filter((word, at) => !known[at]).sort((a, b) => b.length - a.length)[0] ?? "";
  const rest = words.filter((word, at) => known[at]);
  const longest = async (part) => {
    let [most, none] = [PART_LEAST - 1, wrong.length];
    while (none - most > 1) {
      const middle = Math.ceil((most + none) / 2);
      if ((await ask([...rest, part(middle)].join(" "))).total > 0) most = middle;
      else none = middle;
    }
    return most >= PART_LEAST ? part(most) : "";
  };
  const [begin, end] = await Promise.all([longest((n) => wrong.slice(0, n)), longest((n) => wrong.slice(-n))]);
  const tries = [[begin, end], begin.length >= end.length ? [begin] : [end]].map((parts) => parts.filter(Boolean)).filter((parts) => parts.length);
  // Each word is there, and no name has all of them.
  if (!tries.length && rest.length > 1) tries.push([]);
  for (const parts of tries) {
    const found = await ask([...(parts.length ? rest : rest.slice(0, 1)), ...parts].join(" "));
    if (found.total > 0) return { ...found, why: "The nearest:" };
  }
  return { total: 0, hits: [], why: "" };
}

/** A query for a metric that is not there: names that may be meant. */
export async function meant(page, { query, at, error }) {
  const { metric } = query.parsed;
  const { hits, why } = await near(metric).catch(() => ({ hits: [] }));
  if (!hits.length || page.errors.get(at) !== error.message) return;
  page.banners.append(set(page.makeBanner("", why, ...hits.map(({ name }) => ({ label: name, run: () => page.edit(at, { ...query, text: build({ ...query.parsed, metric: name }) }) }))), { class: "hint-banner" }));
}

/** For a TSD without metrics: lines that send one. */
export function firstSteps(page) {
  const host = location.hostname;
  const port = location.port || (location.protocol === "https:" ? "443" : "80");
  const now = Math.floor(Date.now() / 1000);
  return h("div.state", h("h2", "No metrics yet: send one like this"),
    h("pre.example", { tabindex: "0", "aria-label": "By telnet" }, `echo "put my.first.metric ${now} 42 host=$(hostname)" | nc -w 1 ${host} ${port}`),
    h("pre.example", { tabindex: "0", "aria-label": "By HTTP" }, `curl -H 'Content-Type: application/json' \\\n  -d '{"metric":"my.first.metric","timestamp":${now},"value":42,"tags":{"host":"web01"}}' \\\n  ${location.origin}/api/put`),
    h("p.quiet", "New names need tsd.core.auto_create_metrics = true."), h("button", { type: "button", onclick: () => page.showStart() }, "Look again"));
}
