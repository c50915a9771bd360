/**
 * What the parts of Explore share: small pictures that are drawn when they are seen, a tree, a list of which many can be
 * chosen, bookmarks, and the states of something that is asked for.
 */
import { Chart } from "../../lib/chart.js";
import { Data } from "../../lib/data.js";
import { fill, h, icon, set, uid } from "../../lib/dom.js";
import { nameOf } from "../../lib/format.js";
import { LINES, looks } from "../../lib/palette.js";
import { build, interval } from "../../lib/query.js";
import { load, save } from "../../lib/store.js";
import { ago } from "../../lib/time.js";

/** Points asked for per picture and line. */
const POINTS = 120;
/** Requests for pictures at once: a grid must not keep the server from what a person waits for. */
const AT_ONCE = 3;
/** Pictures that stay drawn while they are out of sight. */
const ALIVE_MAX = 48;
/** Lines of one picture. */
const LINES_MAX = 100;

/** Names of lines below a picture. */
const LEGEND_MAX = 8;

/** The expression of a metric with tags (`[[name, value]…]`) for a picture of this range. */
export function expression(metric, { groups = [], filters = [], span, points = POINTS }) {
  const tags = (list) => list.map(([tagk, filter]) => ({ tagk, filter }));
  return build({ agg: "sum", downsample: { interval: interval(span, points), func: "avg" }, metric, groups: tags(groups), filters: tags(filters) });
}

/** The address of a Graph with these expressions. */
export function graphOf(ctx, texts) {
  return ctx.href("graph", { params: { m: texts, start: ctx.time.start, ...(ctx.time.end ? { end: ctx.time.end } : {}), ...(ctx.route.params.has("tz") ? { tz: ctx.route.params.get("tz") } : {}) } });
}

