/**
 * The frame: the bar, the router, the clock that reloads, and what pages get.
 *
 * ## Pages
 *
 * A page is a module `pages/NAME.js`; it is in the bar when its file is there. It exports
 *
 * - `title`: the name of the page, for the window;
 * - `range` (optional): `false` hides the time range;
 * - `async mount(root, ctx)`: fills `root` (an empty element) and returns an object with
 *   - `update(route)`: the address changed, by the page itself (`ctx.set`), by the bar, or by back and forward;
 *   - `refresh()` (optional): load again: key `r`, the clock, going on after a pause. May return a promise: the next
 *     automatic reload is counted from its end, so requests never pile up;
 *   - `title()` (optional): a better title for the window;
 *   - `unmount()`: stop requests, timers and listeners. The element is thrown away.
 *
 * All state that a person would want to share is in the address: `#start=…&m=…` is the Graph (OpenTSDB's form, see
 * `lib/fragment.js`), `#/NAME/ID?a=1&b=2` are the others. `start`, `end`, `tz` and `autoreload` mean the same on every page.
 *
 * ## What a page gets: `ctx`
 *
 * | member | what it is |
 * | --- | --- |
 * | `route` | `{ page, id, params }` now; `params` is a `Params` of `lib/fragment.js` |
 * | `set(changes, { push })` | changes parameters of this page: `{ name: value, other: null }`; lists repeat a name. `push: true` (default) adds to the history, for what a person did on purpose; `false` replaces |
 * | `go(page, { id, params, push })` | to another page. `params`: an object or `Params`; the range comes along unless it is in there, the zone in any case |
 * | `href(page, { id, params })` | the same as an address for a link |
 * | `time` | the range: `lib/range.js`, `Range`: `bounds()`, `zone`, `paused`, `show(from, to)`, `on(listener)` … |
 * | `back(all)`, `zoomed()` | undoes the last zoom, or all; false if there is none. Whether there is one |
 * | `api` | `lib/api.js`: `get`, `post`, `put`, `del`, `metrics`, `address`, `ApiError` |
 * | `keys` | `lib/keys.js`: `add([{ keys, help, group, run }])` returns what removes them; remove them in `unmount` |
 * | `theme` | `{ name: "light" or "dark", on(listener) }`, for canvases; everything else is CSS |
 * | `hold(on)` | while on, reloads wait: the page is told of one that does by `instance.held()`; it is caught up with at the end |
 * | `addToGraph(kind, text)` | adds a query (`m` or `tsuid`) to the graph that was shown last; gives how many it has |
 * | `status(text)` | said politely by screen readers |
 * | `error(text)` | said at once |
 * | `style(path)` | loads a style sheet of this folder once; await it before showing anything |
 * | `writable` | false with `tsd.mode = ro`: hide what writes |
 * | `embedded` | true in the embedded view (`x.embed`): no frame |
 * | `hasPage(name)` | whether that page is there |
 * | `near(text)` | metrics that may be meant by a name that nobody has: `{ hits, why }` |
 *
 * Colours, buttons, fields, tables and states are classes of `css/base.css`. No inline styles or scripts in markup: the
 * policy forbids them (`element.style` from a script is fine). Names from the database are text, always: `lib/dom.js`.
 */
import * as api from "./lib/api.js";
import { combobox } from "./lib/combobox.js";
import { fill, h, icon, iconButton, save, set } from "./lib/dom.js";
import { ago } from "./lib/time.js";
import { count } from "./lib/format.js";
import { Params, join, parse, readGraph, writeGraph } from "./lib/fragment.js";
import * as keys from "./lib/keys.js";
import { dialog, menu } from "./lib/layer.js";
import { Range, chosenZone, rangeControl } from "./lib/range.js";

const root = document.documentElement;
const here = new Set((root.dataset.pages ?? "").split(" ").filter(Boolean));
/** Pages in the order of the bar: name, title, key behind `g`, and whether a place is kept for it. */
const PAGES = [
  ["graph", "Graph", "h"], ["explore", "Explore", "e"], ["screens", "Screens", "s"], ["anomalies", "Anomalies", "a", true],
  ["alerts", "Alerts", "l", true], ["similar", "Similar", "i", true], ["status", "Status", "t"],
];
/** A page that loads longer than this shows that it does, in ms. */
const BUSY_AFTER = 150;
/** Parameters of the range, which go along to other pages. */
const RANGE = ["start", "end", "tz"];

