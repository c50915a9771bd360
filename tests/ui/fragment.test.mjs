import assert from "node:assert/strict";
import { test } from "node:test";
import { Params, join, legend, parse, range, readGraph, size, writeGraph } from "../../src/ui/lib/fragment.js";

const graph = (hash) => readGraph(parse(hash).params);

/** Links of wikis and tickets, and what the page must make of them. */
const LINKS = [
  ["#start=1h-ago&m=sum:proc.loadavg.1min", { start: "1h-ago", q: [["sum", "proc.loadavg.1min", [], false]] }],
  ["#start=1h-ago&m=sum:proc.loadavg.1min{host=*}&o=", { q: [["sum", "proc.loadavg.1min", ["host=*"], false]] }],
  ["#start=1d-ago&end=2h-ago&m=avg:sys.cpu.user{host=web01|web02}&o=", { end: "2h-ago", q: [["avg", "sys.cpu.user", ["host=web01|web02"], false]] }],
  ["#start=2013/04/10-17:22:55&m=sum:10m-avg:rate:tsd.rpc.received{type=*}&o=", { start: "2013/04/10-17:22:55", rate: "plain", ds: "10m" }],
  ["#start=2019/06/01-00:00:00&end=2019/06/08-00:00:00&m=none:car.data&o=&yrange=[0:]&wxh=800x600&style=linespoint", { yrange: "[0:]", wxh: "800x600", style: "linespoint" }],
  ["#start=10m-ago&m=sum:df.inodes.free&autoreload=15", { autoreload: "15" }],
  ["#start=5m-ago&m=sum:sys.cpu%7Bcpu=*,type=combined%7D&o=&yrange=%5B0:%5D&key=out%20right%20top%20box&wxh=1500x300&autoreload=15", { yrange: "[0:]", key: "out right top box", q: [["sum", "sys.cpu", ["cpu=*", "type=combined"], false]] }],
  ["#start=24h-ago&m=sum:temp{node=924}&o=axis%20x1y2&m=sum:batt{node=923}&o=&yrange=[2000:3100]&key=out%20bottom%20center&wxh=400x300", { q: [["sum", "temp", ["node=924"], true], ["sum", "batt", ["node=923"], false]] }],
  ["#start=36h-ago&m=sum:co2&o=&m=sum:temp&o=axis+x1y2", { q: [["sum", "co2", [], false], ["sum", "temp", [], true]] }],
  ["#start=1h-ago&m=sum:a&m=sum:b&o=&o=axis x1y2", { q: [["sum", "a", [], false], ["sum", "b", [], true]] }],
  ["#start=1h-ago&m=sum:a&m=sum:b", { q: [["sum", "a", [], false], ["sum", "b", [], false]] }],
  ["#start=1w-ago&m=max:1h-max-none:net.bytes{host=db1}{iface=literal_or(eth0|eth1)}&o=", { ds: "1h", filters: ["iface=literal_or(eth0|eth1)"] }],
  ["#start=6h-ago&m=sum:rate{counter,4294967295,100}:if.in{host=r1}&o=", { rate: "counter", max: "4294967295", reset: "100" }],
  ["#start=6h-ago&m=sum:rate{dropcounter}:if.in{host=r1}&o=", { rate: "dropcounter" }],
  ["#start=1d-ago&m=sum:10m-avg:rate:x{h=*}&o=&m=sum:10m-avg:rate:y{h=*}&o=axis x1y2&yrange=[1:]&y2range=[1:]&ylog&y2log", { ylog: true, y2log: true, y2range: "[1:]" }],
  ["#start=1d-ago&m=p99:lat&o=&ylabel=ms&yformat=%25.1s%25c", { ylabel: "ms", yformat: "%.1s%c" }],
  ["#start=1d-ago&m=sum:x&o=&nokey&smooth=csplines&wxh=1420x640", { nokey: true, smooth: "csplines" }],
  ["#start=1d-ago&m=sum:x&o=&key=top left horiz box&style=points", { key: "top left horiz box", style: "points" }],
  ["#start=1d-ago&tz=Asia/Shanghai&m=sum:x&o=", { tz: "Asia/Shanghai" }],
  ["#start=1d-ago&m=sum:x&o=&global_annotations", { globalAnnotations: true }],
  ["#start=1d-ago&m=sum:x&o=&no_annotations=true", { noAnnotations: true }],
  ["#start=1356998400&end=1357084800&m=sum:x", { start: "1356998400", end: "1357084800" }],
  ["#start=1h-ago&m=sum:sys.cpu%257Bhost=*%257D&o=&yrange=%255B0:%255D", { yrange: "[0:]", q: [["sum", "sys.cpu", ["host=*"], false]] }],
  ["#start=08:00&end=10:00&m=sum:x", { start: "08:00", end: "10:00" }],
];

