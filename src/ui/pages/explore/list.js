/**
 * Explore, metrics: the tree of names and a search at the left, what was found in the middle, the chosen metric at the right.
 *
 * In the address: `q` (parts of names; with `re` a regular expression), `tagk` and `tagv` (regular expressions), `prefix`, `view` (`rows` or `pictures`), `metric`, `tags` (`host=a|b,dc=lga`).
 */
import { fill, h, icon, iconButton, marked, set, text } from "../../lib/dom.js";
import { count, many } from "../../lib/format.js";
import { add, draggable } from "../../lib/drag.js";
import { load, save } from "../../lib/store.js";
import { metricPane } from "./metric.js";
import { Latest, Pictures, age, bookmarks, expression, failure, star, tree } from "./parts.js";

/** What is typed is asked for after so many ms: parts of names, and expressions, which are often wrong until they are whole. */
const QUIET = [60, 300];
/** Metrics of one request. */
const PAGE = 60;
/** Metrics that a reload asks for again at most. */
const SHOWN_AGAIN = 1000;
/** Series of a metric above which a picture is not drawn unless it is asked for. */
const SERIES_MAX = 1_000;
/** What is not known of metrics in sight is asked for again after so many ms, so often. */
const AGAIN = [400, 1000, 2000, 4000, 8000];