/** Pictures of one page. `make` gives an element that draws itself when it comes into sight. */
export class Pictures {
  constructor(ctx) {
    this.ctx = ctx;
    this.data = new Data();
    this.waiting = [];
    this.running = 0;
    this.alive = new Set();
    this.all = new Map();
    this.abort = new AbortController();
    this.slots = 0;
    this.observer = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) this.seen(target, isIntersecting);
    }, { rootMargin: "120px" });
    this.offTheme = ctx.theme.on(() => { for (const one of this.alive) { one.chart?.set({ theme: ctx.theme.name }); this.drawLegend(one); } });
  }

  /**
   * `name`: what the picture shows, in words; `texts(span)`: its expressions, of `kind` `m` or `tsuid`; `tall`: of the chosen metric, not of a list; `legend`:
   * names below it;
   * `told(result)`: hears what was drawn. `wait`: a sentence in place of the picture until somebody asks for it.
   */
  make({ name, texts, kind = "m", tall = false, legend = false, told = null, wait = null }) {
    const box = h("div.picture-chart");
    const note = h("div.picture-note");
    const element = h("div.picture", { class: tall ? "tall" : "" }, box, note);
    const one = { element, box, note, name, kind, texts, told, chart: null, state: "new", sight: false, slot: `p${++this.slots}`, tall, legend: legend ? h("ul.picture-legend") : null, lines: [] };
    if (one.legend) element.append(one.legend);
    this.all.set(element, one);
    if (wait) {
      one.state = "held";
      fill(note, h("span", wait), h("button", { type: "button", onclick: () => { one.state = "new"; note.replaceChildren(); this.seen(element, one.sight); } }, "Draw it"));
    }
    this.observer.observe(element);
    return element;
  }

  seen(element, sight) {
    const one = this.all.get(element);
    if (!one) return;
    one.sight = sight;
    if (sight && one.state === "new") {
      one.state = "waiting";
      this.waiting.push(one);
      this.next();
    }
    if (!sight && one.state === "waiting") {
      one.state = "new";
      this.waiting = this.waiting.filter((other) => other !== one);
    }
  }

  /** Draws everything anew: another range, another time. */
  refresh() {
    for (const one of this.all.values()) {
      if (!one.element.isConnected) this.forget(one);
      else if (one.state === "drawn" || one.state === "failed") {
        one.state = "new";
        if (one.sight) this.seen(one.element, true);
      }
    }
  }

  async next() {
    while (this.running < AT_ONCE && this.waiting.length) {
      const one = this.waiting.shift();
      this.running++;
      this.draw(one).finally(() => {
        this.running--;
        this.next();
      });
    }
  }

  async draw(one) {
    const bounds = this.ctx.time.bounds();
    if (bounds.error) return this.fail(one, bounds.error);
    const { from, to } = bounds;
    one.state = "drawing";
    one.element.setAttribute("aria-busy", "true");
    try {
      const { series } = await this.data.query(one.slot, { kind: one.kind, text: one.texts(to - from), from, to, signal: this.abort.signal });
      if (!this.all.has(one.element)) return;
      const { times, columns } = await this.data.align([one.slot]);
      if (!this.all.has(one.element)) return;
      const shown = series.slice(0, LINES_MAX);
      const keys = shown.map((line) => `${line.metric}${JSON.stringify(line.tags)}`);
      const how = looks(keys);
      const lines = shown.map((line, at) => ({ key: keys[at], name: nameOf(line), ...how[at], type: "line" }));
      one.chart ??= new Chart(one.box, { compact: !one.tall, zone: this.ctx.time.zone, theme: this.ctx.theme.name, status: this.ctx.status });
      one.chart.set({
        times, columns: columns.slice(0, LINES_MAX), lines, range: { from, to }, zone: this.ctx.time.zone, theme: this.ctx.theme.name,
        label: one.name, description: describe(shown), empty: "No points in this range.",
      });
      one.state = "drawn";
      one.lines = lines.map((line, at) => ({ ...line, parts: shown[at] }));
      this.drawLegend(one);
      fill(one.note, series.length > LINES_MAX ? h("span.hint", `The first ${LINES_MAX} of ${series.length} lines.`) : null);
      one.told?.({ series, from, to });
      this.alive.add(one);
      this.thin();
    } catch (error) {
      if (error.kind !== "aborted") this.fail(one, error.message);
    } finally {
      one.element.removeAttribute("aria-busy");
    }
  }

  /** Names of the first lines, by what tells them apart. */
  drawLegend(one) {
    if (!one.legend) return;
    const told = one.lines.slice(0, LEGEND_MAX);
    const metrics = new Set(one.lines.map(({ parts }) => parts.metric)).size > 1;
    // What tells a line from the others of its metric.
    const telling = new Map();
    for (const { parts: { metric } } of one.lines) {
      if (telling.has(metric)) continue;
      const mine = one.lines.filter(({ parts }) => parts.metric === metric).map(({ parts }) => parts.tags ?? {});
      telling.set(metric, [...new Set(mine.flatMap(Object.keys))].filter((key) => new Set(mine.map((tags) => tags[key])).size > 1));
    }
    const short = ({ parts }) => [metrics ? parts.metric : null, ...telling.get(parts.metric).map((key) => parts.tags?.[key] ?? "–")].filter(Boolean).join(" ") || parts.metric;
    fill(one.legend, told.map((line) => h("li.cut.name", { title: line.name }, h("span.swatch", { class: line.dash ? (line.dash[0] > 2 ? "dash-1" : "dash-2") : "", style: { color: line.faint ? "var(--quiet)" : LINES[this.ctx.theme.name][line.color] }, "aria-hidden": "true" }), short(line))),
      one.lines.length > told.length ? h("li.quiet", `and ${one.lines.length - told.length} more`) : null);
  }

  fail(one, message) {
    one.state = "failed";
    fill(one.note, icon("warn"), h("span.bad", message));
  }

  /** Lets go of pictures that nobody sees. */
  thin() {
    for (const one of this.alive) {
      if (this.alive.size <= ALIVE_MAX) break;
      if (one.sight) continue;
      this.alive.delete(one);
      one.chart?.destroy();
      one.chart = null;
      one.box.replaceChildren();
      one.state = "new";
      this.data.drop([one.slot]);
    }
  }

  forget(one) {
    this.observer.unobserve(one.element);
    this.all.delete(one.element);
    this.alive.delete(one);
    this.waiting = this.waiting.filter((other) => other !== one);
    one.chart?.destroy();
    this.data.drop([one.slot]);
  }

  /** Forgets the pictures in an element that is emptied. */
  clear(root) {
    for (const one of [...this.all.values()]) if (root.contains(one.element) || !one.element.isConnected) this.forget(one);
  }

  close() {
    this.abort.abort();
    for (const one of [...this.all.values()]) this.forget(one);
    this.observer.disconnect();
    this.offTheme();
    this.data.close();
  }
}

