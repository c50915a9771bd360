/**
 * Panels of lines: areas, stacks, points; thresholds as bands, events as marks, two axes, a crosshair shared by all panels; two
 * plots one above the other over the same time where the panel has queries for a lower one.
 */
import { alignLists, forPlot } from "../../lib/align.js";
import { Chart } from "../../lib/chart.js";
import { fill, h, set } from "../../lib/dom.js";
import { GROUND, LINES } from "../../lib/palette.js";
import { format } from "../../lib/time.js";
import { printer } from "./kinds.js";
import { hasLower, reduce } from "./model.js";

/** Charts of this name share their crosshair. */
export const CROSSHAIR = "screens";
/** Events that are marked at most. */
const EVENTS_MAX = 200;
const TYPES = { line: "line", area: "area", stacked: "stacked", points: "points" };

/** Draws into `box`; returns `{ kind, update(next), destroy(), describe }`. */
export function lines(box, first) {
  const frame = h("div.lines-plot");
  const legend = h("div.legend", { role: "group", "aria-label": "Series" });
  fill(box, h("div.lines.fill", frame, legend));
  const { host } = first;
  const hidden = new Set(); // keys of series
  const charts = []; // one, or the upper and the lower
  const drawn = { kind: "chart", update, destroy: () => charts.forEach((chart) => chart.destroy()), describe: "" };
  update(first);
  return drawn;

  /** As many plots as wanted; those that are there stay. */
  function plots(count, { zone, theme }) {
    while (charts.length > count) {
      charts.pop().destroy();
      frame.lastChild.remove();
    }
    while (charts.length < count) {
      const box = h("div.lines-pane");
      frame.append(box);
      charts.push(new Chart(box, {
        zone, theme, sync: CROSSHAIR, status: host.ctx.status, pile: charts,
        onzoom: (from, to) => host.zoom(from, to), onback: () => host.ctx.back(), onevent: (event) => host.event(event),
      }));
    }
  }

  function update({ series, names, looks, panel, range, zone, theme, title }) {
    const two = hasLower(panel);
    plots(two ? 2 : 1, { zone, theme });
    const paneOf = ({ pane }) => (two && pane === "lower" ? 1 : 0);
    const keys = series.map((one, at) => `${one.query} ${one.earlier} ${names[at]}`);
    for (const key of hidden) if (!keys.includes(key)) hidden.delete(key);
    const { times, columns } = alignLists(series);
    const print = Object.fromEntries(["left", "right", "lower"].map((side) => [side, printer(panel, side)]));
    const printed = (one, by) => print[one.axis === "left" && paneOf(one) ? "lower" : one.axis](reduce(one.values, by));
    const axis = (side) => ({ log: Boolean(panel[side].log), min: panel[side].min ?? null, max: panel[side].max ?? null, label: panel[side].label || "", format: panel[side].unit || panel.decimals !== null ? print[side] : undefined });
    // Beside its parts a sum is a bold line, also over areas.
    const bold = ({ sum }) => Boolean(sum) && panel.sum === "with";
    const looked = (one, at) => ({
      key: keys[at], name: names[at], color: looks[at].color, dash: looks[at].dash, faint: looks[at].faint, right: one.axis === "right", hidden: hidden.has(keys[at]),
      type: bold(one) ? "line" : TYPES[panel.kind], bold: bold(one), past: one.earlier ? -one.earlier : 0,
    });
    drawn.describe = describe(series, names, range, zone, printed);
    // Places of the series of each plot.
    const places = charts.map((_, pane) => series.map((_, at) => at).filter((at) => paneOf(series[at]) === pane));
    const marks = panel.events ? events(series) : [];
    charts.forEach((chart, pane) => {
      const own = places[pane].map((at) => series[at]);
      chart.set({
        times, columns: places[pane].map((at) => forPlot(columns[at])), lines: places[pane].map((at) => looked(series[at], at)), range, zone, theme,
        left: axis(pane ? "lower" : "left"), right: axis("right"), timeless: two && pane === 0, empty: "No points here.",
        thresholds: panel.thresholds.filter(({ from = null, to = null, ...one }) => (from !== null || to !== null) && paneOf(one) === pane).map(({ from = null, to = null, level }) => ({ min: from, max: to, kind: level })),
        events: marks, label: two ? `${title}, ${pane ? "lower" : "upper"} pane` : title, description: two ? describe(own, places[pane].map((at) => names[at]), range, zone, printed) : drawn.describe,
      });
    });
    const redraw = () => charts.forEach((chart, pane) => chart.set({ lines: places[pane].map((at) => looked(series[at], at)) }));
    const light = (at) => charts.forEach((chart, pane) => chart.light(places[pane].includes(at) ? places[pane].indexOf(at) : null));
    drawLegend(series, names, looks, keys, printed, theme, panel, redraw, light);
  }

  function drawLegend(series, names, looks, keys, printed, theme, panel, redraw, light) {
    legend.hidden = !host.legend || !panel.legend;
    if (legend.hidden) return fill(legend);
    const focused = [...legend.children].indexOf(document.activeElement);
    const press = () => [...legend.children].forEach((button, at) => set(button, { "aria-pressed": String(!hidden.has(keys[at])) }));
    const choose = (at, one) => {
      const only = keys.every((key, n) => hidden.has(key) === (n !== at));
      keys.forEach((key, n) => {
        const hide = one ? (n === at ? !hidden.has(key) : hidden.has(key)) : !only && n !== at;
        if (hide) hidden.add(key);
        else hidden.delete(key);
      });
      redraw();
      press();
    };
    fill(legend, series.map((one, at) => h("button", {
      type: "button", title: `${names[at]}\nClick: this one alone. Ctrl+click: hide it.`, onclick: (event) => choose(at, event.ctrlKey || event.metaKey),
      onpointerenter: () => light(at), onpointerleave: () => light(null), onfocus: () => light(at), onblur: () => light(null),
    }, h("span.series-color", { style: { "--series": looks[at].faint ? GROUND[theme].faint : LINES[theme][looks[at].color] }, class: one.earlier ? "past" : "", "aria-hidden": "true" }),
    h("span.name.cut", names[at]), h("span.legend-value", printed(one, "last")))));
    press();
    if (focused >= 0) legend.children[focused]?.focus();
  }
}

function events(series) {
  const known = new Map();
  for (const { annotations } of series) {
    for (const { startTime, endTime, description, notes, tsuid } of annotations) {
      const ms = (time) => (time > 0xffffffff ? time : time * 1000);
      known.set(`${startTime} ${description}`, { time: ms(startTime), end: endTime ? ms(endTime) : 0, text: description || "event", notes, global: !tsuid });
    }
  }
  return [...known.values()].slice(0, EVENTS_MAX);
}

function describe(series, names, range, zone, printed) {
  const parts = series.slice(0, 5).map((one, at) => `${names[at]} ${printed(one, "min")} to ${printed(one, "max")}`);
  return `${series.length} series from ${format(range.from, zone, "minute")} to ${format(range.to, zone, "minute")}: ${parts.join(", ")}${series.length > 5 ? " …" : ""}.`;
}
