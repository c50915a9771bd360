import assert from "node:assert/strict";
import { test } from "node:test";
import { bridged, lonePoints, stack } from "../../src/ui/lib/align.js";
import { ofSeries, read } from "../../src/ui/lib/drag.js";
import { parse } from "../../src/ui/lib/query.js";
import { change } from "../../src/ui/pages/graph/changes.js";
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

test("notes are filtered by words, by their fields, by tags of their series", () => {
  const note = { text: "switch replaced", notes: "by nora", custom: { type: "works", room: "north hall" }, tags: { host: "web01" } };
  for (const [filter, fits] of [
    ["", true], ["switch", true], ["SWITCH nora", true], ["switch deploy", false], ["hall", true], ["type=works", true], ["type=deploy", false], ["type=deploy|works", true],
    ["host=web*", true], ["host=db*", false], ["host=web01 type=works", true], ["host=web01 type=deploy", false], ['room="north hall"', true], ["room=north", false],
    ["dc=lga", false], ["host=web.1", false], ["=x", false], ["host=", false], ["type=[", false],
  ]) assert.equal(model.noteFits(filter, note), fits, filter);
});

test("types of notes, the most frequent first", () => {
  const of = (type) => ({ custom: type ? { type } : {} });
  assert.deepEqual(model.noteTypes([of("b"), of("a"), of("c"), of("c"), of(null)]), [["c", 2], ["a", 1], ["b", 1]]);
});

test("a marked span is two instants in order", () => {
  for (const [mark, span] of [["1000,2000", { from: 1000, to: 2000 }], ["2000,1000", null], ["5,5", null], ["a,b", null], [undefined, null], ["", null], ["1,2,3", null]]) assert.deepEqual(model.markOf({ x: { mark } }), span, mark);
});

test("an estimate counts lines: one without grouping", () => {
  const of = (text) => model.drawnSeries({ parsed: parse(text) }, { series: 500 });
  assert.deepEqual(["sum:x", "none:x", "sum:x{host=*}", "sum:x{host=a}", "sum:x{host=a|b}", "sum:x{}{host=*}"].map(of), [1, 500, 500, 1, 500, 1]);
});

test("what changed: how far apart values lie, and by how much for what was usual", () => {
  const span = { from: 100_000, to: 120_000 };
  const of = (value) => change(Array.from({ length: 121 }, (_, n) => [n * 1000, value(n)]).filter(([, one]) => one !== null), span, 1000);
  const noise = (n) => Math.sin(n * 12.9898) * 0.5;
  const inside = (n) => n >= 100;
  assert.ok(of((n) => 5 + noise(n)).score < 0.3, "noise");
  assert.equal(of(() => 5).score, 0, "nothing at all");
  assert.ok(of((n) => (inside(n) ? 5.001 : 5)).score < 0.05, "a hair");
  assert.ok(of((n) => (inside(n) ? 10 : 5) + noise(n)).score > 0.7, "twice");
  const idle = of((n) => (inside(n) ? 1 : 0));
  assert.ok(idle.score > 0.9 && idle.before === 0 && idle.during === 1, "from nothing");
  // A counter always moves: its rate says whether something changed.
  const steady = of((n) => n * 10);
  assert.ok(steady.counter && steady.score < 0.01, JSON.stringify(steady));
  const faster = of((n) => (inside(n) ? 1000 + (n - 100) * 30 : n * 10));
  assert.ok(faster.counter && faster.score > 0.7 && Math.round(faster.before) === 10, JSON.stringify(faster));
  assert.equal(of((n) => (inside(n) ? 3 + noise(n) : null)).news, "came");
  assert.equal(of((n) => (inside(n) ? null : 3 + noise(n))).news, "ended");
  assert.equal(of((n) => (n % 60 === 0 ? n : null)), null, "too few points");
  assert.ok(of((n) => (inside(n) ? -10 : 10) + noise(n)).score > 0.8, "below nothing");
});

test("queries that are dragged", () => {
  assert.deepEqual(ofSeries({ metric: "cpu", tags: { host: "a", cpu: "0" }, tsuid: "01" }), { kind: "m", text: "sum:cpu{cpu=0,host=a}" });
  assert.deepEqual(ofSeries({ metric: "cpu", tags: { host: "a" } }, { kind: "dropcounter" }), { kind: "m", text: "sum:rate{dropcounter}:cpu{host=a}" });
  assert.deepEqual(ofSeries({ metric: "cpu", tags: { host: "a|b" }, tsuid: "01" }, { kind: "plain" }), { kind: "tsuid", text: "sum:rate:01" });
  assert.deepEqual(ofSeries({ metric: "cpu", tags: {}, tsuid: "01" }), { kind: "m", text: "sum:cpu" });
  assert.deepEqual(ofSeries({ metric: "cpu", tags: { host: "a|b" }, tsuid: "0102" }), { kind: "tsuid", text: "sum:0102" });
  for (const data of ["", "{}", "[]", "null", '{"kind":"m","text":""}', '{"kind":"x","text":"sum:a"}', '{"kind":"m","text":5}', '{"kind":"m","text":"nothing"}']) assert.equal(read(data), null, data);
  assert.deepEqual(read('{"kind":"m","text":"sum:a{host=*}","more":1}'), { kind: "m", text: "sum:a{host=*}" });
});

test("what is said of queries by their number goes along with them", () => {
  const graph = { queries: ["a", "b", "c"], x: { hide: "1,3", raw: "2", shift: "1w" } };
  assert.deepEqual(model.without(graph, 0), { queries: ["b", "c"], x: { hide: "2", raw: "1", shift: "1w" } });
  assert.deepEqual(model.without(graph, 1), { queries: ["a", "c"], x: { hide: "1,2", raw: null, shift: "1w" } });
  assert.deepEqual(model.swapped(graph, 0, 1), { queries: ["b", "a", "c"], x: { hide: "2,3", raw: "1", shift: "1w" } });
});