function describe(series) {
  const known = series.filter(({ count }) => count > 0);
  if (!known.length) return "No points in this range.";
  const min = Math.min(...known.map((line) => line.min));
  const max = Math.max(...known.map((line) => line.max));
  return `${known.length} ${known.length === 1 ? "line" : "lines"}, from ${min} to ${max}.`;
}

// ------------------------------------------------------------------ tree

/**
 * A tree whose branches are asked for when they are opened. `load(node)` gives `[{ key, label, hint, branch, data }]` (`node`
 * is null for the top), `choose(node)` is called for a click or Enter. `{ element, reload(), renew(), select(key) }`: `renew`
 * asks for the top and for all open branches again, `reload` is for another tree.
 */
export function tree(label, { load: children, choose, none = "Nothing here." }) {
  const root = h("ul.tree");
  const nodes = new Map(); // element -> node
  let selected = null;
  let generation = 0;

  // By the pattern of trees: rows are the items, and own the groups that stand beside them.
  const items = () => [...root.querySelectorAll("[role=treeitem]")].filter((row) => !row.closest("[role=group][hidden]"));
  const groupOf = (row) => row.parentElement.querySelector(":scope > [role=group]");
  const parentOf = (row) => row.closest("[role=group]")?.parentElement.querySelector(":scope > [role=treeitem]");
  function focusOn(row) {
    if (!row) return;
    for (const other of root.querySelectorAll("[role=treeitem][tabindex='0']")) other.setAttribute("tabindex", "-1");
    row.setAttribute("tabindex", "0");
    row.focus();
  }
  function item(node, level) {
    const row = h("div.tree-row", {
      role: "treeitem", tabindex: "-1", "aria-level": String(level), "aria-selected": String(node.key === selected), "aria-expanded": node.branch ? "false" : null, title: node.label,
    }, h("span.tree-mark", node.branch ? icon("right") : null), h("span.tree-label.name", node.label), node.hint ? h("span.quiet.tree-hint", node.hint) : null);
    row.addEventListener("click", (event) => {
      focusOn(row);
      if (node.branch && event.target.closest(".tree-mark")) return toggle(row);
      act(row);
    });
    nodes.set(row, { ...node, level });
    return h("li", { role: "none" }, row);
  }
  function act(element) {
    const node = nodes.get(element);
    if (node.branch && element.getAttribute("aria-expanded") === "false") toggle(element, true);
    choose(node);
  }
  async function toggle(element, open = element.getAttribute("aria-expanded") !== "true") {
    const node = nodes.get(element);
    if (!node.branch) return;
    element.setAttribute("aria-expanded", String(open));
    let group = groupOf(element);
    if (!open) {
      if (group) group.hidden = true;
      return;
    }
    if (group && group.dataset.failed === undefined) {
      group.hidden = false;
      return;
    }
    group?.remove();
    group = h("ul", { role: "group", id: uid("group") }, h("li.tree-note", { role: "none" }, "…"));
    element.parentElement.append(group);
    element.setAttribute("aria-owns", group.id);
    await put(group, node, node.level + 1);
  }
  async function put(group, node, level) {
    const mine = generation;
    try {
      const found = await children(node);
      if (mine !== generation) return;
      fill(group, found.length ? found.map((child) => item(child, level)) : h("li.tree-note", { role: node ? "none" : null }, none));
      // Without an item it is no tree.
      if (!node) set(root, found.length ? { role: "tree", "aria-label": label } : { role: null, "aria-label": null });
      if (!node && !root.querySelector("[tabindex='0']")) root.querySelector("[role=treeitem]")?.setAttribute("tabindex", "0");
    } catch (error) {
      if (mine !== generation || error.kind === "aborted") return;
      if (!node) set(root, { role: null, "aria-label": null });
      // What could not be opened is asked for again when it is opened again.
      if (node) {
        group.dataset.failed = "";
        fill(group, h("li.tree-note.bad", { role: "none" }, error.message));
      } else fill(group, h("li.tree-note.bad", error.message));
    }
  }
  /** The same branches anew: those that are open stay open, and the focus stays where it is. */
  async function renew() {
    const mine = ++generation;
    const rows = () => [...root.querySelectorAll("[role=treeitem]")];
    const open = new Set(rows().filter((row) => row.getAttribute("aria-expanded") === "true").map((row) => nodes.get(row).key));
    const focused = nodes.get(document.activeElement)?.key;
    const shown = new Map(); // key -> children
    const ask = async (node) => {
      const found = await children(node);
      shown.set(node?.key ?? null, found);
      await Promise.all(found.filter(({ key, branch }) => branch && open.has(key)).map(ask));
    };
    try {
      await ask(null);
    } catch (error) {
      if (!nodes.size) fill(root, h("li.tree-note.bad", error.message));
      return; // what is there stays; the page says what is wrong
    }
    if (mine !== generation) return;
    nodes.clear();
    const build = (list, level) => list.map((node) => {
      const made = item(node, level);
      const below = shown.get(node.key);
      if (node.branch && below) {
        const row = made.firstChild;
        const group = h("ul", { role: "group", id: uid("group") }, below.length ? build(below, level + 1) : h("li.tree-note", { role: "none" }, none));
        set(row, { "aria-expanded": "true", "aria-owns": group.id });
        made.append(group);
      }
      return made;
    });
    const top = shown.get(null);
    fill(root, top.length ? build(top, 1) : h("li.tree-note", none));
    set(root, top.length ? { role: "tree", "aria-label": label } : { role: null, "aria-label": null });
    const again = focused !== undefined && rows().find((row) => nodes.get(row).key === focused);
    if (again) focusOn(again);
    else (rows().find((row) => row.getAttribute("aria-selected") === "true") ?? rows()[0])?.setAttribute("tabindex", "0");
  }
  root.addEventListener("keydown", (event) => {
    const here = event.target.closest("[role=treeitem]");
    if (!here || event.ctrlKey || event.altKey || event.metaKey) return;
    const all = items();
    const at = all.indexOf(here);
    const open = here.getAttribute("aria-expanded");
    const done = {
      ArrowDown: () => focusOn(all[at + 1]),
      ArrowUp: () => focusOn(all[at - 1]),
      Home: () => focusOn(all[0]),
      End: () => focusOn(all[all.length - 1]),
      ArrowRight: () => (open === "false" ? toggle(here, true) : open === "true" ? focusOn(all[at + 1]) : null),
      ArrowLeft: () => (open === "true" ? toggle(here, false) : focusOn(parentOf(here))),
      Enter: () => act(here),
      " ": () => act(here),
    }[event.key];
    if (!done) return;
    event.preventDefault();
    event.stopPropagation();
    done();
  });
  return {
    element: root,
    reload() {
      generation++;
      nodes.clear();
      return put(root, null, 1);
    },
    renew,
    select(key) {
      selected = key;
      for (const [element, node] of nodes) element.setAttribute("aria-selected", String(node.key === key));
    },
  };
}