const main = document.getElementById("page");
let route = parse(location.hash);
let shown = null; // { name, instance, module, root }
let mounting = 0;
let broken = false; // whether it could not be shown
const last = new Map(); // what each page showed last

// ------------------------------------------------------------------ address

const current = () => join(route);

/** Most ranges that zooms can be taken back to. */
const ZOOMS_MAX = 50;

/**
 * Writes the address. An entry of the history knows the ranges before its zooms (`zooms`, the last one last) and whether it
 * differs from the entry before by its range alone (`zoom`): then that entry is what zooming back leads to.
 */
function write(hash, push, { zoom = false, zooms = history.state?.zooms ?? [] } = {}) {
  if (hash === (location.hash || "#") && !push) return;
  const state = push ? { zoom, zooms: zooms.slice(-ZOOMS_MAX) } : history.state;
  history[push ? "pushState" : "replaceState"](state, "", hash);
}

/** Follows the address. */
function follow() {
  const next = parse(location.hash);
  // With or without the frame: that is decided before the first paint.
  if (next.params.has("x.embed") !== ctx.embedded) return location.reload();
  if (shown && join(next) === join(route) && shown.name === next.page) return;
  route = next;
  show();
}

function change(changes, { push = true } = {}) {
  const params = route.params.clone();
  for (const [name, value] of Object.entries(changes)) params.set(name, value);
  // Where OpenTSDB's page writes it.
  const end = params.list.findIndex(([name]) => name === "end");
  const start = params.list.findIndex(([name]) => name === "start");
  if (end > start + 1 && start >= 0) params.list.splice(start + 1, 0, ...params.list.splice(end, 1));
  replaceParams(params, { push });
}

const rangeOf = (params) => ["start", "end"].map((name) => params.get(name));
const rest = (params) => new Params(params.list.filter(([name]) => !["start", "end", "autoreload"].includes(name))).toString();

function replaceParams(params, { push = true, zooms } = {}) {
  const next = { ...route, params };
  if (join(next) === current()) return;
  const before = route;
  route = next;
  const moved = before.params.has("start") && rangeOf(before.params).join() !== rangeOf(params).join();
  const known = zooms ?? [...(history.state?.zooms ?? []), ...(moved ? [rangeOf(before.params)] : [])];
  write(join(route), push, { zoom: moved && !zooms && rest(before.params) === rest(params), zooms: known });
  show();
}

function target(page, { id = "", params = {} } = {}) {
  const list = params instanceof Params ? params.clone() : new Params();
  if (!(params instanceof Params)) for (const [name, value] of Object.entries(params)) list.set(name, value);
  // Times that are given are meant in the zone of this page.
  const along = RANGE.some((name) => list.has(name)) ? ["tz"] : RANGE;
  list.list.unshift(...along.filter((name) => route.params.has(name) && !list.has(name)).map((name) => [name, route.params.get(name)]));
  return { page, id, params: list };
}
const href = (page, options) => join(target(page, options));

function go(page, { push = true, ...options } = {}) {
  route = target(page, options);
  write(join(route), push, { zooms: [] });
  show();
}

/** Back before the last zoom, or (`all`) before the first. False if there was none. */
function back(all = false) {
  const { zoom = false, zooms = [] } = history.state ?? {};
  if (!zooms.length) return false;
  if (zoom && !all) history.back();
  else {
    const [start, end] = all ? zooms[0] : zooms[zooms.length - 1];
    replaceParams(route.params.clone().set("start", start).set("end", end), { zooms: all ? [] : zooms.slice(0, -1) });
  }
  return true;
}
const zoomed = () => (history.state?.zooms?.length ?? 0) > 0;

// ------------------------------------------------------------------ what pages get

const time = new Range({ params: () => route.params, change });

const systemDark = matchMedia("(prefers-color-scheme: dark)");
const themeListeners = new Set();
const theme = {
  get name() { return root.dataset.theme ?? (systemDark.matches ? "dark" : "light"); },
  on(listener) {
    themeListeners.add(listener);
    return () => themeListeners.delete(listener);
  },
};
const tellTheme = () => { for (const listener of themeListeners) listener(theme.name); drawTheme(); };
systemDark.addEventListener("change", tellTheme);
function chooseTheme(name) {
  if (name) root.dataset.theme = name;
  else delete root.dataset.theme;
  save("theme", name);
  tellTheme();
}
function chooseDensity(name) {
  root.dataset.density = name;
  save("density", name);
  dispatchEvent(new Event("resize"));
}

