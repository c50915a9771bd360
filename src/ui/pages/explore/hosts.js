/**
 * Explore, hosts: search them by words and by tags (`web dc=lga`), choose some, choose some of their metrics, and draw: a
 * graph for each host, one for each metric, or all in one.
 *
 * In the address: `q`, `tag` (another tag than `host`), `limit` (50, 100, 500), `page`, `host` and `metric` (lists), `mq`
 * (parts of metrics), `by` (`host`, `metric`, `all`).
 */
import { fill, h, iconButton, set, text } from "../../lib/dom.js";
import { count, many } from "../../lib/format.js";
import { combobox } from "../../lib/combobox.js";
import { Latest, Pictures, choices, expression, failure, graphOf } from "./parts.js";

const LIMITS = [50, 100, 500];
/** Metrics of one answer. */
const METRICS_MAX = 2_000;
/** Graphs that are shown before "more". */
const GRAPHS = 60;
/** While hosts are still being looked for, the list is asked for again after so many ms. */
const AGAIN = 1500;
const VIEWS = [["host", "A graph for each host"], ["metric", "A graph for each metric"], ["all", "All in one"]];

export function hostsTab(root, ctx) {
  const search = h("input", { type: "search", placeholder: "web dc=lga", "aria-label": "Search hosts by words and by tags such as dc=lga", autocomplete: "off", spellcheck: "false" });
  const tag = h("input.explore-tagbox", { type: "text", "aria-label": "The tag that names hosts", placeholder: "host" });
  const limit = h("select", { "aria-label": "Hosts of a page" }, LIMITS.map((number) => h("option", { value: String(number) }, `${number} / page`)));
  const quick = h("input.grow", { type: "search", placeholder: "Filter", "aria-label": "Filter this page of hosts" });
  const state = h("p.hint", { role: "status" });
  const pager = h("div.row.wrap");
  const hosts = choices("Hosts", { row: hostRow, none: "No host fits.", change: (chosen) => ctx.set({ host: sorted(chosen) }, { push: false }) });
  const all = toggleAll("Hosts", () => hosts);
  const hostSide = h("section.explore-pick", { "aria-label": "Hosts" },
    h("div.row", h("div.grow.explore-searchbox", search), tag), h("div.row", limit, quick, all), state, h("div.explore-pick-list.scroll", hosts.element), pager);

  const metricSearch = h("input.grow", { type: "search", placeholder: "Parts of metrics", "aria-label": "Search metrics of the chosen hosts" });
  const metricState = h("p.hint", { role: "status" });
  const metricFault = h("div");
  const metrics = choices("Metrics of the chosen hosts", { row: metricRow, none: "No metric fits.", change: (chosen) => ctx.set({ metric: sorted(chosen) }, { push: false }) });
  const allMetrics = toggleAll("Metrics", () => metrics);
  const metricSide = h("section.explore-pick", { "aria-label": "Metrics" }, h("div.row", metricSearch, allMetrics), metricState, metricFault, h("div.explore-pick-list.scroll", metrics.element));

  const views = h("div.row.wrap", { role: "group", "aria-label": "Graphs" }, VIEWS.map(([by, label]) => h("button.quiet-button", { type: "button", data: { by }, onclick: () => ctx.set({ by: by === "host" ? null : by }, { push: false }) }, label)));
  const graphState = h("p.hint", { role: "status" });
  const graphs = h("ul.explore-list.explore-grid");
  const graphEnd = h("div");
  const graphSide = h("section.explore-graphs", { "aria-label": "Graphs" }, h("header.explore-head", views, h("span.grow"), graphState), h("div.scroll.explore-graphs-box", graphs, graphEnd));
  root.append(h("div.explore-hosts", hostSide, metricSide, graphSide));

  const pictures = new Pictures(ctx);
  const askingHosts = new Latest();
  const askingMetrics = new Latest();
  let shown = {};
  let drawn = GRAPHS;
  let timer = 0;
  let typing = 0;

  combobox(tag, {
    source: (text, { offset, signal }) => ctx.api.get("api/ui/names", { type: "tagk", q: text, offset }, { signal }),
    label: "Tags", open: true, first: false, free: true,
    pick: ({ name }) => { tag.value = name; ctx.set({ tag: name === "host" ? null : name, host: null, metric: null, page: null }); },
  });

  const params = () => {
    const { params: p } = ctx.route;
    const number = Number(p.get("limit"));
    return {
      q: p.get("q") ?? "", tag: p.get("tag") || "host", limit: LIMITS.includes(number) ? number : LIMITS[0], page: Math.max(1, Math.floor(Number(p.get("page")) || 1)),
      hosts: p.all("host"), metrics: p.all("metric"), mq: p.get("mq") ?? "", by: VIEWS.some(([by]) => by === p.get("by")) ? p.get("by") : "host",
    };
  };
  const sorted = (chosen) => [...chosen].sort();

  function toggleAll(what, of) {
    return h("button", { type: "button", title: `${what}: choose all that are shown, or none`, onclick: () => {
      const list = of();
      const names = [...list.element.querySelectorAll("[role=option]:not([hidden]):not([aria-disabled])")];
      list.all(!names.every((one) => one.getAttribute("aria-selected") === "true"));
    } }, "All");
  }
  function hostRow({ name, metrics: known, series }) {
    return [h("span.grow.cut.name", name), h("span.quiet", { title: many(series, "series", "series") }, known === undefined ? "" : many(known, "metric"))];
  }
  function metricRow({ name, hosts: of, series }) {
    const { hosts: chosen } = params();
    return [h("span.grow.cut.name", name), h("span.quiet", { title: many(series, "series", "series") }, chosen.length > 1 ? `${count(of)} of ${count(chosen.length)}` : many(series, "series", "series"))];
  }

  // ---------------------------------------------------------------- hosts

  async function loadHosts() {
    clearTimeout(timer);
    const { q, tag: name, limit: max, page, hosts: chosen } = params();
    try {
      const answer = await askingHosts.run((signal) => ctx.api.get("api/ui/hosts", { q, tag: name, max, offset: (page - 1) * max }, { signal }));
      if (!answer) return;
      hosts.set(answer.hits, chosen);
      hosts.filter(quick.value);
      const first = (page - 1) * max;
      const word = name === "host" ? many(answer.total, "host") : many(answer.total, "value");
      text(state, `${word}${answer.total > max ? `, ${count(Math.min(first + 1, answer.total))} to ${count(Math.min(first + max, answer.total))}` : ""}${answer.loading ? "; still looking" : ""}${answer.limited ? "; there are more series than are held" : ""}`);
      const pages = Math.ceil(answer.total / max);
      fill(pager, pages > 1 ? [
        iconButton("left", "Page before", () => ctx.set({ page: page > 2 ? page - 1 : null }), { disabled: page <= 1 }),
        h("span.quiet.nowrap", `Page ${count(page)} of ${count(pages)}`),
        iconButton("right", "Next page", () => ctx.set({ page: page + 1 }), { disabled: page >= pages }),
      ] : null, chosen.length ? h("button.link", { type: "button", onclick: () => ctx.set({ host: null }, { push: false }) }, h("span.nowrap", `Choose none (${count(chosen.length)})`)) : null);
      if (answer.loading) timer = setTimeout(loadHosts, AGAIN);
    } catch (error) {
      fill(pager, failure(error, loadHosts));
    }
  }

  // ---------------------------------------------------------------- metrics

  async function loadMetrics() {
    const { hosts: chosen, tag: name, mq, metrics: wanted } = params();
    if (chosen.length === 0) {
      askingMetrics.stop();
      metrics.set([], []);
      fill(metricFault);
      fill(metrics.element, h("li.choice-note", { role: "option", "aria-disabled": "true", "aria-selected": "false" }, "Choose hosts to see what they send."));
      text(metricState, "");
      return;
    }
    try {
      const answer = await askingMetrics.run((signal) => ctx.api.post("api/ui/counters", { hosts: chosen }, { params: { tag: name, q: mq, max: METRICS_MAX }, signal }));
      if (!answer) return;
      fill(metricFault);
      metrics.set(answer.hits, wanted);
      text(metricState, `${many(answer.total, "metric")}${answer.total > answer.hits.length ? `, the first ${count(answer.hits.length)}` : ""}${wanted.length ? `; ${count(wanted.length)} chosen` : ""}`);
    } catch (error) {
      fill(metricFault, failure(error, loadMetrics)); // what was there stays
    }
  }

  // ---------------------------------------------------------------- graphs

  /** What is drawn: a title, expressions of a picture, and those of its Graph. */
  function plan() {
    const { hosts: chosen, metrics: wanted, tag: name, by } = params();
    const both = chosen.join("|");
    const text = (metric, filter, span) => expression(metric, { groups: [[name, filter]], span });
    const plain = (metric, filter) => `sum:${metric}{${name}=${filter}}`;
    if (by === "metric") return wanted.map((metric) => ({ title: metric, texts: (span) => [text(metric, both, span)], graph: [plain(metric, both)] }));
    if (by === "all") return [{ title: many(wanted.length, "metric"), texts: (span) => wanted.map((metric) => text(metric, both, span)), graph: wanted.map((metric) => plain(metric, both)) }];
    return chosen.map((host) => ({ title: host, texts: (span) => wanted.map((metric) => text(metric, host, span)), graph: wanted.map((metric) => plain(metric, host)) }));
  }
  let cards = new Map(); // what is drawn, by what it shows
  function card({ title, texts, graph }, tall) {
    const link = h("a.explore-name.name", { href: graphOf(ctx, graph), title: `Graph of ${title}` }, title);
    return { link, element: h("li.card.explore-card", h("div.explore-card-head", link), pictures.make({ name: title, texts, tall, legend: true })) };
  }
  function draw() {
    const { hosts: chosen, metrics: wanted, by } = params();
    graphs.classList.toggle("one", by === "all");
    if (!chosen.length || !wanted.length) {
      pictures.clear(graphs);
      cards.clear();
      graphs.replaceChildren();
      text(graphState, "");
      fill(graphEnd, h("div.state", h("p.quiet", !chosen.length ? "Choose hosts at the left: click, Shift and click for a range." : "Now choose metrics of these hosts.")));
      return;
    }
    const list = plan();
    text(graphState, `${many(list.length, "graph")} of ${many(chosen.length, "host")} and ${many(wanted.length, "metric")}`);
    // A graph of the same things stays as it is.
    const before = cards;
    cards = new Map(list.slice(0, drawn).map((one) => {
      const key = JSON.stringify([one.title, one.texts(0), by === "all"]);
      return [key, before.get(key) ?? card(one, by === "all")];
    }));
    const shownNow = [...cards.values()];
    list.slice(0, drawn).forEach(({ graph }, at) => set(shownNow[at].link, { href: graphOf(ctx, graph) }));
    graphs.replaceChildren(...shownNow.map(({ element }) => element));
    for (const [key, gone] of before) if (!cards.has(key)) pictures.clear(gone.element);
    fill(graphEnd, list.length > drawn ? h("button", { type: "button", onclick: () => { drawn += GRAPHS; draw(); } }, `Show ${count(Math.min(GRAPHS, list.length - drawn))} more of ${count(list.length - drawn)}`) : null);
  }

  // ---------------------------------------------------------------- changes

  const soon = (run) => { clearTimeout(typing); typing = setTimeout(run, 80); };
  search.addEventListener("input", () => soon(() => ctx.set({ q: search.value.trim() || null, page: null }, { push: false })));
  metricSearch.addEventListener("input", () => soon(() => ctx.set({ mq: metricSearch.value.trim() || null }, { push: false })));
  quick.addEventListener("input", () => hosts.filter(quick.value));
  limit.addEventListener("change", () => ctx.set({ limit: limit.value === String(LIMITS[0]) ? null : limit.value, page: null }));
  const down = (list) => (event) => {
    if (event.key !== "ArrowDown") return;
    event.preventDefault();
    list.element.querySelector("[role=option]:not([hidden])")?.focus();
  };
  search.addEventListener("keydown", down(hosts));
  metricSearch.addEventListener("keydown", down(metrics));

  const key = (...parts) => JSON.stringify(parts);
  function update() {
    const now = params();
    if (document.activeElement !== search) search.value = now.q;
    if (document.activeElement !== metricSearch) metricSearch.value = now.mq;
    if (document.activeElement !== tag) tag.value = now.tag;
    limit.value = String(now.limit);
    for (const button of views.children) set(button, { "aria-pressed": String(button.dataset.by === now.by) });
    const next = {
      hostList: key(now.q, now.tag, now.limit, now.page), hosts: key(now.hosts), metricList: key(now.hosts, now.tag, now.mq), metrics: key(now.metrics),
      plan: key(now.hosts, now.metrics, now.by, now.tag), range: key(ctx.time.start, ctx.time.end, ctx.time.zone),
    };
    if (next.hostList !== shown.hostList) loadHosts();
    else if (next.hosts !== shown.hosts) {
      hosts.choose(now.hosts);
      loadHosts();
    }
    if (next.metricList !== shown.metricList) loadMetrics();
    else if (next.metrics !== shown.metrics) {
      metrics.choose(now.metrics);
      text(metricState, metricState.textContent.replace(/; \d.*chosen$/, "") + (now.metrics.length ? `; ${count(now.metrics.length)} chosen` : ""));
    }
    if (next.plan !== shown.plan) {
      drawn = GRAPHS;
      draw();
    } else if (next.range !== shown.range) {
      draw(); // links carry the range
    }
    if (shown.range && next.range !== shown.range) pictures.refresh();
    shown = next;
  }

  return {
    update,
    async refresh() {
      pictures.refresh();
      await Promise.all([loadHosts(), loadMetrics()]);
    },
    close() {
      clearTimeout(timer);
      clearTimeout(typing);
      askingHosts.stop();
      askingMetrics.stop();
      pictures.close();
    },
  };
}
