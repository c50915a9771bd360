/**
 * Anomalies: what Skyline's detectors find strange now. At the left the list, by name; at the right the last hour over the
 * whole day of the chosen series, with a line at the anomalous value, who voted and with which numbers. Loads every 30 s and
 * keeps what was chosen; the address holds it. The pictures show Skyline's windows: an hour and a day, unless they are set.
 * The times in which the series was anomalous are shaded. A drag over a picture marks a span: what else was anomalous then?
 */
import { Chart } from "../lib/chart.js";
import { Data } from "../lib/data.js";
import { breakable, fill, h, icon, iconButton, set, text } from "../lib/dom.js";
import { ofSeries } from "../lib/drag.js";
import { count, many, value as exact } from "../lib/format.js";
import { stateLine } from "../lib/state.js";
import { DAY, HOUR, SECOND, ago, format, formatLink, span } from "../lib/time.js";
import { build, interval } from "../lib/query.js";
import { episodes, keyOf, ownTags, ranked, seriesOf } from "./anomalies/episodes.js";

export const title = "Anomalies";
export const range = false;

/** Ms between two looks. */
const EVERY = 30_000;
/** Rows that are drawn; the filter finds the others. */
const ROWS_MAX = 500;
/** Events of the history. */
const EVENTS = 200;
/** Series that are listed for a marked span. */
const MARKED_MAX = 50;

