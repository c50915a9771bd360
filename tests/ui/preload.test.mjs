// What is asked for early is what is needed: a module that is missing there is found late, one too many costs a request.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { test } from "node:test";

const UI = new URL("../../src/ui/", import.meta.url).pathname;
const source = (name) => readFileSync(join(UI, name), "utf8");

/** A module and all that it imports at once. */
function closure(name, seen = new Set()) {
  if (seen.has(name)) return seen;
  seen.add(name);
  for (const [, path] of source(name).matchAll(/^import (?:[^"]*? from )?"([^"]+)";/gm)) closure(normalize(join(dirname(name), path)), seen);
  return seen;
}
const sorted = (names) => [...names].sort();

test("index.html names the modules of the frame", () => {
  const named = [...source("index.html").matchAll(/"modulepreload" href="\{base\}([^"]+)"/g)].map(([, name]) => name);
  assert.deepEqual(sorted(["app.js", ...named]), sorted(closure("app.js")));
});

test("boot.js names what the page Graph needs besides", () => {
  const frame = closure("app.js");
  const needed = [...closure("pages/graph.js")].filter((name) => !frame.has(name) && name !== "pages/graph.js");
  const styles = [...source("pages/graph.js").matchAll(/ctx\.style\("([^"]+)"\)/g)].map(([, name]) => name);
  const named = /const graph = (\[[^\]]*\]);/.exec(source("boot.js"))[1];
  assert.deepEqual(sorted(JSON.parse(named)), sorted([...needed, ...styles]));
});

test("boot.js names what draws, for links that have something to draw, and asks before it waits for the browser's storage", () => {
  const there = new Set([...closure("app.js"), ...closure("pages/graph.js")]);
  const needed = [...closure("pages/graph/picture.js"), ...closure("pages/graph/panel.js")].filter((name) => !there.has(name));
  const boot = source("boot.js");
  assert.deepEqual(sorted(JSON.parse(/const picture = (\[[^\]]*\]);/.exec(boot)[1])), sorted(new Set(needed)));
  assert.ok(boot.indexOf("append(link)") < boot.indexOf("localStorage"));
});