test("links say what they show", () => {
  for (const [link, want] of LINKS) {
    const got = graph(link);
    assert.deepEqual(got.problems, [], link);
    for (const [name, value] of Object.entries(want)) {
      const first = got.queries[0].parsed;
      if (name === "q") assert.deepEqual(got.queries.map(({ parsed, right }) => [parsed.agg, parsed.metric, parsed.groups.map((t) => `${t.tagk}=${t.filter}`), right]), value, link);
      else if (name === "rate") assert.equal(first.rate.kind, value, link);
      else if (name === "ds") assert.equal(first.downsample.interval, value, link);
      else if (name === "max" || name === "reset") assert.equal(first.rate[name], value, link);
      else if (name === "filters") assert.deepEqual(first.filters.map((t) => `${t.tagk}=${t.filter}`), value, link);
      else assert.equal(got[name], value, `${link}: ${name}`);
    }
  }
});

test("a link that was read is written so that it reads the same, plain and encoded", () => {
  for (const [link] of LINKS) {
    const read = graph(link);
    const written = join({ page: "graph", params: writeGraph(read) });
    assert.deepEqual(graph(written), read, written);
    const encoded = `#${link.slice(1).replace(/[{}[\]|, ]/g, (c) => encodeURIComponent(c))}`;
    assert.deepEqual(graph(encoded), read, encoded);
  }
});

test("series by their TSUID come first, as in /q", () => {
  const got = graph("#start=1h-ago&m=sum:x&tsuid=sum:000001000001000001&o=axis x1y2&o=");
  assert.deepEqual(got.queries.map(({ kind, right }) => [kind, right]), [["tsuid", true], ["m", false]]);
  assert.deepEqual(got.queries[0].parsed.tsuids, ["000001000001000001"]);
  const again = graph(join({ page: "graph", params: writeGraph(got) }));
  assert.deepEqual(again, got);
});

test("nothing is dropped", () => {
  const got = graph("#start=1h-ago&m=what is this&o=&new.thing=a%26b&x.shift=1w&flag&title=x");
  assert.ok(got.queries[0].error);
  assert.equal(got.queries[0].text, "what is this");
  assert.deepEqual(got.others, [["new.thing", "a&b"], ["flag", ""], ["title", "x"]]);
  assert.equal(got.x.shift, "1w");
  const text = join({ page: "graph", params: writeGraph(got) });
  assert.equal(text, "#start=1h-ago&m=what%20is%20this&o=&x.shift=1w&new.thing=a%26b&flag&title=x");
});

test("what cannot be followed is named and kept", () => {
  const got = graph("#start=1h-ago&m=sum:x&o=axis x2y9&yrange=[5:1]&key=everywhere&style=fancy&wxh=5x5");
  assert.deepEqual(got.problems.map(({ name }) => name).sort(), ["key", "o", "style", "wxh", "yrange"]);
  const back = writeGraph(got);
  assert.deepEqual([back.get("key"), back.get("style"), back.get("wxh"), back.get("yrange"), back.get("o")], ["everywhere", "fancy", "5x5", "[5:1]", "axis x2y9"]);
});

test("order of OpenTSDB's page", () => {
  const got = graph("#autoreload=15&style=points&m=sum:b&ylog&end=1h-ago&o=&tz=UTC&start=2h-ago&key=top left&yrange=[0:]&ylabel=y");
  assert.equal(writeGraph(got).list.map(([name]) => name).join(" "), "start end tz m o ylabel yrange ylog key style autoreload");
});

test("repeated names: the first counts, but for lists", () => {
  assert.equal(graph("#start=1h-ago&start=2h-ago&m=sum:a").start, "1h-ago");
});

test("pages", () => {
  assert.deepEqual({ ...parse("#/screens/db%2Fone?start=1h-ago&v.host=a%26b"), params: null }, { page: "screens", id: "db/one", params: null });
  assert.equal(parse("#/explore").page, "explore");
  assert.equal(parse("").page, "graph");
  assert.equal(join({ page: "screens", id: "a?b", params: { x: "1 2", y: ["a", "b"] } }), "#/screens/a%3Fb?x=1%202&y=a&y=b");
  const params = new Params([["a", "1"], ["m", "x"], ["m", "y"]]);
  assert.deepEqual(params.clone().set("m", ["z"]).set("a", null).set("b", 2).list, [["m", "z"], ["b", "2"]]);
});

test("small texts", () => {
  assert.deepEqual(range("[0:]"), { min: 0, max: null });
  assert.deepEqual(range("[-1.5:1e6]"), { min: -1.5, max: 1e6 });
  assert.deepEqual(range("[*:*]"), { min: null, max: null });
  assert.deepEqual(range("[:]"), { min: null, max: null });
  for (const bad of ["0:1", "[1:0]", "[a:b]", "[1:1]", "[0:1];system", "[`x`:]"]) assert.equal(range(bad), null, bad);
  assert.deepEqual(size("800x600"), { width: 800, height: 600 });
  for (const bad of ["99x100", "800", "800x", "99999x100"]) assert.equal(size(bad), null, bad);
  assert.deepEqual(legend("out right top box"), { place: "out right top", horiz: false, box: true });
  assert.deepEqual(legend("right top"), { place: "top right", horiz: false, box: false });
  assert.equal(legend("nowhere"), null);
});

test("malformed escapes stay text", () => {
  assert.equal(parse("#ylabel=100%&m=sum:x%ZZ").params.get("ylabel"), "100%");
  assert.equal(parse("#ylabel=%FF%E4%BD%A0").params.get("ylabel"), "%FF%E4%BD%A0");
});