export async function mount(root, ctx) {
  await ctx.style("css/worker.css");
  const abort = new AbortController();
  const { signal } = abort;
  const { element: state, say } = stateLine();
  const filter = h("input", { type: "search", "aria-label": "Filter the list", placeholder: "Filter by name", value: ctx.route.params.get("q") ?? "", oninput: () => ctx.set({ q: filter.value || null }, { push: false }) });
  const list = h("ul.anomaly-list", { role: "listbox", tabindex: "0", "aria-label": "Anomalous series" });
  const side = h("section.anomaly-side", { "aria-label": "The list" }, h("div.row", filter), list, h("h2.worker-later", "Before"), h("div.scroll.anomaly-before"));
  const detail = detailOf(ctx, signal, (one) => choose(one));
  root.append(h("header.worker-head", h("h1", "Anomalies"), state), h("div.anomaly-parts", side, detail.element));

  let answer = null;
  let events = [];
  let rows = [];
  let chosen = null;
  let timer = 0;

  async function load() {
    clearTimeout(timer);
    if (signal.aborted || document.hidden) return;
    try {
      const happened = ctx.api.get("api/anomalies/history", {}, { signal });
      happened.catch(() => {}); // told where it is awaited
      answer = await ctx.api.get("api/anomalies", {}, { signal });
      draw();
      ({ events } = await happened);
      before();
      detail.show(chosen, answer, known());
    } catch (error) {
      if (error.kind === "aborted") return;
      say("bad", `${error.message}${answer ? ` This is what was seen ${ago(answer.at * SECOND, Date.now())}.` : ""}`);
    }
    timer = setTimeout(load, EVERY);
  }

  const known = () => episodes(events, answer.anomalies, Math.max(Date.now(), (answer.at ?? 0) * SECOND));

  function draw() {
    if (!answer) return;
    const words = (ctx.route.params.get("q") ?? "").toLowerCase().split(/\s+/).filter(Boolean);
    const found = answer.anomalies.filter(({ name }) => words.every((word) => name.toLowerCase().includes(word)));
    rows = found.slice(0, ROWS_MAX);
    const wanted = ctx.route.params.get("sel");
    chosen = rows.find(({ tsuid }) => tsuid === wanted) ?? rows[0] ?? null;
    fill(list, rows.map(row), found.length > rows.length ? h("li.hint", `and ${count(found.length - rows.length)} more: filter by name`) : null);
    mark();
    const now = Date.now();
    if (answer.at === null || answer.at === undefined) say("warn", "No worker has looked yet: start one with “tsdb tsd --worker”, or “tsdb worker” beside HBase.");
    else if (answer.anomalies.length) say("bad", `${many(answer.anomalies.length, "series is", "series are")} anomalous of ${count(answer.lookedAt)} checked ${ago(answer.at * SECOND, now)}; ${count(answer.skipped)} too short, stale or constant.`);
    else say("good", `All quiet: ${many(answer.lookedAt, "series", "series")} checked ${ago(answer.at * SECOND, now)}; ${count(answer.skipped)} too short, stale or constant.`);
    detail.show(chosen, answer, known());
  }

  function row(one) {
    const age = ago(one.since * SECOND, Date.now());
    return h("li.anomaly-row", { role: "option", id: `anomaly-${one.tsuid}`, "aria-selected": "false", title: one.name, onclick: () => { choose(one); toDetail(); }, onpointerenter: () => hover(one) },
      h("span.name", breakable(one.name)), h("span.anomaly-value", amount(one)), h("span.quiet", `${one.votes.length}/${one.asked}`), h("span.quiet.nowrap", age));
  }

  /** In a narrow window the series stands below the list: who taps a row wants to see it. */
  function toDetail() {
    if (matchMedia("(max-width: 900px)").matches) detail.element.scrollIntoView({ block: "start" });
  }

  /** A pointer that rests on a row shows it, as on Skyline's page. */
  let resting = 0;
  function hover(one) {
    clearTimeout(resting);
    resting = setTimeout(() => { if (chosen !== one) choose(one, false); }, 150);
  }
  list.addEventListener("pointerleave", () => clearTimeout(resting));

  function choose(one, push = true) {
    chosen = one;
    mark();
    detail.show(one, answer, known());
    ctx.set({ sel: one.tsuid }, { push });
  }

  function mark() {
    for (const item of list.children) if (item.id) set(item, { "aria-selected": String(item.id === `anomaly-${chosen?.tsuid}`) });
    set(list, { "aria-activedescendant": chosen ? `anomaly-${chosen.tsuid}` : null });
  }

  list.addEventListener("keydown", (event) => {
    const at = rows.indexOf(chosen);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[event.key];
    if (to === undefined || !rows[to]) return;
    event.preventDefault();
    choose(rows[to], false);
    document.getElementById(`anomaly-${rows[to].tsuid}`)?.scrollIntoView({ block: "nearest" });
  });

  function before() {
    const box = side.querySelector(".anomaly-before");
    const shown = events.slice(0, EVENTS);
    fill(box, shown.length ? h("table", h("thead", h("tr", ["When", "What", "Series"].map((head) => h("th", { scope: "col" }, head)))), h("tbody", shown.map((event) => h("tr",
      h("td.nowrap", { title: format(event.at * SECOND, ctx.time.zone) }, ago(event.at * SECOND, Date.now())), h("td", event.change === "opened" ? "began" : event.change === "closed" || event.change === "normal" ? "ended" : event.change),
      h("td.name", breakable(seriesOf(event))))))) : h("p.hint", "Nothing has been anomalous yet."));
  }

  const offTheme = ctx.theme.on(() => detail.theme());
  const seen = () => { if (!document.hidden) load(); };
  document.addEventListener("visibilitychange", seen);
  load();
  return {
    update: () => { if (filter !== document.activeElement) filter.value = ctx.route.params.get("q") ?? ""; draw(); },
    refresh: load,
    title: () => (chosen ? `${chosen.name} · Anomalies` : "Anomalies"),
    unmount() {
      abort.abort();
      clearTimeout(timer);
      clearTimeout(resting);
      offTheme();
      document.removeEventListener("visibilitychange", seen);
      detail.close();
    },
  };
}

/** The value that is strange; of a counter its change per second. */
const amount = (one) => `${exact(one.value, 5)}${one.rate ? "/s" : ""}`;
/** Queries of counters are for their rates. */
const rate = (one) => (one.rate ? { kind: "dropcounter" } : null);

