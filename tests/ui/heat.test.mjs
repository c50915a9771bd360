import assert from "node:assert/strict";
import { test } from "node:test";
import { heatOf, rangeOf } from "../../src/ui/lib/align.js";
import { shade } from "../../src/ui/lib/palette.js";
import * as query from "../../src/ui/lib/query.js";
import * as model from "../../src/ui/pages/graph/model.js";

test("ranges are read from names of series", () => {
  assert.deepEqual(rangeOf("a_b_0.0_1.75"), { metric: "a_b", low: 0, high: 1.75 });
  assert.deepEqual(rangeOf("m_1.0E10_2.5E10"), { metric: "m", low: 1e10, high: 2.5e10 });
  assert.deepEqual(rangeOf("m_-5.0_-1.0"), { metric: "m", low: -5, high: -1 });
  assert.deepEqual(rangeOf("m_OVERFLOW"), { metric: "m", low: null, high: null });
  for (const other of ["m", "m_pct_99.9", "m_2_1", "m_a_b"]) assert.equal(rangeOf(other), null, other);
});

test("a heat map: ranges in order, equal ones added up, times without counts left out", () => {
  const map = heatOf([0, 10, 15, 20], [[10, 50], [0, 10], [10, 50]], [[1, 2, undefined, 0], [4, null, undefined, 9], [1, 1, undefined, 1]]);
  assert.deepEqual(map, { times: [0, 10, 20], step: 10, buckets: [[0, 10], [10, 50]], counts: [[4, 0, 9], [2, 3, 1]], most: 9 });
  assert.equal(heatOf([0], [[0, 1]], [[0]]), null);
  assert.equal(heatOf([], [], []), null);
  assert.equal(shade("light", 0), "rgb(227 238 249)");
  assert.notEqual(shade("dark", 1), shade("dark", 0.5));
});

test("an expression becomes one for histograms and back; histograms know sums alone", () => {
  const points = query.parse("avg:1m-max:rate:lat{host=*}{dc=a}");
  const ranges = query.build(query.forHistograms(points, "show-histogram-buckets"));
  assert.equal(ranges, "sum:show-histogram-buckets:lat{host=*}{dc=a}");
  const read = query.parse(ranges);
  assert.ok(query.asksRanges(read) && query.asksHistograms(read));
  assert.equal(query.downsampleFunction(read), "sum");
  const percentiles = query.forHistograms(read, "percentiles[50,99]");
  assert.equal(query.build(percentiles), "sum:percentiles[50,99]:lat{host=*}{dc=a}");
  assert.ok(!query.asksRanges(percentiles) && query.asksHistograms(percentiles));
  assert.equal(query.build(query.forHistograms(percentiles, null)), "sum:lat{host=*}{dc=a}");
});

test("ranges are a heat map, everything else lines; columns stay in the order of answers", () => {
  const of = (text) => ({ kind: "m", text, parsed: query.parse(text) });
  const one = (metric) => ({ metric, tags: {}, aggregateTags: [], tsuids: [], max: 1 });
  const answers = [
    { at: 0, query: of("sum:show-histogram-buckets:lat"), past: 0, series: ["lat_UNDERFLOW", "lat_10.0_50.0", "lat_0.0_10.0", "lat_OVERFLOW"].map(one) },
    { at: 1, query: of("sum:percentiles[99]:lat"), past: 0, series: [one("lat_pct_99.0")] },
  ];
  const { lines } = model.lines(answers);
  assert.deepEqual(lines.map(({ name, column }) => [name, column]), [["lat_pct_99.0", 4]]);
  const map = model.heat(answers, [0, 1], [[9, 9], [1, 2], [3, 4], [9, 9], [7, 7]]);
  assert.deepEqual([map.buckets, map.counts, map.rows.map(({ column }) => column)], [[[0, 10], [10, 50]], [[3, 4], [1, 2]], [2, 1]]);
  assert.equal(model.heat(answers.slice(1), [0], [[1]]), null);
  // A metric whose name ends like a range is a line where no ranges are asked for.
  assert.equal(model.lines([{ at: 0, query: of("sum:lat_1_2"), past: 0, series: [one("lat_1_2")] }]).lines.length, 1);
});
