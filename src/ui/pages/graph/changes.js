/**
 * What else changed? Series of other metrics, in front those whose values in a span differ most from the time before it, which is
 * four times as long. The span is the one marked in the picture (`x.mark`), else all that the picture shows.
 */
import { fill, h, iconButton, set, text } from "../../lib/dom.js";
import { count, many, value } from "../../lib/format.js";
import { ofSeries } from "../../lib/drag.js";
import { build, interval } from "../../lib/query.js";
import * as time from "../../lib/time.js";
import { fullName, markOf } from "./model.js";

/** The time before is so many times as long as the span. */
const BEFORE = 4;
/** Points of the span that are looked at. */
const POINTS = 30;
/** Metrics looked through, those written last first. */
const METRICS_MAX = 60;
/** Series of a metric above which it is left out. */
const SERIES_MAX = 500;
/** Questions at once: a person's own queries come first. */
const AT_ONCE = 3;
/** Least points of the span and of the time before it. */
const LEAST = 3;
/** How often the list is drawn while answers come, in ms. */
const DRAWN_EVERY = 400;

// ------------------------------------------------------------------ numbers

const mean = (list) => list.reduce((sum, one) => sum + one, 0) / list.length;

/** The largest distance of two distributions (Kolmogorov and Smirnov): 0 for the same, 1 where they do not overlap. */
function distance(a, b) {
  const [x, y] = [Float64Array.from(a).sort(), Float64Array.from(b).sort()];
  let [i, j, most] = [0, 0, 0];
  while (i < x.length && j < y.length) {
    const at = Math.min(x[i], y[j]);
    while (x[i] <= at) i++;
    while (y[j] <= at) j++;
    most = Math.max(most, Math.abs(i / x.length - j / y.length));
  }
  return most;
}

/** A counter as changes per second; everything else as it is. */
function plain(points) {
  const steps = points.slice(1).map(([at, one], i) => [at, ((one - points[i][1]) * 1000) / (at - points[i][0])]);
  const rises = steps.filter(([, one]) => one > 0).length;
  const counter = steps.length >= 2 * LEAST && rises > 0.8 * steps.length && steps.every(([, one]) => one >= 0);
  return { counter, values: counter ? steps : points };
}

/**
 * How a series (`[[ms, value]…]`, `step` ms apart) changed: `{ score, before, during, counter, news }` with means, or null when there
 * are too few points. `score` goes from 0 to 1: how far the values lie apart, and by how much for what was usual before. `news` is
 * `came` or `ended` where there are values on one side alone.
 */
export function change(points, { from, to }, step) {
  const { counter, values } = plain(points.filter(([, one]) => Number.isFinite(one)));
  // Points that stand for both sides say nothing.
  const before = values.filter(([at]) => at + step <= from).map(([, one]) => one);
  const during = values.filter(([at]) => at >= from && at <= to).map(([, one]) => one);
  const enough = [before.length >= LEAST, during.length >= LEAST];
  if (!enough[0] && !enough[1]) return null;
  const means = { before: before.length ? mean(before) : null, during: during.length ? mean(during) : null, counter };
  if (!enough[1] && during.length || !enough[0] && before.length) return null;
  if (!enough[0] || !enough[1]) return { ...means, score: 1, news: enough[1] ? "came" : "ended" };
  const spread = Math.sqrt(mean(before.map((one) => (one - means.before) ** 2)));
  const by = Math.abs(means.during - means.before);
  // A twentieth of the value itself counts as usual: what never moves may move a little.
  const usual = spread + Math.max(Math.abs(means.before), Math.abs(means.during)) / 20;
  return { ...means, score: usual ? (distance(before, during) * by) / (by + usual) : 0, news: null };
}

// ------------------------------------------------------------------ the tab

/** The tab of the panel; called whenever the picture is drawn. What was found stays until something else is asked for. */
export function changes(panel) {
  const { owner: page } = panel;
  const all = page.ctx.time.bounds();
  const span = markOf(page.graph) ?? (all.error ? page.picture.bounds : all);
  const metrics = page.picture.metrics ?? [];
  const own = (panel.looking ??= { scope: null, tags: null });
  const scopes = scopesOf(metrics[0] ?? "");
  const scope = scopes.some(([name]) => name === own.scope) ? own.scope : scopes[0][0];
  const common = Object.entries(page.picture.common ?? {}).filter(([key, one]) => !/[*|(){}=,]/.test(key + one));
  const tags = common.filter(([key]) => own.tags?.get(key) ?? true);
  const key = JSON.stringify([page.graph.x.mark ?? [page.graph.start, page.graph.end], scope, tags]);
  if (own.key === key) {
    if (!panel.body.contains(own.body)) fill(panel.body, own.body);
    return;
  }
  own.asking?.abort();
  Object.assign(own, { key, body: h("div"), asking: new AbortController(), rows: [] });
  const again = () => { own.key = null; panel.update(); };
  const select = h("select", { "aria-label": "Series of", onchange: (event) => { own.scope = event.target.value; again(); } }, scopes.map(([name, label]) => h("option", { value: name }, label)));
  select.value = scope;
  own.said = h("span.quiet");
  own.list = h("div.scroll", { tabindex: "0", role: "region", "aria-label": "What changed" });
  const { zone } = page.ctx.time;
  const at = (ms) => time.format(ms, zone, span.to - span.from < 10 * time.MINUTE ? "second" : "minute");
  fill(own.body, h("div.legend-head",
    h("span", h("strong", `${at(span.from)} – ${at(span.to)}`), ` against the ${time.span(BEFORE * (span.to - span.from))} before`),
    select, common.map(([name, one]) => h("label.check", h("input", { type: "checkbox", checked: tags.some(([known]) => known === name), onchange: (event) => { own.tags = new Map(own.tags).set(name, event.target.checked); again(); } }), h("span.name", `${name}=${one}`))),
    h("button", { type: "button", onclick: again }, "Look again"),
    markOf(page.graph) ? h("button.link", { type: "button", onclick: () => page.setX("mark", null, { push: false }) }, "Take the mark away") : h("span.hint", "Alt and a drag over the picture mark a span."),
    own.said), own.list);
  fill(panel.body, own.body);
  look(page, own, span, scope === "shown" ? metrics : null, scope, tags);
}

