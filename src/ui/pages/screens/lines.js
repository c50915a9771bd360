/** Panels of lines: areas, stacks, points; thresholds as bands, events as marks, two axes, a crosshair shared by all panels. */
import { MISSING, align } from "../../lib/align.js";
import { Chart } from "../../lib/chart.js";
import { fill, h, set } from "../../lib/dom.js";
import { GROUND, LINES } from "../../lib/palette.js";
import { format } from "../../lib/time.js";
import { printer } from "./kinds.js";
import { reduce } from "./model.js";

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
  const chart = new Chart(frame, {
    zone: first.zone, theme: first.theme, sync: CROSSHAIR, status: host.ctx.status,
    onzoom: (from, to) => host.zoom(from, to), onback: () => host.ctx.back(), onevent: (event) => host.event(event),
  });
  const drawn = { kind: "chart", update, destroy: () => chart.destroy(), describe: "" };
  update(first);
  return drawn;

  function update({ series, names, looks, panel, range, zone, theme, title }) {
    const keys = series.map((one, at) => `${one.query} ${one.earlier} ${names[at]}`);
    for (const key of hidden) if (!keys.includes(key)) hidden.delete(key);
    const { times, columns } = align(series.map((one) => ({ times: Float64Array.from(one.times), values: Float64Array.from(one.values, (v) => v ?? NaN) })));
    const print = { left: printer(panel, "left"), right: printer(panel, "right") };
    const axis = (side) => ({ log: Boolean(panel[side].log), min: panel[side].min ?? null, max: panel[side].max ?? null, label: panel[side].label || "", format: panel[side].unit || panel.decimals !== null ? print[side] : undefined });
    const looked = () => series.map((one, at) => ({
      key: keys[at], name: names[at], color: looks[at].color, dash: looks[at].dash, faint: looks[at].faint, right: one.axis === "right", hidden: hidden.has(keys[at]), type: TYPES[panel.kind],
      past: one.earlier ? -one.earlier : 0,
    }));
    drawn.describe = describe(series, names, range, zone, print);
    chart.set({
      times, columns: columns.map(forPlot), lines: looked(), range, zone, theme, left: axis("left"), right: axis("right"),
      thresholds: panel.thresholds.filter(({ from = null, to = null }) => from !== null || to !== null).map(({ from = null, to = null, level }) => ({ min: from, max: to, kind: level })),
      events: panel.events ? events(series) : [], label: title, description: drawn.describe,
    });
    drawLegend(series, names, looks, keys, print, theme, panel, () => chart.set({ lines: looked() }));
  }

  function drawLegend(series, names, looks, keys, print, theme, panel, redraw) {
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
      onpointerenter: () => chart.light(at), onpointerleave: () => chart.light(null), onfocus: () => chart.light(at), onblur: () => chart.light(null),
    }, h("span.series-color", { style: { "--series": looks[at].faint ? GROUND[theme].faint : LINES[theme][looks[at].color] }, class: one.earlier ? "past" : "", "aria-hidden": "true" }),
    h("span.name.cut", names[at]), h("span.legend-value", print[one.axis](reduce(one.values, "last"))))));
    press();
    if (focused >= 0) legend.children[focused]?.focus();
  }
}

/** As uPlot wants it: a value, `null` for a gap, `undefined` where a series has no point. */
export function forPlot(column) {
  return Array.from(column, (v) => (v === MISSING ? undefined : Number.isNaN(v) ? null : v));
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

function describe(series, names, range, zone, print) {
  const parts = series.slice(0, 5).map((one, at) => `${names[at]} ${print[one.axis](reduce(one.values, "min"))} to ${print[one.axis](reduce(one.values, "max"))}`);
  return `${series.length} series from ${format(range.from, zone, "minute")} to ${format(range.to, zone, "minute")}: ${parts.join(", ")}${series.length > 5 ? " …" : ""}.`;
}
