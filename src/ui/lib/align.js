/**
 * From the text of an answer to columns over one time axis. Runs in a worker (see the end), so that large answers do not
 * hold up the page; the functions are pure and tested without one.
 *
 * In columns, `GAP` (NaN) is "no value here" (a fill), `MISSING` (-Infinity) is "this series has no point at this time".
 */

export const GAP = NaN;
export const MISSING = -Infinity;

/** Distances between points that are looked at, at least, to learn which is usual. */
const STEPS = 200;
/** So many times the usual distance is a gap. */
const GAP_STEPS = 3;

/** A value of an answer: a number, or OpenTSDB's texts for what JSON has no number for. */
function number(value) {
  if (typeof value === "number") return Number.isFinite(value) ? value : GAP;
  // "NaN" and null are fills; an infinity cannot be drawn.
  return GAP;
}

/**
 * Reads an answer of `/api/query` with `arrays`: for each series its names, its points as `times` (ms) and `values`, and
 * what tables show: count, min, max, avg, median, last, time of the last point, usual distance of points.
 * `shift` (ms) is added to all times.
 */
export function read(text, { shift = 0 } = {}) {
  const answer = JSON.parse(text);
  const series = [];
  let more = null;
  for (const one of answer) {
    if (one.metric === undefined && !one.dps) {
      more = one.statsSummary ?? more;
      continue;
    }
    const pairs = one.dps instanceof Array ? one.dps : Object.entries(one.dps ?? {});
    const times = new Float64Array(pairs.length);
    const values = new Float64Array(pairs.length);
    for (let i = 0; i < pairs.length; i++) {
      // Seconds, unless more digits say milliseconds.
      const at = Number(pairs[i][0]);
      times[i] = (at > 0xffffffff ? at : at * 1000) + shift;
      values[i] = number(pairs[i][1]);
    }
    const { metric, tags = {}, aggregateTags = [], tsuids = [], annotations = [], stats = null } = one;
    series.push({ metric, tags, aggregateTags, tsuids, annotations, stats, global: one.globalAnnotations ?? [], times, values, ...summary(times, values) });
  }
  return { series, stats: more };
}

/** Count, min, max, avg, median and last of the values that are there; `step` is the usual distance in ms. */
export function summary(times, values) {
  let count = 0;
  let min = Infinity;
  let max = -Infinity;
  let sum = 0;
  let last = null;
  let lastTime = null;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (value !== value) continue;
    count++;
    if (value < min) min = value;
    if (value > max) max = value;
    sum += value;
    last = value;
    lastTime = times[i];
  }
  return { count, min: count ? min : null, max: count ? max : null, avg: count ? sum / count : null, median: median(values.filter((value) => value === value)), last, lastTime, step: usualStep(times) };
}

/** The middle of numbers, of two middles their mean; null of none. Their order is lost. */
export function median(values) {
  if (!values.length) return null;
  const middle = values.length >> 1;
  select(values, middle);
  if (values.length % 2) return values[middle];
  let below = -Infinity;
  for (let i = 0; i < middle; i++) if (values[i] > below) below = values[i];
  return below + (values[middle] - below) / 2;
}

/** Puts the number that would be at `place` in order there, with none above it before it and none below it behind it. */
function select(values, place) {
  let [low, high] = [0, values.length - 1];
  while (low < high) {
    const pivot = values[(low + high) >> 1];
    let [i, j] = [low, high];
    while (i <= j) {
      while (values[i] < pivot) i++;
      while (values[j] > pivot) j--;
      if (i > j) break;
      const kept = values[i];
      values[i++] = values[j];
      values[j--] = kept;
    }
    if (place <= j) high = j;
    else if (place >= i) low = i;
    else return;
  }
}

/** Distances between points, ascending: all, or some hundreds of many. */
function steps(times) {
  const every = Math.max(1, Math.floor((times.length - 1) / STEPS));
  const out = new Float64Array(times.length > 1 ? Math.ceil((times.length - 1) / every) : 0);
  for (let i = 1, n = 0; i < times.length; i += every) out[n++] = times[i] - times[i - 1];
  return out.sort();
}

function usualStep(times) {
  const all = steps(times);
  return all.length ? all[all.length >> 1] : null;
}

/**
 * What nine of ten points keep from the one before them. A line ends where the next point is more than `GAP_STEPS` times as far:
 * there points are missing. The pictures of `/q` have the same rule (`src/plot/gaps.rs`).
 */
function usualReach(times) {
  const all = steps(times);
  return all.length ? all[Math.ceil(all.length * 0.9) - 1] : Infinity;
}

