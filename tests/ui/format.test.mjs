import assert from "node:assert/strict";
import { test } from "node:test";
import * as format from "../../src/ui/lib/format.js";
import { LINES, LOOKS, looks } from "../../src/ui/lib/palette.js";

test("short numbers", () => {
  for (const [number, want] of [
    [0, "0"], [1, "1"], [0.1 + 0.2, "0.3"], [12.345, "12.3"], [999, "999"], [1000, "1k"], [1234, "1.23k"], [999_999, "1M"], [1.5e9, "1.5G"], [-2500, "−2.5k"],
    [0.00123, "0.00123"], [1.2e-5, "12µ"], [NaN, "–"], [null, "–"], [Infinity, "∞"], [1e300, "1.00e300"], [4.2e-12, "4.20e−12"],
  ]) assert.equal(format.short(number), want, String(number));
});

test("exact numbers", () => {
  for (const [number, want] of [[1234567, "1\u202f234\u202f567"], [0.1 + 0.2, "0.3"], [-1000.5, "−1\u202f000.5"], [9007199254740991, "9.0072e15"], [123456.789, "123\u202f456.8"]]) assert.equal(format.value(number), want);
  assert.equal(format.count(12345), "12\u202f345");
  assert.equal(format.many(1, "series", "series"), "1 series");
  assert.equal(format.bytes(1536), "1.5 KiB");
  assert.equal(format.middle("abcdefghij", 5), "ab…ij");
});

test("gnuplot's formats", () => {
  const check = (pattern, number, want) => assert.equal(format.gnuplot(pattern)(number), want, pattern);
  check("%.1s%c", 1500, "1.5k");
  check("%.2f", 3.14159, "3.14");
  check("%s%c", 1.5e9, "1.5G");
  check("%.0f%%", 42, "42%");
  check("%5d|", 42, "   42|");
  check("%.1e", 1500, "1.5e+03");
  check("%g ms", 0.25, "0.25 ms");
  check("%.1s%cB", 0.002, "2.0mB");
  for (const bad of ["", "no percent", "%", "%n", "%s%"]) assert.equal(format.gnuplot(bad), null, bad);
});

test("a series keeps its look while the set is the same", () => {
  const keys = Array.from({ length: 20 }, (_, i) => `host=web${i}`);
  const first = looks(keys);
  const turned = looks([...keys].reverse()).reverse();
  assert.deepEqual(first, turned);
  assert.equal(new Set(first.map(({ color, dash }) => `${color} ${dash}`)).size, 20);
  assert.ok(first.slice(0, 20).every(({ faint }) => !faint));
  assert.equal(looks(Array.from({ length: 100 }, (_, i) => `k${i}`)).filter(({ faint }) => !faint).length, LOOKS);
  // A colour that is kept for something else is nobody's, and the others keep theirs where they can.
  const kept = looks(keys, [], 6);
  assert.ok(kept.every(({ color }) => color !== 6));
  assert.equal(new Set(kept.map(({ color, dash }) => `${color} ${dash}`)).size, 20);
  assert.deepEqual(looks(["x", "y"], [], 6), looks(["x", "y"]));
  assert.deepEqual(looks(["a"]), [{ color: 0, dash: undefined, faint: false }]);
  assert.equal(LINES.light.length, LINES.dark.length);
});
