import assert from "node:assert/strict";
import { test } from "node:test";
import { GAP, MISSING, align, answer, read, summary } from "../../src/ui/lib/align.js";

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
  assert.deepEqual([got[0].count, got[0].min, got[0].max, got[0].avg, got[0].last, got[0].lastTime], [2, 1, 2.5, 1.75, 2.5, 1356998403000]);
  assert.deepEqual([...got[1].values], [7, GAP]);
  assert.equal(got[1].annotations.length, 1);
  assert.equal(stats.queryTime, 3);
  assert.deepEqual(read("[]").series, []);
});

test("an empty series has no numbers", () => {
  assert.deepEqual(summary(new Float64Array(0), new Float64Array(0)), { count: 0, min: null, max: null, avg: null, last: null, lastTime: null, step: null });
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
      const back = [...times].map((t, i) => [t, columns[at][i]]).filter(([, v]) => v !== MISSING);
      assert.deepEqual(back, [...one.times].map((t, i) => [t, one.values[i]]));
    });
  }
});

test("the worker's calls", () => {
  const text = JSON.stringify([{ metric: "a", tags: {}, dps: [[1, 1], [2, 2]] }]);
  assert.equal(answer({ call: "read", slot: "s", text, shift: 0 }).result.series[0].points, 2);
  assert.deepEqual([...answer({ call: "align", slots: ["s", "gone"] }).result.times], [1000, 2000]);
  assert.match(answer({ call: "read", slot: "t", text: "<html>", shift: 0 }).error, /not what a TSD sends/);
  answer({ call: "drop", slots: ["s"] });
  assert.equal(answer({ call: "align", slots: ["s"] }).result.columns.length, 0);
});
