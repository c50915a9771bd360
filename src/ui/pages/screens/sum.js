/** The sum of a panel's series as a line: of those of one axis, one pane and one time, for other numbers do not add up. */
import { alignLists, bridged, forPlot, isValue } from "../../lib/align.js";

/** Black on white and white on black: the colour that is none of a series by its place. */
const COLOR = 6;
const DASHES = [undefined, [6, 3], [2, 2], [8, 2, 2, 2]];

/**
 * Sums of series as `load` gives them, in their form, with a `name` and a `look`. A series counts from its first point to its last,
 * between two points with the value on the line between them, as the aggregator `sum` has it; where points are missing, not.
 */
export function sums(all) {
  const groups = new Map();
  for (const one of all) {
    const { pane, axis, earlier } = one;
    const key = `${pane} ${axis} ${earlier}`;
    if (!groups.has(key)) groups.set(key, { pane, axis, earlier, list: [] });
    groups.get(key).list.push(one);
  }
  const parts = [...groups.values()];
  const panes = parts.some((one) => one.pane !== parts[0].pane);
  const axes = parts.some((a) => parts.some((b) => a.pane === b.pane && a.axis !== b.axis));
  const names = [];
  return parts.map(({ pane, axis, earlier, list }) => {
    const name = `Sum${panes ? `, ${pane} pane` : ""}${axes ? `, ${axis} axis` : ""}`;
    if (!names.includes(name)) names.push(name);
    const look = { color: COLOR, dash: DASHES[names.indexOf(name)], faint: false };
    return { name, look, sum: list.length, query: -1, metric: "", tags: {}, pane, axis, earlier, annotations: list.flatMap(({ annotations }) => annotations), ...added(list) };
  });
}

function added(list) {
  const { times, columns, added: gaps } = alignLists(list);
  const lines = columns.map((column) => bridged(forPlot(column)));
  const skip = new Set(gaps);
  const out = { times: [], values: [] };
  for (let i = 0; i < times.length; i++) {
    if (skip.has(i)) continue;
    const there = lines.map((line) => line[i]).filter(isValue);
    out.times.push(times[i]);
    out.values.push(there.length ? there.reduce((sum, value) => sum + value, 0) : null);
  }
  return out;
}
