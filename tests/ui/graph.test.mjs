import assert from "node:assert/strict";
import { test } from "node:test";
import { bridged, lonePoints, stack } from "../../src/ui/lib/align.js";
import * as model from "../../src/ui/pages/graph/model.js";

const one = (metric, tags, max = 1) => ({ metric, tags, max, annotations: [], global: [] });
const query = (text, right = false) => ({ kind: "m", text, right });

test("lines are named by what sets them apart", () => {
  const got = model.lines([{ at: 0, query: query("sum:cpu{host=*}"), series: [one("cpu", { host: "a", dc: "x" }), one("cpu", { host: "b", dc: "x" })] }]);
  assert.deepEqual(got.lines.map(({ label }) => label), ["a", "b"]);
  assert.deepEqual(got.common, { dc: "x" });
  assert.deepEqual(got.keys, ["host"]);
  // A tag that goes with the one it is split by says nothing more.
  const split = { kind: "m", text: "sum:cpu{host=*}", parsed: { groups: [{ tagk: "host", filter: "*" }] } };
  const along = model.lines([{ at: 0, query: split, series: [one("cpu", { host: "a", dc: "x" }), one("cpu", { host: "b", dc: "y" })] }]);
  assert.deepEqual([along.lines.map(({ label }) => label), along.keys], [["a", "b"], ["host"]]);
  const two = model.lines([
    { at: 0, query: query("sum:cpu"), series: [one("cpu", {})] },
    { at: 1, query: query("sum:mem", true), series: [one("mem", {})] },
  ]);
  assert.deepEqual(two.lines.map(({ label, right, column }) => [label, right, column]), [["cpu", false, 0], ["mem", true, 1]]);
  const twice = model.lines([{ at: 0, query: query("sum:cpu"), series: [one("cpu", {})] }, { at: 1, query: query("max:10m-max:cpu"), series: [one("cpu", {})] }]);
  assert.deepEqual(twice.lines.map(({ label }) => label), ["cpu (sum)", "cpu (max:10m-max)"]);
});

test("a comparison has the look of its line", () => {
  const answers = [0, 1].map((past) => ({ at: 0, query: query("sum:cpu{host=*}"), past: past * 1000, series: [one("cpu", { host: "a" }), one("cpu", { host: "b" })] }));
  const { lines, total } = model.lines(answers);
  assert.equal(total, 2);
  assert.deepEqual([lines[0].color, lines[1].color], [lines[2].color, lines[3].color]);
  assert.equal(lines[2].past, 1000);
  assert.notEqual(lines[0].key, lines[2].key);
});

test("too many lines are cut to the highest, columns stay", () => {
  const series = Array.from({ length: 150 }, (_, i) => one("x", { i: String(i) }, i));
  const { lines, total } = model.lines([{ at: 0, query: query("sum:x{i=*}"), series }], { max: 100 });
  assert.equal(total, 150);
  assert.equal(lines.length, 100);
  assert.equal(lines[0].column, 50);
});

test("types and styles", () => {
  const graph = { x: {}, style: null, smooth: null };
  for (const [type] of model.TYPES) assert.equal(model.typeOf(model.withType(graph, type)), type);
  assert.equal(model.typeOf({ x: {}, style: "circles", smooth: null }), "circles");
  assert.equal(model.withType(graph, "points").style, "points");
  assert.equal(model.withType(graph, "stacked").x.type, "stacked");
});

test("notes come once", () => {
  const note = { startTime: 10, description: "d", tsuid: "01" };
  const got = model.events([{ series: [{ annotations: [note], global: [{ startTime: 5, endTime: 6, description: "g" }] }, { annotations: [note], global: [{ startTime: 5, endTime: 6, description: "g" }] }] }]);
  assert.deepEqual(got.map(({ time, end, text, global }) => [time, end, text, global]), [[5000, 6000, "g", true], [10000, null, "d", false]]);
});

test("CSV is safe in a spreadsheet", () => {
  const text = model.csv([0, 1500], [{ name: 'a "b",c' }, { name: "=cmd()" }], [[1, null], [undefined, 2.5]]);
  assert.equal(text, 'time,"a ""b"",c",\'=cmd()\r\n1970-01-01T00:00:00Z,1,\r\n1970-01-01T00:00:01.500Z,,2.5\r\n');
});

test("queries as JSON, for estimates", () => {
  assert.deepEqual(model.toJson({ kind: "m", text: "sum:x{host=*,a=b|c}{d=regexp(^e)}" }), {
    aggregator: "sum", metric: "x",
    filters: [
      { tagk: "host", type: "wildcard", filter: "*", groupBy: true }, { tagk: "a", type: "literal_or", filter: "b|c", groupBy: true },
      { tagk: "d", type: "regexp", filter: "^e", groupBy: false },
    ],
  });
  assert.deepEqual(model.toJson({ kind: "tsuid", text: "sum:0101" }), { aggregator: "sum", tsuids: ["0101"] });
  assert.equal(model.toJson({ kind: "m", text: "nonsense" }), null);
});

test("small parts", () => {
  assert.deepEqual([...model.numbers("1,3,x,0")], [0, 2]);
  assert.equal(model.fromNumbers(new Set([2, 0])), "1,3");
  assert.equal(model.shiftOf("1w"), 604800000);
  assert.equal(model.shiftOf("soon"), 0);
  assert.deepEqual(model.tagsApart([{ a: "1", b: "2" }, { a: "1" }]), { common: { a: "1" }, keys: ["b"] });
});

test("lone points are seen", () => {
  const gap = null;
  const none = undefined;
  for (const [column, want] of [
    [[1], [0]], [[1, 2], []], [[1, gap, 2], [0, 2]], [[gap, 1, gap], [1]], [[none, 1, none, 2], []], [[1, 2, gap, none, 3, none], [4]], [[], []], [[gap], []],
  ]) assert.deepEqual(lonePoints(column), want, JSON.stringify(column));
});

test("stacking", () => {
  assert.deepEqual(bridged([1, undefined, 3, null, undefined, 5]), [1, 2, 3, null, undefined, 5]);
  assert.deepEqual(stack([1, 2, null], [10, 20, 30]), [11, 22, 30]);
  assert.deepEqual(stack([1, undefined, 3], [1, 1, 1]), [2, 3, 4]);
});
