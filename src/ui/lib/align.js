/**
 * From the text of an answer to columns over one time axis. Runs in a worker (see the end), so that large answers do not
 * hold up the page; the functions are pure and tested without one.
 *
 * In columns, `GAP` (NaN) is "no value here" (a fill), `MISSING` (-Infinity) is "this series has no point at this time".
 */

export const GAP = NaN;
export const MISSING = -Infinity;

/** A value of an answer: a number, or OpenTSDB's texts for what JSON has no number for. */
function number(value) {
  if (typeof value === "number") return Number.isFinite(value) ? value : GAP;
  // "NaN" and null are fills; an infinity cannot be drawn.
  return GAP;
}

/**
 * Reads an answer of `/api/query` with `arrays`: for each series its names, its points as `times` (ms) and `values`, and
 * what tables show: count, min, max, avg, last, time of the last point, usual distance of points.
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

/** Count, min, max, avg and last of the values that are there; `step` is the usual distance in ms. */
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
  return { count, min: count ? min : null, max: count ? max : null, avg: count ? sum / count : null, last, lastTime, step: usualStep(times) };
}

/** The middle of up to 200 distances between points. */
function usualStep(times) {
  if (times.length < 2) return null;
  const every = Math.max(1, Math.floor((times.length - 1) / 200));
  const steps = [];
  for (let i = 1; i < times.length; i += every) steps.push(times[i] - times[i - 1]);
  steps.sort((a, b) => a - b);
  return steps[steps.length >> 1];
}

/**
 * Lays series over one time axis: `{ times: Float64Array, columns: [Float64Array…] }`. Times are ascending; equal times
 * within a series keep the last value.
 */
export function align(series) {
  const axis = union(series.map(({ times }) => times));
  const columns = series.map(({ times, values }) => {
    if (times === axis || same(times, axis)) return values.slice();
    const column = new Float64Array(axis.length).fill(MISSING);
    let at = 0;
    for (let i = 0; i < times.length; i++) {
      while (axis[at] < times[i]) at++;
      column[at] = values[i];
    }
    return column;
  });
  return { times: axis.slice(), columns };
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

/** Whether there is a value. */
export const isValue = (value) => value !== null && value !== undefined;

/** Places of points that have no neighbour to be joined with: without a mark of their own they would not be seen. */
export function lonePoints(column) {
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

// ------------------------------------------------------------------ the worker

const slots = new Map();

/** What the page asks for; answers carry the same `id`. */
const calls = {
  /** Keeps the answer of one query under a name; gives all but the points. */
  read({ slot, text, shift }) {
    const { series, stats } = read(text, { shift });
    slots.set(slot, series);
    return { result: { series: series.map(({ times, values, ...rest }) => ({ ...rest, points: times.length })), stats } };
  },
  /** Columns of all series of some slots, in their order. */
  align({ slots: wanted }) {
    const { times, columns } = align(wanted.flatMap((slot) => slots.get(slot) ?? []));
    return { result: { times, columns }, transfer: [times.buffer, ...columns.map((column) => column.buffer)] };
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
