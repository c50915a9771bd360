/**
 * Status: what this TSD does. Rates and sizes as sparklines over the minutes that the page was open, what waits, the store
 * and its gateways, caches; running queries with a stop; the log; the settings. OpenTSDB's tabs Stats, Logs and Version.
 *
 * It samples every two seconds while it can be seen: a hidden tab asks for nothing, and the lines have a gap there.
 */
import { fill, h, icon, set, text, uid } from "../lib/dom.js";
import { bytes, count, many, short } from "../lib/format.js";
import { walkTabs } from "../lib/keys.js";
import { History, extent, hitRate, sparkline } from "../lib/rates.js";
import { format, span } from "../lib/time.js";
import { logTab, queriesTab, settingsTab } from "./status-lists.js";

export const title = "Status";
export const range = false;

/** Ms between two samples. */
const EVERY = 2000;
/** Ms that a sparkline shows at most. */
const SHOWN = 15 * 60_000;
const BOX = { width: 200, height: 36 };

const TABS = [["overview", "Overview"], ["queries", "Queries"], ["log", "Log"], ["settings", "Settings"]];

/** The cards: title, the number shown, how it is written, what the line is made of. */
const rate = (value) => `${short(value)}/s`;
const CARDS = [
  { id: "written", title: "Points written", rates: "writes.points", write: rate, note: (s) => `${short(s.writes.points)} since the start` },
  { id: "read", title: "Points read", rates: "reads.points", write: rate, note: (s) => `${short(s.reads.points)} since the start` },
  { id: "queries", title: "Queries", rates: "reads.all", write: rate, note: (s) => (s.reads.running ? `${many(s.reads.running, "runs", "run")} now` : "none runs now") },
  { id: "latency", title: "Query time, 95 %", level: "reads.p95", write: (ms) => span(ms), note: (s) => `half of them within ${span(s.reads.latency_ms.p50)}` },
  { id: "requests", title: "HTTP requests", rates: "http.requests", write: rate, note: (s) => `${many(s.http.failures, "failure")} of the server` },
  { id: "connections", title: "Connections", level: "connections.open", write: count, note: (s) => `of at most ${count(s.connections.max)}` },
  { id: "journal", title: "Journal", level: "journal.bytes", write: bytes, note: (s) => `of ${bytes(s.journal.max_bytes)}; oldest ${span(s.journal.age_ms)}` },
  { id: "head", title: "Waiting in memory", level: "head.bytes", write: bytes, note: (s) => `${many(s.head.rows, "row")}, of ${bytes(s.head.max_bytes)}` },
  { id: "memory", title: "Memory", level: "process.resident", write: bytes, note: (s) => many(s.process.threads, "thread") },
  { id: "cpu", title: "Processor", rates: "process.cpu_s", write: (cores) => `${short(cores * 100)} %`, note: () => "100 % is one core" },
];

/** The numbers that are drawn, out of an answer. */
function numbers(s) {
  return {
    "writes.points": s.writes.points, "reads.points": s.reads.points,
    "reads.all": s.reads.queries + s.reads.refused + s.reads.failed + s.reads.cancelled, "reads.p95": s.reads.latency_ms.p95,
    "http.requests": s.http.requests, "connections.open": s.connections.open, "journal.bytes": s.journal.bytes,
    "head.bytes": s.head.bytes, "process.resident": s.process.resident_bytes, "process.cpu_s": s.process.cpu_ms / 1000,
  };
}