function say(id) {
  const region = document.getElementById(id);
  return (message) => {
    // The same sentence twice is said twice only if the text changed in between.
    region.textContent = "";
    setTimeout(() => { region.textContent = message; }, 30);
  };
}

const styles = new Map();
/** Loads a style sheet of this folder. */
function style(path) {
  if (!styles.has(path)) {
    styles.set(path, new Promise((resolve, reject) => {
      const failed = () => {
        styles.delete(path);
        link.remove();
        reject(new Error("Parts of this page could not be loaded: the server does not answer."));
      };
      const link = h("link", { rel: "stylesheet", href: new URL(path, import.meta.url).href, onload: resolve, onerror: failed });
      document.head.append(link);
    }));
  }
  return styles.get(path);
}

const ctx = {
  get route() { return route; },
  set: change, replaceParams, go, href, back, zoomed, time, api, keys, theme, style,
  status: say("polite"), error: say("assertive"),
  writable: root.dataset.mode !== "ro",
  embedded: root.dataset.embed !== undefined,
  hasPage: (name) => here.has(name),
  near: async (text, options) => (await import("./pages/graph/nothing.js")).near(text, options),
};

// ------------------------------------------------------------------ router

async function show() {
  last.set(route.page, { id: route.id, params: route.params.clone() });
  drawBar();
  time.tell();
  if (shown && shown.name === route.page) {
    shown.instance?.update(route);
    retitle();
    return;
  }
  const mine = ++mounting;
  due = held = broken = false;
  shown?.instance?.unmount?.();
  const box = h("div.page", { class: `page-${/^[a-z]+$/.test(route.page) ? route.page : "none"}` });
  shown = { name: route.page, root: box, instance: null, module: null };
  const now = shown;
  if (!here.has(route.page)) {
    fill(main, absent(route.page));
    drawBar();
    retitle();
    return;
  }
  // What is there is of another page: over a slow network it goes before the next one comes.
  const slow = setTimeout(() => { if (mine === mounting) fill(main, h("div.busy.on")); }, BUSY_AFTER);
  try {
    const module = await import(`./pages/${route.page}.js`);
    clearTimeout(slow);
    if (mine !== mounting) return;
    now.module = module;
    fill(main, box);
    drawBar();
    const instance = await module.mount(box, ctx);
    if (mine !== mounting) return instance?.unmount?.();
    now.instance = instance;
    // The address may have moved on while the page was built.
    if (now === shown) instance.update(route);
    retitle();
    schedule();
  } catch (error) {
    clearTimeout(slow);
    if (mine !== mounting) return;
    console.error(error);
    broken = true;
    look(); // whether it is the server
    fill(main, h("div.state", h("h1", "This page could not be shown"), h("p.bad", String(error?.message ?? error)), h("button", { type: "button", onclick: again }, "Try again")));
    ctx.error("This page could not be shown.");
  }
}

function again() {
  shown = null;
  show();
}

function absent(name) {
  const page = PAGES.find(([known]) => known === name);
  if (page?.[3]) {
    return h("div.state", h("h1", page[1]), h("p", `${page[1]} ${page[1].endsWith("s") ? "come" : "comes"} with the worker.`),
      h("p.quiet", "The worker watches series, judges rules and sends notices. It is not part of this TSD."), h("a", { href: href("graph") }, "To the graph"));
  }
  return h("div.state", h("h1", "There is no such page"), h("p.quiet", h("code", `#/${name}`)), h("a", { href: href("graph") }, "To the graph"));
}

function retitle() {
  const page = PAGES.find(([name]) => name === route.page);
  const own = shown?.instance?.title?.() ?? shown?.module?.title ?? page?.[1] ?? "";
  document.title = own ? `${own} · tsdb` : "tsdb";
}
ctx.retitle = retitle;

// ------------------------------------------------------------------ the clock that reloads

let timer = 0;
let due = false;
let held = false;
let running = null; // the reload that is under way

function refresh() {
  clearTimeout(timer);
  due = false;
  running ??= (async () => {
    try {
      await shown?.instance?.refresh?.();
    } catch (error) {
      console.error(error);
    } finally {
      running = null;
      schedule();
    }
  })();
  return running;
}

