/** What hands do to a chart beside choosing a range: the wheel, moving the picture, touch. Loaded after the first picture. */

/** Less or more time around the instant under the pointer. */
export function wheel(chart, x, less) {
  const at = chart.u.posToVal(x - chart.u.over.getBoundingClientRect().left, "x");
  const { from, to } = chart.range;
  const factor = less ? 0.8 : 1.25;
  chart.show(at - (at - from) * factor, at + (to - at) * factor);
  settle(chart);
}

/** Asks for the range once the wheel or the hand rests. */
function settle(chart) {
  clearTimeout(chart.settling);
  chart.settling = setTimeout(() => chart.options.onzoom(Math.round(chart.range.from), Math.round(chart.range.to)), 250);
}

/** Moves the picture with the mouse that went down at `x`, until it is let go. */
export function move(chart, x) {
  if (!chart.held) return;
  const begin = { ...chart.range };
  const perPixel = (begin.to - begin.from) / chart.u.over.clientWidth;
  const follow = (moved) => {
    const by = (x - moved.clientX) * perPixel;
    chart.show(begin.from + by, begin.to + by);
  };
  const up = () => {
    removeEventListener("mousemove", follow);
    removeEventListener("mouseup", up);
    if (chart.range.from !== begin.from) settle(chart);
  };
  addEventListener("mousemove", follow);
  addEventListener("mouseup", up);
}

/** A finger at `left` px from the axis: `kind` as the event's, `fingers` so many. A drag of one finger chooses a range. */
export function touch(chart, kind, left, fingers) {
  if (kind === "touchstart") {
    chart.touch = fingers === 1 ? { left, moved: false } : null;
    return;
  }
  if (!chart.touch) return;
  if (kind === "touchmove") {
    if (Math.abs(left - chart.touch.left) > 12) chart.touch.moved = true;
    if (!chart.touch.moved || !chart.options.onzoom) return;
    chart.touching = true;
    chart.u.setSelect({ left: Math.min(left, chart.touch.left), width: Math.abs(left - chart.touch.left), top: 0, height: chart.u.over.clientHeight }, false);
    return;
  }
  const { touch: begin } = chart;
  chart.touch = null;
  chart.touching = false;
  if (begin.moved && chart.options.onzoom) {
    chart.u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    chart.zoomTo(chart.u.posToVal(Math.min(left, begin.left), "x"), chart.u.posToVal(Math.max(left, begin.left), "x"));
  }
}
