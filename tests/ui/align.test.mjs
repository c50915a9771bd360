import assert from "node:assert/strict";
import { test } from "node:test";
import { GAP, MISSING, align, answer, median, opened, read, summary } from "../../src/ui/lib/align.js";

const series = (times, values) => ({ times: Float64Array.from(times), values: Float64Array.from(values) });

test("answers in both forms, seconds and milliseconds, fills and infinities", () => {
  const text = JSON.stringify([
    { metric: "a", tags: { host: "x" }, aggregateTags: ["cpu"], tsuids: ["01"], dps: [[1356998400, 1], [1356998401500, "NaN"], [1356998402, 2.5]] },
    { metric: "b", tags: {}, aggregateTags: [], dps: { 1356998400: 7, 1356998410: "Infinity" }, annotations: [{ startTime: 1 }] },
    { statsSummary: { queryTime: 3 } },
  ]);
  const { series: got, stats } = read(text, { shift: 1000 });
  assert.deepEqual([...got[0].times], [1356998401000, 1356998402500, 1356998403000]);
  assert.deepEqual([...got[0].values], [1, GAP, 2.5]);
  assert.deepEqual([got[0].count, got[0].min, got[0].max, got[0].avg, got[0].median, got[0].last, got[0].lastTime], [2, 1, 2.5, 1.75, 1.75, 2.5, 1356998403000]);
  assert.deepEqual([...got[1].values], [7, GAP]);
  assert.equal(got[1].annotations.length, 1);
  assert.equal(stats.queryTime, 3);
  assert.deepEqual(read("[]").series, []);
});

test("an empty series has no numbers", () => {
  assert.deepEqual(summary(new Float64Array(0), new Float64Array(0)), { count: 0, min: null, max: null, avg: null, median: null, last: null, lastTime: null, step: null });
});

test("one axis for all", () => {
  const got = align([series([1, 2, 3], [1, 2, 3]), series([2, 4], [5, GAP]), series([], []), series([1, 2, 3], [7, 8, 9])]);
  assert.deepEqual([...got.times], [1, 2, 3, 4]);
  assert.deepEqual([...got.columns[0]], [1, 2, 3, MISSING]);
  assert.deepEqual([...got.columns[1]], [MISSING, 5, MISSING, GAP]);
  assert.deepEqual([...got.columns[2]], [MISSING, MISSING, MISSING, MISSING]);
  assert.deepEqual([...got.columns[3]], [7, 8, 9, MISSING]);
  assert.deepEqual(align([]).columns, []);
});

test("random series come back from their columns", () => {
  let seed = 7;
  const random = () => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) / 0x7fffffff;
  for (let round = 0; round < 50; round++) {
    const list = Array.from({ length: 1 + Math.floor(random() * 6) }, () => {
      const times = [...new Set(Array.from({ length: Math.floor(random() * 40) }, () => Math.floor(random() * 60)))].sort((a, b) => a - b);
      return series(times, times.map(() => (random() < 0.1 ? GAP : random())));
    });
    const { times, columns } = align(list);
    assert.ok(times.every((t, i) => i === 0 || t > times[i - 1]));
    list.forEach((one, at) => {
      // A gap may be one of the series or one that was put between points that are far apart.
      const back = [...times].map((t, i) => [t, columns[at][i]]).filter(([, v]) => v !== MISSING && v === v);
      assert.deepEqual(back, [...one.times].map((t, i) => [t, one.values[i]]).filter(([, v]) => v === v));
    });
  }
});

// The same cases as those of src/plot/gaps.rs: pages and pictures have one rule.
test("a line ends where points are missing", () => {
  const pieces = (times) => 1 + opened(series(times, times.map(() => 1))).values.filter((v) => v !== v).length;
  const minutes = (from, to) => Array.from({ length: to - from }, (_, n) => (from + n) * 60_000);
  assert.equal(pieces(minutes(0, 60)), 1);
  assert.equal(pieces([...minutes(0, 20), ...minutes(22, 60)]), 1);
  assert.equal(pieces([...minutes(0, 20), ...minutes(23, 60)]), 2);
  assert.equal(pieces([...minutes(0, 20), ...minutes(30, 40), ...minutes(50, 60)]), 3);
  assert.equal(pieces(Array.from({ length: 3010 }, (_, n) => (n < 3000 ? n * 10_000 : 86_400_000 + (n - 3000) * 10_000))), 2);
  for (const few of [[], [5], [1, 2, 1000]]) assert.equal(pieces(few), 1);
  let at = 0;
  assert.equal(pieces(Array.from({ length: 200 }, (_, n) => (at += 1000 + ((n * n * 7919) % 60_000)))), 1, "points that come as they please");
  assert.equal(pieces(Array.from({ length: 500 }, (_, n) => Math.floor(n / 5) * 3_600_000 + (n % 5) * 10_000)), 1, "bursts of five an hour");
});

test("gaps are gaps on a shared axis, and rows that are there for them alone are told", () => {
  const every = Array.from({ length: 20 }, (_, n) => n * 10);
  const holed = every.filter((t) => t < 50 || t > 120);
  const alone = align([series(holed, holed)]);
  assert.deepEqual(alone.added.map((at) => alone.times[at]), [50]);
  assert.ok(Number.isNaN(alone.columns[0][alone.added[0]]));
  const both = align([series(every, every), series(holed, holed)]);
  assert.deepEqual([[...both.times], both.added], [every, []]);
  // The gap lasts as long as the points of the other series go on in it: one place of it would be no end of the line.
  assert.deepEqual([...both.columns[1]].slice(4, 14), [40, ...new Array(8).fill(GAP), 130]);
  assert.deepEqual([...both.columns[0]], every);
});

test("the worker's calls", () => {
  const text = JSON.stringify([{ metric: "a", tags: {}, dps: [[1, 1], [2, 2]] }]);
  assert.equal(answer({ call: "read", slot: "s", text, shift: 0 }).result.series[0].points, 2);
  assert.deepEqual([...answer({ call: "align", slots: ["s", "gone"] }).result.times], [1000, 2000]);
  assert.equal(answer({ call: "read", slot: "s", text: new TextEncoder().encode(text).buffer, shift: 0 }).result.series[0].points, 2);
  assert.match(answer({ call: "read", slot: "t", text: "<html>", shift: 0 }).error, /not what a TSD sends/);
  answer({ call: "drop", slots: ["s"] });
  assert.equal(answer({ call: "align", slots: ["s"] }).result.columns.length, 0);
});

test("the median is the middle, whatever the order and however often a value comes", () => {
  const of = (...values) => median(Float64Array.from(values));
  assert.deepEqual([of(), of(7), of(2, 1), of(3, 1, 2), of(1, 1, 1, 9), of(5, 4, 3, 2, 1, 0)], [null, 7, 1.5, 2, 1, 2.5]);
  for (let n = 1; n < 200; n++) {
    const values = Float64Array.from({ length: n }, (_, i) => (i * 7919) % 31);
    const sorted = values.slice().sort();
    assert.equal(median(values), (sorted[(n - 1) >> 1] + sorted[n >> 1]) / 2);
  }
});