/** A series in a link to the Graph. */
function inGraph(one) {
  const { kind, text } = ofSeries({ metric: one.metric, tags: Object.fromEntries(ownTags(one)), tsuid: one.tsuid }, rate(one));
  return { [kind]: text };
}

/** The chosen series: Skyline's short window over the long one, votes and numbers; what else was anomalous in a marked span. */
function detailOf(ctx, signal, choose) {
  const data = new Data();
  const heading = h("h2.name");
  const under = h("p.hint");
  const links = h("p.row.wrap");
  const hour = h("div.anomaly-hour");
  const day = h("div.anomaly-day");
  const votes = h("div.scroll");
  const marked = h("section.card.anomaly-marked", { hidden: true, "aria-label": "The marked time" });
  const body = h("div.anomaly-body", { hidden: true }, heading, under, links, hour, day, marked, h("h3", "Who voted, and with what"), votes);
  const empty = h("div.state", { hidden: true }, h("p.quiet", "Nothing is anomalous: there is nothing to show."));
  const element = h("section.anomaly-detail", { "aria-label": "The chosen series" }, body, empty);
  const charts = new Map();
  let asked = "";
  let linked = "";
  let shown = null; // { one, windows, list }
  let mark = null; // { from, to }

  /** The times in which the series was anomalous, and what is marked. */
  const spans = ({ one, list }, from) => [
    ...list.filter(({ key, to }) => key === keyOf(one) && to > from).map((time) => ({ from: Math.max(from, time.from), to: time.to, kind: time.now ? "bad" : "warn" })),
    ...(mark ? [{ ...mark, kind: "mark" }] : []),
  ];

  /** Marks a span in both pictures, or none. */
  function marking(next) {
    mark = next;
    for (const { chart, from, to } of charts.values()) chart.set({ range: { from, to }, spans: spans(shown, from) });
    drawMarked();
    if (next) ctx.status(`${many(ranked(shown.list, next.from, next.to).length, "series was", "series were")} anomalous in the marked time.`);
  }

  function drawMarked() {
    marked.hidden = !mark || !shown?.one;
    if (marked.hidden) return fill(marked);
    const { from, to } = mark;
    const { zone } = ctx.time;
    const found = ranked(shown.list, from, to);
    const times = { start: formatLink(Math.floor(from), zone), end: formatLink(Math.ceil(to / SECOND) * SECOND, zone) };
    const row = ({ series, ms, now }) => h("li.row", now ? h("button.link.name", { type: "button", "aria-label": seriesOf(series), onclick: () => choose(now) }, breakable(seriesOf(series)))
      : h("a.name", { "aria-label": seriesOf(series), href: ctx.href("graph", { params: { ...times, ...inGraph(series) } }) }, breakable(seriesOf(series))), h("span.quiet.nowrap", span(ms)));
    fill(marked, h("div.row", h("h3.grow", `Anomalous from ${format(from, zone)} to ${format(to, zone)}`), iconButton("close", "Mark nothing", () => marking(null))),
      found.length ? h("ol.anomaly-ranked", found.slice(0, MARKED_MAX).map(row)) : h("p.hint", "No series was, as far as the history goes."),
      found.length > MARKED_MAX ? h("p.hint", `and ${count(found.length - MARKED_MAX)} more`) : null,
      h("p.row.wrap", h("a.button", { href: ctx.href("graph", { params: { ...times, ...inGraph(shown.one) } }) }, icon("lines"), "Graph of this time"),
        ctx.hasPage("similar") ? h("a.button", { href: ctx.href("similar", { params: { tsuid: shown.one.tsuid, ...times } }) }, icon("compare"), "Same shape at this time") : null));
  }

  async function picture(box, slot, one, length) {
    const to = Math.max(Date.now(), one.last * SECOND);
    const from = to - length;
    const query = build({ agg: "none", downsample: slot === "day" ? { interval: interval(length, 720), func: "avg" } : null, rate: rate(one), tsuids: [one.tsuid] });
    const words = length === DAY ? "day" : length === HOUR ? "hour" : span(length);
    if (!charts.has(slot)) charts.set(slot, { chart: new Chart(box, { zone: ctx.time.zone, theme: ctx.theme.name, status: ctx.status, compact: slot === "day", onzoom: (begin, end) => marking({ from: begin, to: end }), onback: () => marking(null) }) });
    const { chart } = Object.assign(charts.get(slot), { from, to });
    const { series } = await data.query(slot, { kind: "tsuid", text: query, from, to, signal });
    const { times, columns } = await data.align([slot]);
    const line = { key: one.tsuid, name: one.name, color: 0, type: "line" };
    chart.set({
      times, columns: columns.slice(0, 1), lines: columns.length ? [line] : [], range: { from, to }, zone: ctx.time.zone, theme: ctx.theme.name,
      thresholds: [{ min: one.value, max: one.value, kind: "bad" }],
      spans: spans(shown, from),
      label: `The last ${words} of ${one.name}`, description: series.length ? `From ${exact(series[0].min)} to ${exact(series[0].max)}; anomalous at ${exact(one.value)}.` : "No points.",
      empty: `No points in the last ${words}.`,
    });
  }

  return {
    element,
    async show(one, windows, list) {
      body.hidden = !one;
      empty.hidden = Boolean(one) || !windows; // nothing is known before the first answer
      shown = { one, windows, list };
      if (!one) return;
      text(heading, one.name);
      text(under, `${exact(one.value)}${one.rate ? " more a second" : ""} at ${format(one.last * SECOND, ctx.time.zone)}; anomalous for ${span(Date.now() - one.since * SECOND)}, since ${format(one.since * SECOND, ctx.time.zone)}.`);
      if (linked !== one.tsuid) fill(links, h("a.button", { href: ctx.href("graph", { params: { start: "1d-ago", ...inGraph(one) } }) }, icon("lines"), "Graph"),
        ctx.hasPage("similar") ? h("a.button", { href: ctx.href("similar", { params: { tsuid: one.tsuid } }) }, icon("compare"), "Similar series") : null,
        h("button", { type: "button", title: "Marks the time in which it has been anomalous. A drag over a picture marks any other.", onclick: () => marking({ from: shown.one.since * SECOND, to: Date.now() }) }, "What else then?"));
      linked = one.tsuid;
      fill(votes, table(one));
      drawMarked();
      const what = `${one.tsuid} ${one.last} ${list.length}`;
      if (asked === what) return;
      asked = what;
      try {
        await Promise.all([picture(hour, "hour", one, windows.miniDuration * SECOND), picture(day, "day", one, windows.fullDuration * SECOND)]);
      } catch (error) {
        if (error.kind !== "aborted") ctx.error(error.message);
      }
    },
    theme() { for (const { chart } of charts.values()) chart.set({ theme: ctx.theme.name }); },
    close() {
      for (const { chart } of charts.values()) chart.destroy();
      data.close();
    },
  };
}

/** Detectors in the order of their names, those that voted first, with what they computed. */
function table(one) {
  const names = [...new Set([...one.votes, ...Object.keys(one.numbers ?? {})])];
  const rows = names.map((name) => {
    const numbers = Object.entries(one.numbers?.[name] ?? {}).map(([key, number]) => `${key} ${exact(number, 5)}`).join(", ");
    const voted = one.votes.includes(name);
    return h("tr", h("td", h("span.badge", { class: voted ? "level-critical" : "" }, voted ? "voted" : "no")), h("td", name.replaceAll("_", " ")), h("td.quiet", numbers));
  });
  return h("table", h("thead", h("tr", ["Vote", "Detector", "Numbers"].map((head) => h("th", { scope: "col" }, head)))), h("tbody", rows));
}
