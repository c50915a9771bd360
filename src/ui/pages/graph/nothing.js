/** A picture without points: why, and where the newest are. Also how to begin where there are no metrics at all. */
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
