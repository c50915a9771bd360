import assert from "node:assert/strict";
import { test } from "node:test";
import * as query from "../../src/ui/lib/query.js";

test("expressions read and written", () => {
  for (const text of [
    "sum:x", "sum:10m-avg:x", "sum:10m-avg-none:x", "sum:10m-avg-nan:rate:x{host=*}", "sum:rate{counter,4294967295,100}:x{a=1,b=2}",
    "sum:rate{dropcounter}:x", "sum:rate{counter}:x", "max:1h-max-none:net.bytes{host=db1}{iface=literal_or(eth0|eth1)}", "sum:x{}{host=regexp(web\\d,?)}",
    "sum:0all-sum:x", "sum:1dc-sum:x", "sum:explicit_tags:x{a=b}", "sum:percentiles[99.9,95]:lat", "sum:rollup_raw:x", "none:pre-agg:x",
  ]) {
    const parts = query.parse(text);
    assert.equal(parts.error, undefined, `${text}: ${parts.error}`);
    assert.equal(query.build(parts), text);
  }
  assert.equal(query.build(query.parse("sum:x{b=2,a=1}")), "sum:x{a=1,b=2}");
  assert.equal(query.build(query.parse("sum:rate:10m-avg:x")), "sum:10m-avg:rate:x");
});

test("what is wrong is said", () => {
  for (const [text, words] of [
    ["", "no metric"], ["x", "aggregator:metric"], ["sum:", "no metric"], ["sum:x{host}", "name=value"], ["sum:x{host=a", "not closed"], ["sum:foo:x", "neither"],
    ["sum:rate{x}:y", "rate{counter"], ["su m:x", "no aggregator"], ["sum:x{a=b}c", "behind"], ["sum:x{a=1}{b=2}{c=3}", "more than two"], ["sum:x}", "without its {"],
  ]) assert.match(query.parse(text).error ?? "none", new RegExp(words.replace(/[{}]/g, "\\$&")), text);
});

test("names with markup are names", () => {
  const parts = query.parse("sum:<img src=x onerror=alert(1)>{host=<b>}");
  assert.equal(parts.metric, "<img src=x onerror=alert(1)>");
  assert.equal(query.build(parts), "sum:<img src=x onerror=alert(1)>{host=<b>}");
});

test("tsuids", () => {
  assert.deepEqual(query.parse("sum:10m-avg:0000A1,0000B2", "tsuid").tsuids, ["0000A1", "0000B2"]);
  assert.ok(query.parse("sum:xyz", "tsuid").error);
});

test("intervals fit the picture", () => {
  const hour = 3600e3;
  for (const [span, points, want] of [[hour, 1200, "5s"], [24 * hour, 1200, "2m"], [7 * 24 * hour, 1200, "10m"], [365 * 24 * hour, 1200, "12h"], [hour, 2400, "2s"]]) {
    assert.equal(query.interval(span, points), want);
    const seconds = { s: 1, m: 60, h: 3600, d: 86400 };
    assert.ok(span / 1000 / (Number.parseInt(want) * seconds[want.at(-1)]) <= points);
  }
  assert.deepEqual(query.literals("a|b"), ["a", "b"]);
  assert.deepEqual(query.literals("literal_or(a)"), ["a"]);
  assert.equal(query.literals("web*"), null);
  assert.equal(query.downsampleFunction({ agg: "mimmax" }), "max");
});