function schedule() {
  clearTimeout(timer);
  if (!time.playing || !shown?.instance?.refresh) return;
  timer = setTimeout(() => {
    // A hidden page asks for nothing; it catches up once when it is seen again. So does one under a hand.
    if (document.hidden || held) due = true;
    else refresh();
    if (held) shown?.instance?.held?.();
  }, time.every * 1000);
}
document.addEventListener("visibilitychange", () => { if (!document.hidden && due && !held) refresh(); });

ctx.hold = (on) => {
  held = on;
  if (!on && due && !document.hidden && time.playing) refresh();
};

let wasPaused = false;
time.on(() => {
  if (wasPaused && !time.paused) refresh();
  wasPaused = time.paused;
  if (!running) schedule();
});
ctx.refresh = refresh;

// ------------------------------------------------------------------ a server that is gone

/** How long it is waited before it is looked whether the server is back, in ms: twice as long each time, up to the second. */
const LOOK = [1000, 30_000];
/** A server that was there so long is looked for as often as at first. */
const STEADY = 60_000;
let wait = LOOK[0];
let looking = 0;
let [goneAt, backAt] = [0, -STEADY];
const gone = h("div.toast.gone", { role: "status" }, h("span", "No answer from the server. This page goes on by itself when it is back."), h("button.link", { type: "button", onclick: () => look() }, "Try now"));
const longer = () => { wait = Math.min(wait * 2, LOOK[1]); };

/** Asks for the least there is: any answer tells that somebody is there. A hidden page asks when it is seen again. */
function look() {
  clearTimeout(looking);
  if (document.hidden) return;
  api.get("version").catch(() => {
    if (!gone.isConnected) return;
    longer();
    looking = setTimeout(look, wait);
  });
}
/** Everything anew: after what is under way, which may have failed. */
const anew = () => Promise.resolve(running).then(() => (broken ? again() : refresh()));
api.onReach((there) => {
  clearTimeout(looking);
  const now = performance.now();
  if (there) {
    backAt = now;
    gone.remove();
    // One that comes and goes is not asked for everything each time.
    looking = setTimeout(anew, Math.max(0, goneAt + wait - now));
    longer();
  } else {
    goneAt = now;
    if (now - backAt > STEADY) wait = LOOK[0];
    document.body.append(gone);
    looking = setTimeout(look, wait);
  }
});
document.addEventListener("visibilitychange", () => { if (gone.isConnected) look(); });

// ------------------------------------------------------------------ bar

const nav = h("nav.pages", { "aria-label": "Pages" });
const fold = h("button.icon-button.narrow-only", { type: "button", "aria-label": "Pages", title: "Pages", "aria-haspopup": "menu", "aria-expanded": "false" }, icon("menu"));
fold.addEventListener("click", () => menu(fold, linked().map(([name, title]) => ({ label: title, href: pageHref(name), checked: name === route.page })), { label: "Pages", align: "start" }));
const search = h("input.search", { type: "search", placeholder: "Find a metric", "aria-label": "Find a metric", "aria-keyshortcuts": "/" });
const searchBox = h("div.search-box", icon("search"), search, h("kbd.search-key", "/"));
const control = rangeControl(time, { reload: refresh });
const themeButton = iconButton("moon", "Dark", () => chooseTheme(theme.name === "dark" ? "light" : "dark"), { class: "wide-only" });
const more = iconButton("more", "More", () => menu(more, [
  { label: "Light", checked: root.dataset.theme === "light", run: () => chooseTheme("light") },
  { label: "Dark", checked: root.dataset.theme === "dark", run: () => chooseTheme("dark") },
  { label: "As the system", checked: !root.dataset.theme, run: () => chooseTheme(null) },
  "-",
  { label: "Dense rows", checked: root.dataset.density !== "roomy", run: () => chooseDensity("compact") },
  { label: "Roomy rows", checked: root.dataset.density === "roomy", run: () => chooseDensity("roomy") },
  "-",
  { label: "Keys", icon: "help", hint: "?", run: help },
], { label: "More" }), { "aria-haspopup": "menu", "aria-expanded": "false" });

function linked() {
  return PAGES.filter(([name, , , kept]) => here.has(name) || kept);
}

/** Where a link of the bar leads: to what that page showed last, with the range of now. */
function pageHref(name) {
  const before = last.get(name);
  const params = before ? before.params.clone() : new Params();
  for (const part of RANGE) params.set(part, route.params.get(part));
  return join({ page: name, id: before?.id ?? "", params });
}

