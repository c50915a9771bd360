/** One alert: its state, its series, what happened, what people wrote, what can be done. */
import { Chart } from "../../lib/chart.js";
import { Data } from "../../lib/data.js";
import { fill, h, icon, text } from "../../lib/dom.js";
import { nameOf, value as exact } from "../../lib/format.js";
import { downsampleFunction, interval, parse, withDownsample } from "../../lib/query.js";
import { looks } from "../../lib/palette.js";
import { HOUR, SECOND, format, formatLink, span } from "../../lib/time.js";
import { ACTS, CHANGES, aged, level, perform, tableOf, told, toldHint } from "./parts.js";

/** Series that are drawn. */
const SERIES_MAX = 20;
/** Points of a picture. */
const POINTS = 600;
/** How much is shown from before the alert began, where there are points. */
const BEFORE = HOUR;

export function detail(panel, ctx, tools, id) {
  const heading = h("h2.name");
  const about = h("p.row.wrap");
  const condition = h("p");
  const acts = h("div.row.wrap", { role: "group", "aria-label": "What to do" });
  const box = h("div.alert-chart");
  const notes = h("div");
  const events = h("div");
  const data = new Data();
  const offTheme = ctx.theme.on(() => chart?.set({ theme: ctx.theme.name }));
  let chart = null;
  let alert = null;
  let drawn = "";
  panel.append(h("p", h("a", { href: ctx.href("alerts") }, "All alerts")), h("section.card", heading, about, condition, acts), box, notes, h("section.card", h("h3", "What happened"), events));

  /** What the rule asks, as it asks it, with a downsampling where it has none; else the series as they are. */
  function asked(every) {
    const plain = alert.tsuids.length ? [{ kind: "tsuid", text: `none:${every}-avg:${alert.tsuids.slice(0, SERIES_MAX).join(",")}` }] : [];
    const texts = (alert.queries ?? []).map((text) => ({ text, parts: parse(text) })).filter(({ parts }) => !parts.error);
    const thin = ({ text, parts }) => (parts.downsample ? text : withDownsample(text, "m", { interval: every, func: downsampleFunction(parts), fill: "" }));
    return texts.length ? texts.map((one) => ({ kind: "m", text: thin(one) })) : plain;
  }

  async function draw() {
    const start = (alert.incident?.start ?? alert.since) * SECOND;
    const to = Date.now();
    const queries = asked(interval(to - start + BEFORE, POINTS));
    if (!queries.length || drawn === `${alert.seen}`) return;
    drawn = `${alert.seen}`;
    const slots = queries.map((_, at) => `q${at}`);
    const answers = await Promise.all(queries.map((one, at) => data.query(slots[at], { ...one, from: start - BEFORE, to, signal: tools.signal })));
    const series = answers.flatMap((answer) => answer.series).slice(0, SERIES_MAX);
    const { times, columns } = await data.align(slots);
    const from = Math.min(start, Math.max(start - BEFORE, times[0] ?? 0));
    const keys = series.map((one) => nameOf(one));
    const how = looks(keys);
    chart ??= new Chart(box, { zone: ctx.time.zone, theme: ctx.theme.name, status: ctx.status });
    chart.set({
      times, columns: columns.slice(0, SERIES_MAX), lines: keys.map((key, at) => ({ key, name: key, ...how[at], type: "line" })), range: { from, to }, zone: ctx.time.zone, theme: ctx.theme.name,
      spans: [{ from: start, to, kind: alert.level === "warning" ? "warn" : "bad" }],
      events: (alert.events ?? []).map((event) => ({ time: event.at * SECOND, text: CHANGES[event.change] ?? event.change })),
      label: alert.name, description: `Since ${format(start, ctx.time.zone)} the alert is open.`, empty: "No points in this range.",
    });
  }

  return {
    title: () => (alert ? `${alert.rule}: ${alert.name}` : "Alert"),
    async load() {
      try {
        alert = await ctx.api.get("api/alerts/detail", { id }, { signal: tools.signal });
      } catch (error) {
        if (error.status !== 404) throw error;
        fill(panel, h("div.state", h("p", "This alert is not there any more."), h("a", { href: ctx.href("alerts", { params: { tab: "history" } }) }, "Look in the history")));
        return;
      }
      const incident = alert.incident;
      text(heading, `${alert.rule}: ${alert.name}`);
      fill(about, level(alert.level), alert.value === null ? null : h("span", `value ${exact(alert.value)}`), h("span.quiet", `for ${span(Date.now() - alert.since * SECOND)}, as of `), aged(alert.seen, ctx.time.zone),
        incident ? h("span.badge", { title: toldHint(incident) }, alert.max_step === 0 ? "mute" : `message ${told(alert)}`) : null,
        incident?.acknowledged ? h("span.badge", `taken by ${incident.acknowledged.user}`) : null, incident?.closing ? h("span.badge", "closes when normal") : null,
        alert.flapping ? h("span.badge", "comes and goes") : null, alert.blind ? h("span.badge", "cannot be read now") : null);
      fill(condition, alert.text, alert.note ? h("span.quiet", ` · ${alert.note}`) : null);
      const single = alert.tsuids.length ? [`sum:${alert.metric}{${Object.entries(alert.tags).filter(([key, value]) => key !== "metric" || value !== alert.metric).map(([key, value]) => `${key}=${value}`).join(",")}}`.replace("{}", "")] : [];
      const m = alert.queries?.length ? alert.queries : single;
      const from = ((incident?.start ?? alert.since) * SECOND) - BEFORE;
      fill(acts, ctx.writable ? ACTS.map((act) => h("button", { type: "button", class: act[0] === "purge" ? "danger" : "", title: act[2], onclick: async () => { if (await perform(ctx, act, [id])) tools.reload(); } }, act[1])) : null,
        m.length ? h("a.button", { href: ctx.href("graph", { params: { start: formatLink(from, ctx.time.zone), m } }) }, icon("lines"), "Graph") : null);
      fill(notes, incident?.notes?.length ? h("section.card", h("h3", "Notes"), incident.notes.map((note) => h("p", h("b", note.user), " ", aged(note.at, ctx.time.zone), h("br"), note.message))) : null);
      fill(events, alert.events?.length ? tableOf("What happened", ["When", "What", "Level", "Value", "By", "Text"], alert.events.map((event) => h("tr", h("td", aged(event.at, ctx.time.zone)), h("td", CHANGES[event.change] ?? event.change), h("td", level(event.level)),
        h("td.number", event.value === undefined ? "–" : exact(event.value, 5)), h("td", event.mark?.user ?? ""), h("td", event.mark?.message || event.text)))) : h("p.hint", "Nothing is written about it."));
      ctx.retitle?.();
      await draw();
    },
    close() {
      offTheme();
      chart?.destroy();
      data.close();
    },
  };
}