// ------------------------------------------------------------------ a list of which many can be chosen

/**
 * A list whose rows are chosen by a click, a range of them by a click with Shift, all by Ctrl+A. Keys: arrows move, Space
 * chooses, Shift+Space a range. `row(item)` gives what a row shows, `change(set)` hears of each change by a person.
 * `{ element, set(items, chosen), chosen, all(on), filter(words) }`; items are `{ name, … }`.
 */
export function choices(label, { row, change, none }) {
  const element = h("ul.choices", { role: "listbox", "aria-multiselectable": "true", "aria-label": label });
  let rows = []; // { item, element }
  let chosen = new Set();
  let anchor = 0;
  const shown = () => rows.filter(({ element: one }) => !one.hidden);

  function mark() {
    for (const { item, element: one } of rows) one.setAttribute("aria-selected", String(chosen.has(item.name)));
  }
  function choose(at, range) {
    const list = shown();
    const on = range ? chosen.has(list[anchor]?.item.name) : !chosen.has(list[at].item.name);
    const [first, last] = range ? [Math.min(anchor, at), Math.max(anchor, at)] : [at, at];
    for (const { item } of list.slice(first, last + 1)) on ? chosen.add(item.name) : chosen.delete(item.name);
    if (!range) anchor = at;
    mark();
    change(new Set(chosen));
  }
  function focusOn(one) {
    if (!one) return;
    for (const other of rows) other.element.setAttribute("tabindex", other === one ? "0" : "-1");
    one.element.focus();
  }
  element.addEventListener("mousedown", (event) => { if (event.shiftKey) event.preventDefault(); }); // no text is marked
  element.addEventListener("click", (event) => {
    const list = shown();
    const at = list.findIndex(({ element: one }) => one.contains(event.target));
    if (at < 0) return;
    focusOn(list[at]);
    choose(at, event.shiftKey);
  });
  element.addEventListener("keydown", (event) => {
    const list = shown();
    const at = list.findIndex(({ element: one }) => one === document.activeElement);
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "a") {
      event.preventDefault();
      return handle.all(true);
    }
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: list.length - 1, PageDown: Math.min(list.length - 1, at + 10), PageUp: Math.max(0, at - 10) }[event.key];
    if (to !== undefined && !event.altKey && !event.ctrlKey) {
      event.preventDefault();
      event.stopPropagation();
      return focusOn(list[to]);
    }
    if ((event.key === " " || event.key === "Enter") && at >= 0) {
      event.preventDefault();
      event.stopPropagation();
      choose(at, event.shiftKey);
    }
  });
  const handle = {
    element,
    get chosen() { return chosen; },
    /** Shows a list; where the hand and the focus were they stay, if those rows are there again. */
    set(items, now) {
      const place = (name) => rows.findIndex(({ item }) => item.name === name);
      const [begun, focused] = [shown()[anchor]?.item.name, rows.find(({ element: one }) => one === document.activeElement)?.item.name];
      chosen = new Set(now);
      rows = items.map((item) => ({ item, element: h("li", { role: "option", id: uid("choice"), tabindex: "-1", title: item.name }, h("span.choice-mark", { "aria-hidden": "true" }, icon("check")), row(item)) }));
      fill(element, rows.length ? rows.map((one) => one.element) : h("li.choice-note", { role: "option", "aria-disabled": "true", "aria-selected": "false" }, none));
      rows[0]?.element.setAttribute("tabindex", "0");
      anchor = Math.max(0, place(begun));
      focusOn(rows[place(focused)]);
      mark();
    },
    choose(now) {
      chosen = new Set(now);
      mark();
    },
    /** Every row that is shown. */
    all(on) {
      for (const { item } of shown()) on ? chosen.add(item.name) : chosen.delete(item.name);
      mark();
      change(new Set(chosen));
    },
    /** Shows only rows that hold all words. */
    filter(text) {
      const words = text.toLowerCase().split(/\s+/).filter(Boolean);
      const begun = shown()[anchor];
      for (const { item, element: one } of rows) one.hidden = !words.every((word) => item.name.toLowerCase().includes(word));
      const first = shown()[0];
      if (first && !shown().some(({ element: one }) => one.getAttribute("tabindex") === "0")) first.element.setAttribute("tabindex", "0");
      anchor = Math.max(0, shown().indexOf(begun));
      return shown().length;
    },
  };
  return handle;
}