/** A series with a gap (`GAP`) behind each point that the next one does not follow in time; itself if there is none. */
export function opened(one) {
  const { times, values } = one;
  const reach = usualReach(times);
  const ends = [];
  for (let i = 1; i < times.length; i++) if (times[i] - times[i - 1] > GAP_STEPS * reach) ends.push(i);
  if (!ends.length) return one;
  const out = { times: new Float64Array(times.length + ends.length), values: new Float64Array(times.length + ends.length) };
  let from = 0;
  ends.forEach((end, n) => {
    out.times.set(times.subarray(from, end), from + n);
    out.values.set(values.subarray(from, end), from + n);
    out.times[end + n] = times[end - 1] + reach;
    out.values[end + n] = GAP;
    from = end;
  });
  out.times.set(times.subarray(from), from + ends.length);
  out.values.set(values.subarray(from), from + ends.length);
  return out;
}

/**
 * Lays series over one time axis: `{ times: Float64Array, columns: [Float64Array…], added: [place…] }`. Times are ascending; equal
 * times within a series keep the last value. Where points of a series are missing its column has a gap; `added` are the places
 * of the axis that are there for gaps alone, which tables leave out.
 */
export function align(series) {
  const whole = series.map(opened);
  const axis = union(whole.map(({ times }) => times));
  const added = whole.some((one, at) => one !== series[at]) ? places(axis, union(series.map(({ times }) => times))) : [];
  const columns = whole.map(({ times, values }) => {
    if (times === axis || same(times, axis)) return values.slice();
    const column = new Float64Array(axis.length).fill(MISSING);
    let at = 0;
    let gap = false;
    for (let i = 0; i < times.length; i++) {
      // A gap lasts until the next point: where other series have points meanwhile the line would go on.
      for (; axis[at] < times[i]; at++) if (gap) column[at] = GAP;
      column[at] = values[i];
      gap = values[i] !== values[i];
    }
    return column;
  });
  return { times: axis.slice(), columns, added };
}

/** Places of an axis whose times another one lacks. */
function places(axis, other) {
  const out = [];
  for (let i = 0, j = 0; i < axis.length; i++) {
    if (axis[i] === other[j]) j++;
    else out.push(i);
  }
  return out;
}

