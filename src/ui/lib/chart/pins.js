/** Read-outs of a chart that stay: each follows its point from answer to answer, and can be moved. Loaded with the first of them. */
import { isValue } from "../align.js";
import { h, iconButton, text } from "../dom.js";
import { value as exact } from "../format.js";
import { GROUND } from "../palette.js";

/** A second click within so long is half of a double click, in ms. */
const DOUBLE_CLICK = 500;
/** Read-outs that stay at once. */
const PINS_MAX = 12;

/** Keeps the read-out of a point (`key` of its line, `time`); the same point again lets it go. */
export function toggle(chart, { key, time }) {
  const same = chart.pins.find((pin) => pin.key === key && pin.time === time);
  if (same) return drop(chart, same);
  if (chart.pins.length >= PINS_MAX) drop(chart, chart.pins[0]);
  const name = h("div.tip-name");
  const value = h("div.tip-value");
  const when = h("div.tip-time");
  const pin = { key, time, dx: 12, dy: -64, name, value, when };
  pin.element = h("div.chart-pin", { role: "group" }, h("div.pin-head", h("div.grow", when, value, name), iconButton("close", "Let this read-out go", () => drop(chart, pin))));
  pin.element.addEventListener("pointerdown", (event) => drag(chart, pin, event));
  // It may lie under the pointer: the second click of a double click is meant for the picture.
  pin.element.style.pointerEvents = "none";
  setTimeout(() => { pin.element.style.pointerEvents = ""; }, DOUBLE_CLICK);
  chart.box.append(pin.element);
  chart.pins.push(pin);
  place(chart);
  chart.u.redraw(false);
  chart.options.onpins?.(chart.pins);
  chart.options.status?.(`Pinned: ${name.textContent}, ${value.textContent}, ${when.textContent}`);
}

function drop(chart, pin) {
  pin.element.remove();
  chart.pins = chart.pins.filter((one) => one !== pin);
  chart.u?.redraw(false);
  chart.options.onpins?.(chart.pins);
  if (!chart.options.compact) chart.box.focus({ preventScroll: true });
}

function drag(chart, pin, event) {
  if (event.target.closest("button")) return;
  const begin = { x: event.clientX - pin.dx, y: event.clientY - pin.dy };
  pin.element.setPointerCapture(event.pointerId);
  const move = (moved) => {
    pin.moved = true;
    pin.dx = moved.clientX - begin.x;
    pin.dy = moved.clientY - begin.y;
    place(chart);
  };
  pin.element.addEventListener("pointermove", move);
  pin.element.addEventListener("pointerup", () => pin.element.removeEventListener("pointermove", move), { once: true });
}

/** Where a kept point is now: null when its series or its time is not shown. */
function placeOf(chart, { key, time }) {
  const line = chart.lines.findIndex((one) => one.key === key);
  if (line < 0 || chart.lines[line].hidden || time < chart.range.from || time > chart.range.to || !chart.times.length) return null;
  const at = closest(chart.times, time);
  if (at < 0 || !isValue(chart.drawn[line]?.[at])) return null;
  return { line, at, left: chart.u.valToPos(chart.times[at], "x"), top: chart.u.valToPos(chart.drawn[line][at], chart.lines[line].right ? "y2" : "y") };
}

/** Puts all of them where their points are now. */
export function place(chart) {
  const over = chart.u ? { left: chart.u.bbox.left / devicePixelRatio, top: chart.u.bbox.top / devicePixelRatio } : null;
  for (const pin of chart.pins) {
    const found = over && placeOf(chart, pin);
    pin.element.hidden = !found;
    if (!found) continue;
    const line = chart.lines[found.line];
    text(pin.name, line.name);
    text(pin.value, exact(chart.columns[found.line][found.at]));
    text(pin.when, chart.when(chart.times[found.at], line));
    pin.value.style.borderColor = chart.colorOf(line);
    const width = pin.element.offsetWidth;
    // At the right edge a read-out that was not moved by hand stands at the other side of its point.
    const beside = !pin.moved && over.left + found.left + pin.dx + width > chart.box.clientWidth - 2 ? -pin.dx - width : pin.dx;
    const x = Math.max(2, Math.min(over.left + found.left + beside, chart.box.clientWidth - width - 2));
    const y = Math.max(2, Math.min(over.top + found.top + pin.dy, chart.box.clientHeight - pin.element.offsetHeight - 2));
    pin.element.style.transform = `translate(${x}px, ${y}px)`;
  }
}

/** Rings around their points. */
export function draw(chart, ctx) {
  const { bbox } = chart.u;
  const ratio = devicePixelRatio || 1;
  for (const pin of chart.pins) {
    const found = placeOf(chart, pin);
    if (!found) continue;
    ctx.beginPath();
    ctx.arc(found.left * ratio + bbox.left, found.top * ratio + bbox.top, 4 * ratio, 0, 2 * Math.PI);
    ctx.fillStyle = GROUND[chart.options.theme].ground;
    ctx.fill();
    ctx.lineWidth = 2 * ratio;
    ctx.strokeStyle = chart.colorOf(chart.lines[found.line]);
    ctx.stroke();
  }
}

/** The place of the time nearest to `ms`. */
function closest(times, ms) {
  let low = 0;
  let high = times.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] < ms) low = middle + 1;
    else high = middle;
  }
  if (low > 0 && ms - times[low - 1] < times[low] - ms) low--;
  return low;
}