// ------------------------------------------------------------------ small things

/** Metrics that a person keeps at hand, in this browser. */
export const bookmarks = {
  all: () => load("bookmarks", []),
  has: (name) => bookmarks.all().includes(name),
  toggle(name) {
    const list = bookmarks.all();
    const on = !list.includes(name);
    save("bookmarks", on ? [name, ...list].slice(0, 200) : list.filter((other) => other !== name));
    return on;
  },
};

/** A star that is pressed or not. */
export function star(name, changed) {
  const button = h("button.icon-button.star", { type: "button", onclick: () => { bookmarks.toggle(name); draw(); changed(); } }, icon("pin"));
  const draw = () => {
    const on = bookmarks.has(name);
    set(button, { "aria-pressed": String(on), "aria-label": `Bookmark ${name}`, title: on ? "Bookmarked" : "Bookmark" });
  };
  draw();
  return button;
}

/** `3 d ago` with the whole time behind it. */
export function age(seconds, now = Date.now()) {
  return seconds === null || seconds === undefined ? "" : ago(seconds * 1000, now);
}

/** What is said in place of something that could not be had. */
export function failure(error, again) {
  return h("div.banner.bad", { role: "alert" }, icon("warn"), h("span.grow", error.message), h("button", { type: "button", onclick: again }, "Try again"));
}

/** One request at a time: a newer one gives up the older. */
export class Latest {
  constructor() { this.controller = null; }
  /** Runs `ask(signal)`; gives undefined if something newer was asked meanwhile. */
  async run(ask) {
    this.controller?.abort();
    const mine = (this.controller = new AbortController());
    try {
      const found = await ask(mine.signal);
      return mine === this.controller ? found : undefined;
    } catch (error) {
      if (mine !== this.controller || error.kind === "aborted") return undefined;
      throw error;
    }
  }
  stop() {
    this.controller?.abort();
    this.controller = null;
  }
}
