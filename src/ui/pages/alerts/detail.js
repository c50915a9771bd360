/** One alert: its state, its series, what happened, what people wrote, what can be done. */
import { Chart } from "../../lib/chart.js";
import { Data } from "../../lib/data.js";
import { fill, h, icon, text } from "../../lib/dom.js";
import { nameOf, value as exact } from "../../lib/format.js";
import { interval } from "../../lib/query.js";
import { looks } from "../../lib/palette.js";
import { HOUR, SECOND, format, formatLink, span } from "../../lib/time.js";
import { ACTS, CHANGES, aged, level, perform, tableOf } from "./parts.js";

/** Series that are drawn. */
const SERIES_MAX = 20;
/** Points of a picture. */
const POINTS = 600;

export function detail(panel, ctx, tools, id) {
  const heading = h("h2.name");
  const about = h("p.row.wrap");
  const condition = h("p");
  const acts = h("div.row.wrap", { role: "group", "aria-label": "What to do" });
  const box = h("div.alert-chart");
  const notes = h("div");
  const events = h("div");
  const data = new Data();
  let chart = null;
  let alert = null;
  let drawn = "";
  panel.append(h("p", h("a", { href: ctx.href("alerts") }, "All alerts")), h("section.card", heading, about, condition, acts), box, notes, h("section.card", h("h3", "What happened"), events));

  async function draw() {
    const from = ((alert.incident?.start ?? alert.since) * SECOND) - HOUR;
    const to = Date.now();
    if (!alert.tsuids.length || drawn === `${alert.seen}`) return;
    drawn = `${alert.seen}`;
    const tsuids = alert.tsuids.slice(0, SERIES_MAX).join(",");
    const { series } = await data.query("s", { kind: "tsuid", text: `none:${interval(to - from, POINTS)}-avg:${tsuids}`, from, to, signal: tools.signal });
    const { times, columns } = await data.align(["s"]);
    const keys = series.map((one) => nameOf(one));
    const how = looks(keys);
    chart ??= new Chart(box, { zone: ctx.time.zone, theme: ctx.theme.name, status: ctx.status });
    chart.set({
      times, columns, lines: keys.map((key, at) => ({ key, name: key, ...how[at], type: "line" })), range: { from, to }, zone: ctx.time.zone, theme: ctx.theme.name,
      spans: [{ from: from + HOUR, to, kind: alert.level === "warning" ? "warn" : "bad" }],
      events: (alert.events ?? []).map((event) => ({ time: event.at * SECOND, text: CHANGES[event.change] ?? event.change })),
      label: alert.name, description: `Since ${format(from + HOUR, ctx.time.zone)} the alert is open.`, empty: "No points in this range.",
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
      fill(about, level(alert.level), alert.value === null ? null : h("span", `value ${exact(alert.value)}`), h("span.quiet", `for ${span(Date.now() - alert.since * SECOND)}, last checked `), aged(alert.seen, ctx.time.zone),
        incident?.acknowledged ? h("span.badge", `taken by ${incident.acknowledged.user}`) : null, incident?.closing ? h("span.badge", "closes when normal") : null,
        alert.flapping ? h("span.badge", "comes and goes") : null, alert.blind ? h("span.badge", "cannot be read now") : null);
      fill(condition, alert.text, alert.note ? h("span.quiet", ` · ${alert.note}`) : null);
      const metric = alert.metric.includes(":") || /\s/.test(alert.metric) ? null : `sum:${alert.metric}{${Object.entries(alert.tags).map(([key, value]) => `${key}=${value}`).join(",")}}`.replace("{}", "");
      const from = ((incident?.start ?? alert.since) * SECOND) - HOUR;
      fill(acts, ctx.writable ? ACTS.map((act) => h("button", { type: "button", class: act[0] === "purge" ? "danger" : "", title: act[2], onclick: async () => { if (await perform(ctx, act, [id])) tools.reload(); } }, act[1])) : null,
        metric ? h("a.button", { href: ctx.href("graph", { params: { start: formatLink(from, ctx.time.zone), m: metric } }) }, icon("lines"), "Graph") : null);
      fill(notes, incident?.notes?.length ? h("section.card", h("h3", "Notes"), incident.notes.map((note) => h("p", h("b", note.user), " ", aged(note.at, ctx.time.zone), h("br"), note.message))) : null);
      fill(events, alert.events?.length ? tableOf("What happened", ["When", "What", "Level", "Value", "By", "Text"], alert.events.map((event) => h("tr", h("td", aged(event.at, ctx.time.zone)), h("td", CHANGES[event.change] ?? event.change), h("td", level(event.level)),
        h("td.number", event.value === undefined ? "–" : exact(event.value, 5)), h("td", event.mark?.user ?? ""), h("td", event.mark?.message || event.text)))) : h("p.hint", "Nothing is written about it."));
      ctx.retitle?.();
      await draw();
    },
    close() {
      chart?.destroy();
      data.close();
    },
  };
}