export function metricsTab(root, ctx) {
  const search = h("input.explore-search", { type: "search", placeholder: "Parts of names, in any order", "aria-label": "Search metrics", autocomplete: "off", spellcheck: "false" });
  const regex = h("button.icon-button.explore-regex", { type: "button", "aria-label": "Regular expression", title: "What is typed is a regular expression", onclick: () => { ctx.set({ re: params().re ? null : "1" }, { push: false }); search.focus(); } }, ".*");
  const [tagk, tagv] = [["tagk", "Tag name"], ["tagv", "Tag value"]].map(([name, label]) => h("input", { type: "search", placeholder: label, "aria-label": `${label}, a regular expression`, autocomplete: "off", spellcheck: "false", data: { name } }));
  const byTags = h("details.explore-by-tags", h("summary", "By tags"), h("div.row", tagk, h("span.quiet", "="), tagv), h("p.hint", "Regular expressions: metrics with a series that has such a tag."));
  const fault = h("p.field-error", { role: "alert" });
  const marks = h("div.explore-marks");
  const names = tree("Names of metrics", { load: branches, choose: chosenInTree, none: "No metric begins like this." });
  const left = h("section.explore-left", { "aria-label": "Names" }, h("div.row", search, regex), byTags, fault, marks, h("div.explore-tree.scroll", names.element));
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
  let shown = { wanted: null, view: null };
  let hits = [];
  let found = null; // the last answer
  let complete = true;
  let timer = 0;
  let typing = 0;
  let tries = 0;
  let round = 0; // questions for the list so far
  let treeOf = null; // what the tree was loaded for

  function viewButton(view, label, picture) {
    return h("button.quiet-button", { type: "button", data: { view }, onclick: () => { save("explore.view", view); ctx.set({ view }, { push: false }); } }, icon(picture), label);
  }
  const params = () => {
    const { params: all } = ctx.route;
    return { q: all.get("q") ?? "", re: Boolean(all.get("re")), tagk: all.get("tagk") ?? "", tagv: all.get("tagv") ?? "", prefix: all.get("prefix") ?? "", view: all.get("view") ?? load("explore.view", "rows"), metric: all.get("metric") ?? "", tags: all.get("tags") ?? "" };
  };

  /** What names and tags must be, as the server is asked for it. */
  const wanted = () => {
    const { q, re, tagk: key, tagv: value } = params();
    return { q: re ? "" : q, ...(re && q ? { regex: q } : {}), ...(key ? { tagk: key } : {}), ...(value ? { tagv: value } : {}) };
  };
  const signature = () => JSON.stringify([wanted(), params().prefix]);

  // ---------------------------------------------------------------- tree and bookmarks

  async function branches(node) {
    const prefix = node ? `${node.key}.` : "";
    const { hits: steps } = await ctx.api.get("api/ui/prefixes", { prefix, ...wanted(), max: 2000 });
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

  /** Metrics from `offset` on; `again`: all that are shown, which stay where they are. */
  async function ask(offset, again = false) {
    const { prefix } = params();
    round++;
    clearTimeout(timer);
    const max = again ? Math.max(PAGE, Math.min(hits.length, SHOWN_AGAIN)) : PAGE;
    const late = setTimeout(() => busy.classList.add("on"), 150);
    try {
      const answer = await asking.run((signal) => ctx.api.get("api/ui/metrics", { ...wanted(), prefix, max, offset }, { signal }));
      if (!answer) return;
      faulty(null);
      follows();
      found = answer;
      if (again && offset === 0) renew(answer.hits);
      else if (offset === 0) {
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
      if (faulty(error)) return;
      follows();
      if (hits.length === 0 || offset === 0) fill(end, failure(error, () => ask(offset, again)));
      else fill(end, h("p.bad", error.message));
    } finally {
      clearTimeout(late);
      busy.classList.remove("on");
    }
  }

  /** The same list anew: rows are made again only where their order is another one, and the focus and the place stay. */
  function renew(now) {
    const same = now.length === hits.length && now.every(({ name }, at) => name === hits[at].name);
    hits = now;
    if (same) {
      [...list.children].forEach((one, at) => facts(one, hits[at]));
      return drawTotal();
    }
    const [top, focused] = [box.scrollTop, list.contains(document.activeElement) ? document.activeElement.closest("li").dataset.name : null];
    draw();
    box.scrollTop = top;
    if (focused !== null) [...list.children].find(({ dataset }) => dataset.name === focused)?.querySelector("a").focus({ preventScroll: true });
  }

  /** The tree follows what is asked for, once it can be read: an expression that cannot leaves it as it is. */
  function follows() {
    const now = JSON.stringify(wanted());
    if (now === treeOf) return;
    treeOf = now;
    names.reload();
  }

  /** Whether the server named an expression as the fault: it is said below the boxes, and what was found before stays. */
  function faulty(error) {
    const name = /^'(regex|tagk|tagv)': /.exec(error?.status === 400 ? error.message : "")?.[1];
    for (const [box, own] of [[search, "regex"], [tagk, "tagk"], [tagv, "tagv"]]) set(box, { "aria-invalid": name === own ? "true" : null });
    text(fault, name ? error.message.slice(name.length + 4) : "");
    return Boolean(name);
  }

  /** What is not known yet of the metrics in the list is asked for again, in place. */
  function follow() {
    clearTimeout(timer);
    const open = found?.loading || hits.some(({ series }) => series === null);
    if (!open || tries >= AGAIN.length) return;
    timer = setTimeout(async () => {
      const [before, mine] = [signature(), round];
      try {
        const most = Math.min(hits.length || PAGE, 1000);
        const answer = await ctx.api.get("api/ui/metrics", { ...wanted(), prefix: params().prefix, max: most });
        // What was asked for meanwhile tells more, also where it failed.
        if (signature() !== before || mine !== round) return;
        if (answer.total !== found.total && hits.length <= PAGE) {
          if (tagk.value || tagv.value) treeOf = null; // series were found meanwhile: the tree has more, too
          return ask(0);
        }
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
    const { view, metric, q, re } = params();
    const words = re ? [] : q.split(/\s+/).filter(Boolean);
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
      found.loading ? h("span.hint", tagk.value || tagv.value ? "series are still being looked for" : "names are still being read") : null);
  }
  function drawEnd() {
    const { q, prefix, re, tagk: key, tagv: value } = params();
    if (found.total === 0 && !found.loading) {
      if (q || prefix || key || value) {
        const box = h("div.state", h("p", re || key || value ? "No metric fits." : "No metric has all of this in its name."), h("button", { type: "button", onclick: () => { for (const box of [search, tagk, tagv]) box.value = ""; ctx.set({ q: null, re: null, tagk: null, tagv: null, prefix: null }); } }, "Show all metrics"));
        fill(end, box);
        if (q && !re && !key && !value && !prefix) offer(q, box);
      } else fill(end, nothingYet());
      return;
    }
    fill(end, complete ? null : h("span.hint", "…"));
  }
  /** Names that may be meant. */
  async function offer(typed, box) {
    const { hits: near, why } = await ctx.near(typed).catch(() => ({ hits: [] }));
    if (near.length) box.firstChild.after(h("p.quiet", why), h("div.row.wrap.explore-near", near.map(({ name }) => h("a.chip", { href: metricHref(name) }, h("span.cut.name", name)))));
  }
  const more = new IntersectionObserver(([entry]) => {
    if (entry.isIntersecting && !complete && hits.length) ask(hits.length);
  }, { rootMargin: "400px" });
  more.observe(end);

  // ---------------------------------------------------------------- keys and changes

  for (const [box, name] of [[search, "q"], [tagk, "tagk"], [tagv, "tagv"]]) {
    box.addEventListener("input", () => {
      clearTimeout(typing);
      // A box that is left too early for its own question is asked with the next one.
      typing = setTimeout(() => ctx.set({ q: search.value.trim() || null, tagk: tagk.value.trim() || null, tagv: tagv.value.trim() || null }, { push: false }), QUIET[name === "q" && !params().re ? 0 : 1]);
    });
  }
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
    for (const [box, value] of [[search, now.q], [tagk, now.tagk], [tagv, now.tagv]]) if (document.activeElement !== box) box.value = value;
    set(regex, { "aria-pressed": String(now.re) });
    search.placeholder = now.re ? "Regular expression" : "Parts of names, in any order";
    if (now.tagk || now.tagv) byTags.open = true;
    const asks = signature();
    for (const button of [rowsButton, picturesButton]) set(button, { "aria-pressed": String(button.dataset.view === now.view) });
    names.select(now.metric || now.prefix.replace(/\.$/, ""));
    if (asks !== shown.wanted) {
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
    shown = { ...now, range, wanted: asks };
    pane.update(now);
  }

  drawMarks();
  return {
    update,
    async refresh() {
      tries = 0;
      pictures.refresh();
      await Promise.all([ask(0, true), names.renew(), pane.refresh()]);
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
