/** Queries that would be very large: says so before they are sent, and offers what to do. */
import { many } from "../../lib/format.js";
import { build, withDownsample } from "../../lib/query.js";

/** `heavy`: the query with its `estimate`. */
export function guard(page, { query, at, estimate }) {
  page.picture = null;
  page.chart?.set({ times: new Float64Array(0), columns: [], lines: [], events: [], envelopes: [], heat: null, empty: "" });
  page.numbers.hidden = true;
  const more = [
    { label: "Top 20", run: () => top(page, at, query) },
    query.parsed.groups?.length || query.parsed.agg === "none" ? { label: "Sum", run: () => page.edit(at, { ...query, text: build({ ...query.parsed, agg: "sum", groups: [], filters: [...query.parsed.filters, ...query.parsed.groups.filter(({ filter }) => filter !== "*")] }) }) } : null,
    { label: "Draw all", run: () => page.load({ confirmed: true }) },
  ].filter(Boolean);
  page.banner("warn", `${query.text}: up to ${many(estimate.series, "series", "series")} and ${many(estimate.points, "point")}.`, ...more);
  page.ctx.status("This query is very large. Choose what to draw.");
}

/** The 20 series with the highest values: found by one value each, then asked for by their tags. */
async function top(page, at, query) {
  const bounds = page.ctx.time.bounds();
  const mine = (page.asking = new AbortController());
  page.loading(mine);
  const probe = await page.data.query("top", { kind: query.kind, text: withDownsample(query.text, query.kind, { interval: "0all", func: "max", fill: "" }), from: bounds.from, to: bounds.to, signal: mine.signal }).catch((error) => ({ error }));
  page.data.drop(["top"]);
  page.quiet();
  if (page.asking !== mine) return;
  if (probe.error) return page.banner("bad", probe.error.message, { label: "Try again", run: () => page.load() });
  const best = probe.series.filter(({ max }) => max !== null).sort((a, b) => b.max - a.max).slice(0, 20);
  const groups = query.parsed.groups.map((tag) => {
    const values = [...new Set(best.map(({ tags }) => tags[tag.tagk]).filter(Boolean))];
    return values.length ? { tagk: tag.tagk, filter: values.join("|") } : tag;
  });
  page.edit(at, { ...query, text: build({ ...query.parsed, groups }) });
}
