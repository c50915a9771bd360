/** The keyboard's cursor on a chart: along the points, from line to line. Loaded with the first key. */
import { isValue } from "../align.js";
import { value as exact } from "../format.js";

/** What a key does: `key` as in `KeyboardEvent.key`; `far`: ten points in place of one. */
export function walk(chart, key, far) {
  const shown = chart.lines.map((line, i) => i).filter((i) => !chart.lines[i].hidden);
  if (!shown.length) return;
  if (key === "Escape") {
    chart.cursor = null;
    return chart.hover(null);
  }
  if (key === "Enter") return chart.cursor && chart.pin(chart.cursor);
  const way = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -1, ArrowDown: 1 }[key] ?? 0;
  if (!chart.cursor || !shown.includes(chart.cursor.line)) chart.cursor = { line: shown[0], at: lastShown(chart, shown[0]) };
  else if (key === "ArrowUp" || key === "ArrowDown") chart.cursor.line = shown[(shown.indexOf(chart.cursor.line) + way + shown.length) % shown.length];
  const column = chart.drawn[chart.cursor.line];
  if (key === "Home") chart.cursor.at = step(chart, column, -1, 1, 1);
  else if (key === "End") chart.cursor.at = lastShown(chart, chart.cursor.line);
  else if (key === "ArrowLeft" || key === "ArrowRight") chart.cursor.at = step(chart, column, chart.cursor.at, way, far ? 10 : 1);
  else if (!isValue(column[chart.cursor.at])) chart.cursor.at = closestValue(column, chart.cursor.at);
  show(chart);
}

/** `count` points of a column further on within the range; stays where it is when there are none. */
function step(chart, column, at, way, count) {
  let found = at;
  for (let i = at + way; i >= 0 && i < column.length && count > 0; i += way) {
    const time = chart.times[i];
    if (time < chart.range.from || time > chart.range.to) {
      if (way < 0 && time < chart.range.from || way > 0 && time > chart.range.to) break;
      continue;
    }
    if (!isValue(column[i])) continue;
    found = i;
    count--;
  }
  return found;
}

const lastShown = (chart, line) => step(chart, chart.drawn[line], chart.times.length, -1, 1);

function closestValue(column, at) {
  for (let away = 1; away < column.length; away++) {
    if (isValue(column[at - away])) return at - away;
    if (isValue(column[at + away])) return at + away;
  }
  return at;
}

function show(chart) {
  const { line, at } = chart.cursor;
  if (!isValue(chart.drawn[line][at])) return;
  const left = chart.u.valToPos(chart.times[at], "x");
  const top = chart.u.valToPos(chart.drawn[line][at], chart.lines[line].right ? "y2" : "y");
  chart.following = true;
  chart.u.setCursor({ left, top }, false);
  chart.following = false;
  chart.hover({ line, at, left, top }, left, top);
  chart.options.status?.(`${chart.when(chart.times[at], chart.lines[line])}: ${exact(chart.columns[line][at])}, ${chart.lines[line].name}`);
}