export async function mount(root, ctx) {
  await ctx.style("css/status.css");
  const history = new History({ span: SHOWN, every: EVERY });
  const state = h("p.status-state.row", { role: "status" });
  const live = h("button", { type: "button", "aria-pressed": "true", onclick: () => pause(!paused) });
  const heading = h("h1", "Status");
  const strip = h("dl.status-about");
  const tabs = tabList(ctx);
  const panel = h("div.status-panel", { role: "tabpanel", id: uid("panel"), tabindex: "0" });
  root.append(h("header.status-head", heading, state, h("span.grow"), live), strip, tabs.element, panel);
  tabs.panel(panel);

  let tab = null; // { name, update(status), tick(), close() }
  let latest = null;
  let paused = false;
  let stopped = false;
  let timer = 0;
  const abort = new AbortController();

  async function sample() {
    clearTimeout(timer);
    if (stopped || document.hidden) return;
    try {
      latest = await ctx.api.get("api/ui/status", {}, { signal: abort.signal, patience: 10_000 });
      if (stopped) return;
      history.add(latest.about.now, numbers(latest), String(latest.about.started));
      drawState(null);
      drawAbout();
      tab?.update?.(latest, history);
      await tab?.tick?.();
    } catch (error) {
      if (error.kind === "aborted") return;
      drawState(error);
    }
    if (!paused && !stopped) timer = setTimeout(sample, EVERY);
  }

  function pause(on) {
    paused = on;
    set(live, { "aria-pressed": String(!on) });
    fill(live, icon(on ? "play" : "pause"), on ? "Go on" : "Pause");
    if (on) clearTimeout(timer);
    else sample();
    drawState(null);
  }

  function drawState(error) {
    const list = latest?.warnings ?? [];
    state.className = `status-state row ${error ? "bad" : list.length ? "warn" : "good"}`;
    const sentence = error ? `${error.message}${latest ? ` Last seen ${format(latest.about.now, ctx.time.zone)}.` : ""}`
      : list.length ? list.join(" ") : latest ? `All is well${paused ? "; paused" : ""}` : "";
    if (state.dataset.said === sentence) return;
    state.dataset.said = sentence;
    fill(state, h("span.dot", { "aria-hidden": "true" }), h("span", sentence));
  }

  function drawAbout() {
    const { about, store } = latest;
    const mode = { rw: "reads and writes", ro: "reads only", wo: "writes only" }[about.mode];
    describe(strip, [
      ["Version", `tsdb ${about.version}`], ["Host", about.host], ["Store", store.text], ["Mode", mode],
      ["Up for", span(about.uptime_ms), `since ${format(about.started, ctx.time.zone)}`],
    ]);
  }

  function open(route) {
    const name = TABS.some(([known]) => known === route.params.get("tab")) ? route.params.get("tab") : "overview";
    tabs.choose(name);
    if (tab?.name === name) {
      tab.route?.(route);
      return;
    }
    tab?.close?.();
    const make = { overview, queries: queriesTab, log: logTab, settings: settingsTab }[name];
    panel.replaceChildren();
    tab = { name, ...make(panel, ctx, { signal: abort.signal }) };
    tab.route?.(route);
    if (latest) tab.update?.(latest, history);
    tab.tick?.().catch(() => {});
  }

  const seen = () => { if (!document.hidden && !paused) sample(); };
  document.addEventListener("visibilitychange", seen);
  pause(false);
  open(ctx.route);
  return {
    update: open,
    refresh: sample,
    title: () => (tab && tab.name !== "overview" ? `${TABS.find(([name]) => name === tab.name)[1]} · Status` : "Status"),
    unmount() {
      stopped = true;
      clearTimeout(timer);
      abort.abort();
      tab?.close?.();
      document.removeEventListener("visibilitychange", seen);
    },
  };
}

/** The row of tabs: arrow keys move, the address says which is open. */
function tabList(ctx) {
  const buttons = TABS.map(([name, label]) => h("button", { type: "button", role: "tab", id: uid("tab"), data: { tab: name }, onclick: () => ctx.set({ tab: name === "overview" ? null : name, level: null, q: null }) }, label));
  const element = h("div.tabs", { role: "tablist", "aria-label": "Parts of the status" }, buttons);
  let panel = null;
  walkTabs(element, buttons);
  return {
    element,
    panel(node) {
      panel = node;
      for (const button of buttons) set(button, { "aria-controls": node.id });
    },
    choose(name) {
      for (const button of buttons) {
        const on = button.dataset.tab === name;
        set(button, { "aria-selected": String(on), tabindex: on ? "0" : "-1" });
        if (on) set(panel, { "aria-labelledby": button.id });
      }
      ctx.retitle?.();
    },
  };
}

/** Fills a list of names and values, keeping what is there: `[[name, value, title?]…]`. */
function describe(list, rows) {
  if (list.childElementCount !== rows.length) {
    fill(list, rows.map(([name]) => h("div", h("dt", name), h("dd.name"))));
  }
  rows.forEach(([, value, hint], at) => {
    const shown = list.children[at].lastElementChild;
    text(shown, value);
    set(shown, { title: hint ?? value });
  });
}

// ------------------------------------------------------------------ overview

function overview(panel) {
  const cards = CARDS.map(card);
  const queues = table("What waits", ["Queue", "Running", "Waiting", "Dropped"]);
  const store = table("Store", ["", ""]);
  const tables = table("Tables", ["For", "Name", "On disk", "Files"]);
  const caches = table("Caches", ["Of", "Entries", "Filled", "Found"]);
  const ids = table("Ids", ["Of", "Given", "Possible", "Used"]);
  const limits = table("Limits", ["Setting", "Value"]);
  panel.append(
    h("div.status-cards", cards.map(({ element }) => element)),
    h("div.status-tables", queues.element, caches.element, store.element, tables.element, ids.element, limits.element),
    h("p.hint.status-links", "For machines: ", links()),
  );
  return {
    update(s, history) {
      for (const one of cards) one.draw(s, history);
      queues.rows(s.queues.map((q) => [q.name, q.running === undefined ? "–" : `${count(q.running)} of ${count(q.running_max)}`,
        q.waiting_max ? `${count(q.waiting)} of ${count(q.waiting_max)}` : count(q.waiting), count(q.dropped)]));
      caches.rows(s.caches.map((c) => [c.name, count(c.size), meter(c.size, c.max, c.name), found(c)]));
      ids.rows(s.ids.map((one) => [one.name, count(one.used), short(one.possible), meter(one.used, one.possible, `ids of ${one.name}`)]));
      tables.rows(s.store.tables.map((t) => [t.role, t.name, t.bytes === null ? "in HBase" : bytes(t.bytes), t.files === null ? "–" : count(t.files)]));
      store.rows(storeRows(s));
      limits.rows(s.limits.map(({ key, value }) => [key, value !== "0" ? value : /\.(memory|concurrent)$/.test(key) ? "by the machine" : "none"]));
    },
  };
}

