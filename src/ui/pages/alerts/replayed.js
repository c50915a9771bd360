/** What a rule reads, drawn over the time of a test: shaded while a group was bad, a flag for each thing that would have happened. */
import { Chart } from "../../lib/chart.js";
import { Data } from "../../lib/data.js";
import { h } from "../../lib/dom.js";
import { nameOf } from "../../lib/format.js";
import { downsampleFunction, interval, parse, withDownsample } from "../../lib/query.js";
import { looks } from "../../lib/palette.js";
import { SECOND, format } from "../../lib/time.js";
import { badTimes } from "./bad-times.js";
import { CHANGES } from "./parts.js";

/** Lines that are drawn, points of each, and flags. */
const [SERIES_MAX, POINTS, FLAGS_MAX] = [20, 600, 200];

/** `{ element, show(answer), close() }`; `show` draws an answer of `/api/alerts/test`. */
export function replayed(ctx, signal) {
  const element = h("div.alert-chart");
  const data = new Data();
  let chart = null;
  let newest = null;
  return {
    element,
    async show({ rule, queries = [], start, end, result }) {
      const mine = (newest = {});
      const [from, to] = [start * SECOND, end * SECOND];
      const every = interval(to - from, POINTS);
      const wanted = queries.map((text) => ({ text, parts: parse(text) })).filter(({ parts }) => !parts.error)
        .map(({ text, parts }) => (parts.downsample ? text : withDownsample(text, "m", { interval: every, func: downsampleFunction(parts), fill: "" })));
      element.hidden = wanted.length === 0;
      if (element.hidden) return;
      const slots = wanted.map((_, at) => `q${at}`);
      const answers = await Promise.all(wanted.map((text, at) => data.query(slots[at], { kind: "m", text, from, to, signal })));
      const { times, columns } = await data.align(slots);
      if (mine !== newest || !element.isConnected) return;
      const series = answers.flatMap((answer) => answer.series).slice(0, SERIES_MAX);
      const keys = series.map((one) => nameOf(one));
      const how = looks(keys);
      const bad = badTimes(result.lines, end);
      chart ??= new Chart(element, { zone: ctx.time.zone, theme: ctx.theme.name, status: ctx.status });
      chart.set({
        times, columns: columns.slice(0, SERIES_MAX), lines: keys.map((key, at) => ({ key, name: key, ...how[at], type: "line" })), range: { from, to }, zone: ctx.time.zone, theme: ctx.theme.name,
        spans: bad.map((one) => ({ from: one.from, to: one.to, kind: one.level === "warning" ? "warn" : "bad" })),
        events: result.lines.filter(({ what }) => what !== "notice").slice(0, FLAGS_MAX).map(({ at, what, level, name }) => ({ time: at * SECOND, text: `${name}: ${CHANGES[what] ?? what} (${level})` })),
        label: `What ${rule} reads`, empty: "No points in this time.",
        description: bad.length ? `Bad ${bad.length === 1 ? "once" : `${bad.length} times`}: ${bad.slice(0, 5).map((one) => `${one.name} ${one.level} from ${format(one.from, ctx.time.zone)} to ${format(one.to, ctx.time.zone)}`).join("; ")}.` : "It was never bad.",
      });
    },
    theme() { chart?.set({ theme: ctx.theme.name }); },
    close() {
      newest = null;
      chart?.destroy();
      data.close();
    },
  };
}