/** Which metrics: the first parts of the name that is shown, longest last. */
function scopesOf(metric) {
  const parts = metric.split(".");
  const prefixes = parts.slice(0, -1).map((_, n) => `${parts.slice(0, n + 1).join(".")}.`);
  return [...prefixes.map((prefix) => [prefix, `${prefix}*`]), ["", "all metrics"], ["shown", "the metrics shown"]];
}

async function look(page, own, span, given, prefix, tags) {
  const { api } = page.ctx;
  const { signal } = own.asking;
  const begin = span.from - BEFORE * (span.to - span.from);
  const per = interval(span.to - span.from, POINTS);
  const step = time.duration(per);
  let [done, left, drawn] = [0, 0, 0];
  const say = (last) => {
    text(own.said, own.error ?? `${last ? `${many(own.rows.length, "series", "series")} of ${many(done, "metric")} compared` : `${done} of ${own.total} metrics …`}${left ? `; ${many(left, "metric")} of more than ${count(SERIES_MAX)} series left out` : ""}${own.cut ? `; ${count(own.cut)} metrics not looked at` : ""}`);
    if (last || Date.now() - drawn > DRAWN_EVERY) {
      drawn = Date.now();
      draw(page, own, span);
    }
    if (last) page.ctx.status(own.said.textContent);
  };
  own.error = null;
  try {
    const found = given ? { hits: given.map((name) => ({ name, series: null })), total: given.length } : await api.get("api/ui/metrics", { q: "", prefix, max: METRICS_MAX }, { signal });
    Object.assign(own, { total: found.hits.length, cut: found.total - found.hits.length });
    say(false);
    const waiting = [...found.hits];
    const line = async () => {
      for (let hit = waiting.shift(); hit; hit = waiting.shift()) {
        if (hit.series > SERIES_MAX && !tags.length) left++;
        else await compare(hit.name);
        done++;
        if (signal.aborted) return;
        say(false);
      }
    };
    const compare = async (metric) => {
      const m = build({ agg: "none", downsample: { interval: per, func: "avg", fill: "" }, metric, groups: tags.map(([tagk, filter]) => ({ tagk, filter })) });
      // A metric without such a tag has no such series: that is an answer.
      const series = await api.get("api/query", { start: Math.floor(begin), end: Math.ceil(span.to), m, arrays: true, ms: true, show_tsuids: true, no_annotations: true }, { signal }).catch((error) => { if (error.kind !== "http") throw error; return []; });
      for (const { metric: name, tags: own_, tsuids, dps } of series.slice(0, SERIES_MAX)) {
        const changed = dps && change(dps.map(([at, one]) => [at, Number(one)]), span, step);
        if (changed) own.rows.push({ ...changed, metric: name, tags: own_, tsuid: tsuids?.[0] });
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, line));
  } catch (error) {
    if (error.kind === "aborted") return;
    own.error = error.message;
  }
  if (!signal.aborted) say(true);
}

/** Rows drawn. */
const ROWS = 60;

function draw(page, own, span) {
  const best = [...own.rows].sort((a, b) => b.score - a.score).slice(0, ROWS);
  const by = ({ before, during, news }) => {
    if (news) return news === "came" ? "came" : "ended";
    if (before === 0) return during === 0 ? "0 %" : "from 0";
    const share = (100 * (during - before)) / Math.abs(before);
    return `${share > 0 ? "+" : share < 0 ? "−" : ""}${value(Math.abs(share), share > 1000 ? 4 : 3)} %`;
  };
  const ends = { start: String(Math.round(span.from - (span.to - span.from))), end: String(Math.round(span.to + (span.to - span.from) / 4)) };
  fill(own.list, h("table.changes", h("caption.unseen", "Series that changed, the most changed first"), h("thead", h("tr", ["series", "before", "in it", "change", "how different", ""].map((name, n) => h("th", { scope: "col", class: n > 0 && n < 4 ? "number" : "" }, name || h("span.unseen", "Add"))))),
    h("tbody", best.map((row) => {
      const query = ofSeries(row);
      if (row.counter && query.kind === "m") query.text = query.text.replace(":", ":rate:");
      const name = fullName(row);
      return h("tr", h("td.name", h("a", { href: page.ctx.href("graph", { params: { ...ends, [query.kind]: query.text } }), title: name }, name), row.counter ? h("span.quiet", " per second") : null),
        h("td.number", row.before === null ? "–" : value(row.before, 4)), h("td.number", row.during === null ? "–" : value(row.during, 4)), h("td.number", by(row)),
        h("td", h("meter", { min: "0", max: "1", value: row.score.toFixed(3), title: `${Math.round(100 * row.score)} of 100`, "aria-label": `${Math.round(100 * row.score)} of 100` })),
        h("td", iconButton("plus", `Add ${name} to the graph`, () => page.addQuery(query))));
    }))));
  set(own.list, { "aria-busy": String(best.length === 0 && !own.error) });
}