function same(a, b) {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** All times once, ascending. Most series of a query have the same times: those cost a comparison each. */
function union(lists) {
  let axis = new Float64Array(0);
  for (const list of lists) {
    if (list.length === 0 || same(list, axis)) continue;
    axis = merge(axis, list);
  }
  return axis;
}

function merge(a, b) {
  const out = new Float64Array(a.length + b.length);
  let n = 0;
  for (let i = 0, j = 0; i < a.length || j < b.length;) {
    const next = j >= b.length || (i < a.length && a[i] <= b[j]) ? a[i++] : b[j++];
    if (n === 0 || out[n - 1] !== next) out[n++] = next;
  }
  return out.slice(0, n);
}

// ------------------------------------------------------------------ columns as drawn: null is a gap, undefined is no point

/** The same for series whose `times` and `values` are lists; a value that is null is a gap. */
export const alignLists = (series) => align(series.map(({ times, values }) => ({ times: Float64Array.from(times), values: Float64Array.from(values, (value) => value ?? NaN) })));

/** A column as uPlot wants it: typed as it came if every point is there, else a plain array that can hold `null` and `undefined`. */
export function forPlot(column) {
  let whole = true;
  for (let i = 0; i < column.length && whole; i++) whole = column[i] - column[i] === 0;
  if (whole) return column;
  const out = new Array(column.length);
  for (let i = 0; i < column.length; i++) {
    const value = column[i];
    out[i] = value === MISSING ? undefined : value !== value ? null : value;
  }
  return out;
}

/** Whether there is a value. */
export const isValue = (value) => value !== null && value !== undefined;

/** Places of points that have no neighbour to be joined with: without a mark of their own they would not be seen. */
export function lonePoints(column) {
  // A typed column has a value everywhere.
  if (column instanceof Float64Array) return column.length === 1 ? [0] : [];
  const out = [];
  let before = null; // whether the last entry that is there was a value
  let candidate = -1;
  for (let i = 0; i < column.length; i++) {
    const value = column[i];
    if (value === undefined) continue;
    if (value === null) {
      if (candidate >= 0) out.push(candidate);
      candidate = -1;
      before = false;
    } else {
      candidate = before === true ? -1 : i;
      before = true;
    }
  }
  if (candidate >= 0) out.push(candidate);
  return out;
}

/** A column whose missing points lie on the line between their neighbours; gaps and ends stay. */
export function bridged(column) {
  const out = Array.from(column);
  let from = -1;
  for (let i = 0; i < out.length; i++) {
    if (out[i] === undefined) continue;
    if (from >= 0 && i - from > 1 && out[from] !== null && out[i] !== null) {
      for (let j = from + 1; j < i; j++) out[j] = out[from] + ((out[i] - out[from]) * (j - from)) / (i - from);
    }
    from = i;
  }
  return out;
}

/** A column on top of another; where there is none below, on the ground. */
export function stack(column, below) {
  const out = bridged(column);
  for (let i = 0; i < out.length; i++) {
    if (isValue(out[i])) out[i] += isValue(below[i]) ? below[i] : 0;
    // A line that has nothing here lets the one below it show its own height.
    else out[i] = below[i];
  }
  return out;
}

// ------------------------------------------------------------------ histograms

// A query for the ranges of histograms (`show-histogram-buckets`) is answered by one series a range, named `METRIC_LOWER_UPPER`,
// with `METRIC_UNDERFLOW` and `METRIC_OVERFLOW` for what lies outside of all.

/** The range in the name of a series, `{ metric, low, high }`; without `low` and `high` for what lies outside; null for other names. */
export function rangeOf(name) {
  const outside = /^(.*)_(?:OVER|UNDER)FLOW$/s.exec(name);
  if (outside) return { metric: outside[1], low: null, high: null };
  const number = "(-?\\d+(?:\\.\\d+)?(?:E-?\\d+)?)";
  const found = new RegExp(`^(.*)_${number}_${number}$`, "s").exec(name);
  if (!found || !(Number(found[3]) > Number(found[2]))) return null;
  return { metric: found[1], low: Number(found[2]), high: Number(found[3]) };
}

/**
 * A heat map of series of ranges over one time axis: `columns[i]` has the counts of the range `ranges[i]` (`[low, high]`) at
 * `times`. Equal ranges are added up. Gives `{ times, step, buckets: [[low, high]…], counts: [column…], most }`, or null when
 * nothing was counted.
 */
export function heatOf(times, ranges, columns) {
  const rows = new Map();
  ranges.forEach(([low, high], i) => {
    const key = `${low} ${high}`;
    if (!rows.has(key)) rows.set(key, { bucket: [low, high], counts: new Float64Array(times.length) });
    const { counts } = rows.get(key);
    for (let at = 0; at < counts.length; at++) if (columns[i][at] > 0) counts[at] += columns[i][at];
  });
  const sorted = [...rows.values()].sort((a, b) => a.bucket[0] - b.bucket[0] || a.bucket[1] - b.bucket[1]);
  const present = Array.from(times, (_, at) => at).filter((at) => columns.some((column) => Number.isFinite(column[at])));
  const most = sorted.reduce((so, { counts }) => counts.reduce((high, one) => Math.max(high, one), so), 0);
  if (!(most > 0)) return null;
  const kept = present.map((at) => times[at]);
  const steps = kept.slice(1).map((time, i) => time - kept[i]).sort((a, b) => a - b);
  return { times: kept, step: steps[steps.length >> 1] ?? 60_000, buckets: sorted.map(({ bucket }) => bucket), counts: sorted.map(({ counts }) => present.map((at) => counts[at])), most };
}

// ------------------------------------------------------------------ the worker

const slots = new Map();

/** What the page asks for; answers carry the same `id`. */
const calls = {
  /** Keeps the answer of one query (its text, or the bytes of it) under a name; gives all but the points. */
  read({ slot, text, shift }) {
    const { series, stats } = read(typeof text === "string" ? text : new TextDecoder().decode(text), { shift });
    slots.set(slot, series);
    return { result: { series: series.map(({ times, values, ...rest }) => ({ ...rest, points: times.length })), stats } };
  },
  /** Columns of all series of some slots, in their order. */
  align({ slots: wanted }) {
    const { times, columns, added } = align(wanted.flatMap((slot) => slots.get(slot) ?? []));
    return { result: { times, columns, added }, transfer: [times.buffer, ...columns.map((column) => column.buffer)] };
  },
  drop({ slots: unwanted }) {
    for (const slot of unwanted) slots.delete(slot);
    return { result: null };
  },
};

export function answer(message) {
  try {
    return calls[message.call](message);
  } catch (error) {
    return { error: error instanceof SyntaxError ? "The answer is not what a TSD sends." : String(error.message) };
  }
}

if (typeof WorkerGlobalScope !== "undefined" && self instanceof WorkerGlobalScope) {
  self.onmessage = ({ data }) => {
    const { result, error, transfer = [] } = answer(data);
    self.postMessage({ id: data.id, result, error }, transfer);
  };
}