const found = ({ hits, misses }) => { const part = hitRate(hits, misses); return part === null ? "–" : `${part} %`; };

function links() {
  const all = [["api/stats", "statistics"], ["metrics", "Prometheus"], ["api/ui/status", "this page"], ["logs", "log"], ["version", "version"]];
  return all.map(([path, label], at) => [at ? ", " : "", h("a", { href: new URL(`../../../../../${path}`, import.meta.url).href }, label)]);
}

function storeRows({ store, writes, head, reads }) {
  const rows = store.gateways.map(({ name, up }) => [`Gateway ${name}`, up ? h("span.good", "answers") : h("span.bad", "does not answer")]);
  rows.push(["Cells written", count(writes.stored_cells)], ["Points stored", count(writes.stored_points)], ["Oldest point that waits", span(head.lag_ms)],
    ["Failed passes of the flush", count(writes.failed_passes)], ["Rows read", count(reads.rows)], ["Bytes read", bytes(reads.bytes)]);
  const words = { merges: "Merges of files", merge_ms: "Time in merges", cache_bytes: "Cache of blocks", journal_bytes: "Journal of the trees", bytes_written: "Bytes written",
    "hbase.calls": "Calls to gateways", "hbase.errors": "Calls that failed", "hbase.repeats": "Calls repeated", "hbase.reconnects": "Connections made again" };
  for (const [key, label] of Object.entries(words)) {
    const value = store.counters[key];
    if (value !== undefined) rows.push([label, key.endsWith("_ms") ? span(value) : key.includes("bytes") ? bytes(value) : count(value)]);
  }
  return rows;
}

/** A card with a number, a note and a line. */
function card({ id, title, rates, level, write, note }) {
  const name = h("h2", title);
  name.id = uid(id);
  const number = h("p.status-number", "–");
  const under = h("p.quiet.cut", "\u00a0");
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", `0 0 ${BOX.width} ${BOX.height}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("class", "sparkline");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `${title}: no values yet`);
  const [base, line] = ["status-base", "status-line"].map((kind) => {
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("class", kind);
    svg.append(path);
    return path;
  });
  base.setAttribute("d", `M0 ${BOX.height - 0.5}H${BOX.width}`);
  const element = h("section.card.status-card", { "aria-labelledby": name.id, data: { card: id } }, name, number, svg, under);
  return {
    element,
    draw(status, history) {
      const points = rates ? history.rates(rates) : history.levels(level);
      const { min, max, last } = extent(points);
      text(number, last === null ? "–" : write(last));
      text(under, note(status));
      set(under, { title: note(status) });
      const shown = Math.min(SHOWN, Math.max(60_000, history.age));
      line.setAttribute("d", sparkline(points, { ...BOX, span: shown }));
      if (max !== null) svg.setAttribute("aria-label", `${title} over ${span(Math.max(history.age, 1000))}: from ${write(min)} to ${write(max)}, now ${last === null ? "unknown" : write(last)}`);
    },
  };
}

/** A bar with its percent beside it. */
function meter(value, max, label) {
  const part = max > 0 ? Math.min(100, (value / max) * 100) : 0;
  const words = part > 0 && part < 0.1 ? "< 0.1 %" : `${Math.round(part * 10) / 10} %`;
  return h("span.row.status-meter", h("meter", { min: "0", max: "100", low: "70", high: "85", optimum: "0", value: part, "aria-label": `${label}: ${words}` }), h("span", words));
}

/** A small table whose rows are replaced only if they changed. */
function table(caption, heads) {
  const body = h("tbody");
  const named = heads.some(Boolean);
  const element = h("div.card.scroll", { class: heads.length === 2 ? "two" : { Caches: "meters", Ids: "meters ids" }[caption] ?? "", tabindex: "0", role: "region", "aria-label": caption },
    h("h2", caption), h("table", named ? h("thead", h("tr", heads.map((head, at) => h("th", { class: at ? "number" : "", scope: "col" }, head)))) : null, body));
  let before = "";
  return {
    element,
    rows(list) {
      const made = list.map((cells) => h("tr", cells.map((cell, at) => h(at ? "td.number" : "td", cell))));
      const now = made.map((row) => row.textContent).join("\n");
      if (now === before) return;
      before = now;
      fill(body, made);
    },
  };
}