ctx.addToGraph = (kind, text) => {
  const before = route.page === "graph" ? route : last.get("graph");
  const graph = readGraph(before?.params ?? new Params());
  graph.queries.push({ kind, text, right: false });
  graph.start ||= time.start;
  const params = writeGraph(graph);
  if (route.page === "graph") replaceParams(params);
  else {
    last.set("graph", { id: "", params });
    drawBar();
  }
  return graph.queries.length;
};

function drawBar() {
  if (nav.childElementCount === 0) {
    nav.append(...linked().map(([name, title]) => h("a", { href: pageHref(name), data: { page: name }, class: here.has(name) ? "" : "later" }, title)));
  }
  for (const link of nav.children) {
    link.setAttribute("href", pageHref(link.dataset.page));
    if (link.dataset.page === route.page) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  control.hidden = shown?.module?.range === false && shown.name === route.page;
}

function drawTheme() {
  const dark = theme.name === "dark";
  const name = dark ? "Light colours" : "Dark colours";
  set(themeButton, { "aria-label": name, title: name });
  fill(themeButton, icon(dark ? "sun" : "moon"));
}

combobox(search, {
  source: (text, options) => api.metrics(text, options),
  label: "Metrics",
  extra: hitExtra,
  near: ctx.near,
  pick: ({ name }) => {
    search.value = "";
    search.blur();
    go("graph", { params: new Params([...RANGE.filter((part) => route.params.has(part)).map((part) => [part, route.params.get(part)]), ["start", route.params.get("start") ?? "1h-ago"], ["m", `sum:${name}`]].filter(([part], at, all) => all.findIndex(([known]) => known === part) === at)) });
  },
});

/** What a list of metrics shows beside a name. */
export function hitExtra({ series, last: newest }) {
  return [series === null || series === undefined ? null : h("span", `${count(series)} series`), newest ? h("span", ago(newest * 1000, Date.now())) : null];
}
ctx.hitExtra = hitExtra;

function help() {
  const groups = keys.listed();
  dialog("Keys", groups.map(([group, rows]) => h("section.keys", h("h3", group), h("dl", rows.map(([names, meaning]) => [
    h("dt", names.map((name, at) => [at ? " or " : null, h("kbd", keys.printed(name))])), h("dd", meaning),
  ])))));
}

const hasRange = (run) => () => (control.hidden ? false : run());
keys.add([
  { keys: ["/"], help: "Find a metric", run: () => { search.focus(); search.select(); } },
  { keys: ["?"], help: "This list", run: help },
  ...PAGES.filter(([name, , , kept]) => here.has(name) || kept).map(([name, title, key]) => ({ keys: [`g ${key}`], help: title, group: "Pages", run: () => { location.hash = pageHref(name); } })),
  { keys: ["r"], help: "Reload", run: () => { refresh(); } },
  { keys: ["Space"], help: "Reload by itself, or pause", group: "Time", run: hasRange(() => time.toggle()) },
  { keys: ["+", "="], help: "Show less time", group: "Time", run: hasRange(() => time.zoom(-1)) },
  { keys: ["-", "−"], help: "Show more time", group: "Time", run: hasRange(() => time.zoom(1)) },
  { keys: ["ArrowLeft"], help: "Half a range earlier", group: "Time", run: hasRange(() => time.shift(-1)) },
  { keys: ["ArrowRight"], help: "Half a range later", group: "Time", run: hasRange(() => time.shift(1)) },
  { keys: ["Backspace"], help: "Back before the last zoom", group: "Time", run: hasRange(() => { if (!back()) ctx.status("Nothing to go back to."); }) },
  { keys: ["0"], help: "The whole range: before all zooms", group: "Time", run: hasRange(() => { if (!back(true)) ctx.status("Nothing to go back to."); }) },
]);

function start() {
  if (ctx.embedded) document.getElementById("bar").remove();
  else {
    const skip = h("button.skip", { type: "button", onclick: () => main.focus() }, "To the page");
    document.getElementById("bar").append(skip, fold, h("a.brand", { href: "#", "aria-label": "tsdb, empty graph" }, h("span.brand-mark", { "aria-hidden": "true" }), "tsdb"), nav, searchBox, control, themeButton, more);
    drawTheme();
  }
  // A fresh address gets the zone that was chosen last.
  const zone = chosenZone();
  if (zone && route.params.list.length === 0 && route.page === "graph") route.params.set("tz", zone);
  addEventListener("popstate", follow);
  addEventListener("hashchange", follow);
  keys.listen();
  show();
}

start();
