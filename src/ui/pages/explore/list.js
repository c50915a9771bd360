/**
 * Explore, metrics: the tree of names and a search at the left, what was found in the middle, the chosen metric at the right.
 *
 * In the address: `q` (parts of names), `prefix`, `view` (`rows` or `pictures`), `metric`, `tags` (`host=a|b,dc=lga`).
 */
import { fill, h, icon, iconButton, marked, set, text } from "../../lib/dom.js";
import { count, many } from "../../lib/format.js";
import { add, draggable } from "../../lib/drag.js";
import { load, save } from "../../lib/store.js";
import { metricPane } from "./metric.js";
import { Latest, Pictures, age, bookmarks, expression, failure, star, tree } from "./parts.js";

/** Metrics of one request. */
const PAGE = 60;
/** Series of a metric above which a picture is not drawn unless it is asked for. */
const SERIES_MAX = 1_000;
/** What is not known of metrics in sight is asked for again after so many ms, so often. */
const AGAIN = [400, 1000, 2000, 4000, 8000];

export function metricsTab(root, ctx) {
  const search = h("input.explore-search", { type: "search", placeholder: "Parts of names, in any order", "aria-label": "Search metrics", autocomplete: "off", spellcheck: "false" });
  const marks = h("div.explore-marks");
  const names = tree("Names of metrics", { load: branches, choose: chosenInTree, none: "No metric begins like this." });
  const left = h("section.explore-left", { "aria-label": "Names" }, search, marks, h("div.explore-tree.scroll", names.element));
  const total = h("h2.explore-total");
  const chips = h("div.row.wrap.grow");
  const rowsButton = viewButton("rows", "Rows", "menu");
  const picturesButton = viewButton("pictures", "Pictures", "table");
  const busy = h("div.busy");
  const list = h("ul.explore-list", { "aria-label": "Metrics" });
  const end = h("div.explore-end");
  const box = h("div.explore-results.scroll", list, end);
  const middle = h("section.explore-middle", { "aria-label": "Metrics found" }, h("header.explore-head", total, chips, h("div.row", { role: "group", "aria-label": "Show as" }, rowsButton, picturesButton)), busy, box);
  const right = h("section.explore-right", { "aria-label": "Chosen metric" });
  const layout = h("div.explore-metrics", left, middle, right);
  root.append(layout);

  const pictures = new Pictures(ctx);
  const pane = metricPane(right, ctx, { bookmarked: () => { drawMarks(); drawStars(); } });
  const asking = new Latest();
  let shown = { q: null, prefix: null, view: null };
  let hits = [];
  let found = null; // the last answer
  let complete = true;
  let timer = 0;
  let typing = 0;
  let tries = 0;

  function viewButton(view, label, picture) {
    return h("button.quiet-button", { type: "button", data: { view }, onclick: () => { save("explore.view", view); ctx.set({ view }, { push: false }); } }, icon(picture), label);
  }
  const params = () => {
    const { params: all } = ctx.route;
    return { q: all.get("q") ?? "", prefix: all.get("prefix") ?? "", view: all.get("view") ?? load("explore.view", "rows"), metric: all.get("metric") ?? "", tags: all.get("tags") ?? "" };
  };

  // ---------------------------------------------------------------- tree and bookmarks

  async function branches(node) {
    const prefix = node ? `${node.key}.` : "";
    const { hits: steps } = await ctx.api.get("api/ui/prefixes", { prefix, q: params().q, max: 2000 });
    return steps.map(({ name, path, metrics, is_metric: isMetric, is_branch: isBranch }) => ({
      key: path, label: name === "" ? "(empty)" : name, hint: isBranch ? count(metrics) : null, branch: isBranch, metric: isMetric,
    }));
  }
  function chosenInTree({ key, branch, metric }) {
    if (branch) ctx.set({ prefix: `${key}.`, ...(metric ? { metric: key, tags: null } : {}) });
    else ctx.set({ metric: key, tags: null });
  }
  function drawMarks() {
    const all = bookmarks.all();
    fill(marks, all.length ? h("details", { open: load("explore.marks", true) ? true : null, ontoggle: (event) => save("explore.marks", event.currentTarget.open) },
      h("summary", `Bookmarks `, h("span.quiet", count(all.length))),
      h("ul", all.map((name) => h("li.row", h("a.grow.cut.name", { href: metricHref(name), title: name }, name), iconButton("close", `Remove the bookmark of ${name}`, () => { bookmarks.toggle(name); drawMarks(); drawStars(); }))))) : null);
  }
  function drawStars() {
    for (const item of list.children) item.querySelector(".star")?.replaceWith(star(item.dataset.name, drawMarks));
    pane.drawStar();
  }
  const metricHref = (name) => {
    const next = ctx.route.params.clone().set("metric", name).set("tags", null);
    return ctx.href("explore", { params: next });
  };

  // ---------------------------------------------------------------- what was found

  async function ask(offset) {
    const { q, prefix } = params();
    const late = setTimeout(() => busy.classList.add("on"), 150);
    try {
      const answer = await asking.run((signal) => ctx.api.get("api/ui/metrics", { q, prefix, max: PAGE, offset }, { signal }));
      if (!answer) return;
      found = answer;
      if (offset === 0) {
        hits = answer.hits;
        draw();
        box.scrollTop = 0;
        ctx.status(`${many(answer.total, "metric")} found.`);
      } else {
        const known = new Set(hits.map(({ name }) => name));
        const more = answer.hits.filter(({ name }) => !known.has(name));
        hits = [...hits, ...more];
        append(more);
      }
      complete = offset + answer.hits.length >= answer.total;
      drawEnd();
      follow();
    } catch (error) {
      if (hits.length === 0 || offset === 0) fill(end, failure(error, () => ask(offset)));
      else fill(end, h("p.bad", error.message));
    } finally {
      clearTimeout(late);
      busy.classList.remove("on");
    }
  }

  /** What is not known yet of the metrics in the list is asked for again, in place. */
  function follow() {
    clearTimeout(timer);
    const open = found?.loading || hits.some(({ series }) => series === null);
    if (!open || tries >= AGAIN.length) return;
    timer = setTimeout(async () => {
      const { q, prefix } = params();
      try {
        const wanted = Math.min(hits.length || PAGE, 1000);
        const answer = await ctx.api.get("api/ui/metrics", { q, prefix, max: wanted });
        const now = params();
        if (now.q !== q || now.prefix !== prefix) return;
        if (answer.total !== found.total && hits.length <= PAGE) return ask(0);
        const known = new Map(answer.hits.map((hit) => [hit.name, hit]));
        hits = hits.map((hit) => known.get(hit.name) ?? hit);
        for (const item of list.children) {
          const hit = known.get(item.dataset.name);
          if (hit) facts(item, hit);
        }
        found = { ...answer, hits: found.hits };
        drawTotal();
        drawEnd();
        follow();
      } catch {
        // The list stands; the next question tells.
      }
    }, AGAIN[tries++]);
  }

  function facts(item, hit) {
    const series = item.querySelector(".explore-series");
    const last = item.querySelector(".explore-age");
    text(series, hit.series === null ? "…" : `${count(hit.series)}${hit.limited ? "+" : ""} series`);
    text(last, hit.last === null ? (hit.series === null ? "" : "no points") : age(hit.last));
    last.classList.toggle("warn", hit.last !== null && Date.now() / 1000 - hit.last > 3 * 86_400);
  }

  function item(hit) {
    const { view, metric, q } = params();
    const words = q.split(/\s+/).filter(Boolean);
    const link = h("a.explore-name.name", { href: metricHref(hit.name), title: hit.name, "aria-current": hit.name === metric ? "true" : null }, marked(hit.name, words));
    const parts = [link, h("span.explore-series.quiet"), h("span.explore-age.quiet"), star(hit.name, drawMarks)];
    const element = view === "pictures"
      ? h("li.card.explore-card", h("div.explore-card-head", parts), pictures.make({
        name: `Sum of ${hit.name}`, texts: (span) => [expression(hit.name, { span })],
        wait: hit.series > SERIES_MAX ? `${count(hit.series)} series` : null,
      }))
      : h("li.explore-row", parts);
    element.dataset.name = hit.name;
    draggable(element, ctx, { kind: "m", text: `sum:${hit.name}` });
    facts(element, hit);
    return element;
  }
  function append(more) { list.append(...more.map(item)); }
  function draw() {
    const { view } = params();
    pictures.clear(list);
    list.className = view === "pictures" ? "explore-list explore-grid" : "explore-list";
    list.replaceChildren();
    append(hits);
    drawTotal();
  }
  function drawTotal() {
    const { q, prefix } = params();
    text(total, `${many(found.total, "metric")}${found.limited ? " and more" : ""}`);
    fill(chips,
      prefix ? h("button.chip", { type: "button", title: "Show all prefixes", onclick: () => ctx.set({ prefix: null }) }, h("span.cut.name", `${prefix}*`), icon("close")) : null,
      q === "" && found.total > 0 ? h("span.hint", "written last first") : null,
      found.loading ? h("span.hint", "names are still being read") : null);
  }
  function drawEnd() {
    const { q, prefix } = params();
    if (found.total === 0 && !found.loading) {
      if (q || prefix) {
        fill(end, h("div.state", h("p", "No metric has all of this in its name."), h("button", { type: "button", onclick: () => { search.value = ""; ctx.set({ q: null, prefix: null }); } }, "Show all metrics")));
      } else fill(end, nothingYet());
      return;
    }
    fill(end, complete ? null : h("span.hint", "…"));
  }
  const more = new IntersectionObserver(([entry]) => {
    if (entry.isIntersecting && !complete && hits.length) ask(hits.length);
  }, { rootMargin: "400px" });
  more.observe(end);

  // ---------------------------------------------------------------- keys and changes

  search.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => ctx.set({ q: search.value.trim() || null }, { push: false }), 60);
  });
  search.addEventListener("keydown", (event) => {
    const first = list.querySelector("a.explore-name");
    if (event.key === "ArrowDown") {
      event.preventDefault();
      first?.focus();
    } else if (event.key === "Enter" && hits.length) {
      event.preventDefault();
      ctx.set({ metric: hits[0].name, tags: null });
    }
  });
  list.addEventListener("keydown", (event) => {
    if (!event.target.matches("a.explore-name") || event.ctrlKey || event.altKey || event.metaKey) return;
    const links = [...list.querySelectorAll("a.explore-name")];
    const at = links.indexOf(event.target);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: links.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    (to < 0 ? search : links[to])?.focus();
  });

  const offKeys = ctx.keys.add([{ keys: ["a"], help: "Add the metric to the graph", group: "Explore", run() {
    const name = document.activeElement?.closest?.(".explore-list > li")?.dataset.name ?? params().metric;
    if (!name) return false;
    add(ctx, { kind: "m", text: `sum:${name}` });
    return true;
  } }]);

  function update() {
    const now = params();
    if (document.activeElement !== search) search.value = now.q;
    for (const button of [rowsButton, picturesButton]) set(button, { "aria-pressed": String(button.dataset.view === now.view) });
    if (now.q !== shown.q) names.reload();
    names.select(now.metric || now.prefix.replace(/\.$/, ""));
    if (now.q !== shown.q || now.prefix !== shown.prefix) {
      tries = 0;
      ask(0);
    } else if (now.view !== shown.view && found) draw();
    for (const link of list.querySelectorAll("a.explore-name")) {
      const name = link.closest("li").dataset.name;
      set(link, { "aria-current": name === now.metric ? "true" : null, href: metricHref(name) });
    }
    layout.classList.toggle("has-metric", now.metric !== "");
    const { start, end: until } = ctx.time;
    const range = `${start} ${until} ${ctx.time.zone}`;
    if (shown.range && shown.range !== range) {
      pictures.refresh();
      pane.redraw();
    }
    shown = { ...now, range };
    pane.update(now);
  }

  drawMarks();
  return {
    update,
    async refresh() {
      tries = 0;
      pictures.refresh();
      await Promise.all([ask(0), names.reload(), pane.refresh()]);
    },
    title: () => (params().metric ? `${params().metric} · Explore` : "Explore"),
    close() {
      offKeys();
      clearTimeout(timer);
      clearTimeout(typing);
      asking.stop();
      more.disconnect();
      pictures.close();
      pane.close();
    },
  };
}

/** A TSD without a single metric. */
export function nothingYet() {
  const now = Math.floor(Date.now() / 1000);
  const point = JSON.stringify({ metric: "my.metric", timestamp: now, value: 42, tags: { host: "here" } });
  const { hostname, port, protocol } = location;
  const address = `${protocol}//${location.host}`;
  return h("div.state", h("h2", "No metrics yet"), h("p", "Send one like this, and it is here a second later:"),
    h("pre.example", { tabindex: "0" }, `curl -d '${point}' ${address}/api/put`),
    h("p.quiet", "or by telnet:"),
    h("pre.example", { tabindex: "0" }, `echo "put my.metric ${now} 42 host=here" | nc -q1 ${hostname} ${port || (protocol === "https:" ? 443 : 80)}`));
}
