/**
 * While a screen is edited: metrics at the left, found by parts of their names. One that is dragged onto a panel becomes a
 * query of it; one that is clicked, or dropped beside all panels, becomes a panel of its own. Loaded with the first edit.
 */
import { fill, h, marked, text } from "../../lib/dom.js";
import { many } from "../../lib/format.js";
import { parse } from "../../lib/query.js";
import { panelOf, queryOf } from "./model.js";

/** Metrics that are listed; the search finds the others. */
const SHOWN = 50;
/** What a dragged metric carries its name as. */
const TYPE = "application/x-tsdb-metric";
/** Panels of a screen, and queries of a panel, at most, as the server has it. */
const [PANELS_MAX, QUERIES_MAX] = [100, 20];
const QUIET = 80;

/** The query of a metric in a panel: aggregated as the panel's first one. */
function queryFor(panel, name) {
  const first = parse(panel?.queries[0]?.m ?? "");
  return queryOf({ m: `${first.error ? "sum" : first.agg}:${name}` });
}

/** `page` is the page of screens. `{ element, close() }`. */
export function metricList(page) {
  const { ctx } = page;
  const search = h("input", { type: "search", placeholder: "Parts of names", "aria-label": "Find a metric to add", autocomplete: "off", spellcheck: "false", oninput: () => { clearTimeout(timer); timer = setTimeout(find, QUIET); } });
  const state = h("p.hint", { role: "status" });
  const list = h("ul");
  const element = h("section.metric-list", { "aria-label": "Metrics to add" }, h("h2", "Metrics"), search, h("p.hint", "Click: a panel of its own. Drag onto a panel: a query of it."), list, state);
  let timer = 0;
  let asking = null;

  async function find() {
    asking?.abort();
    const mine = (asking = new AbortController());
    const words = search.value.trim();
    try {
      const { hits, total } = await ctx.api.metrics(words, { max: SHOWN, signal: mine.signal });
      if (mine !== asking) return;
      fill(list, hits.map(({ name }, at) => h("li", h("button.metric-item", {
        type: "button", draggable: "true", tabindex: at ? "-1" : "0", title: name, onclick: () => add(null, name),
        ondragstart: (event) => { event.dataTransfer.setData(TYPE, name); event.dataTransfer.effectAllowed = "copy"; },
      }, h("span.name.cut", marked(name, words.split(/\s+/)))))));
      text(state, total > hits.length ? `the first ${hits.length} of ${many(total, "metric")}` : total === 0 ? "No metric has this in its name." : "");
    } catch (error) {
      if (error.kind !== "aborted") text(state, error.message);
    }
  }

  // One stop of the Tab key, however many there are: the arrow keys go through them.
  const items = () => [...list.querySelectorAll("button")];
  element.addEventListener("keydown", (event) => {
    const all = items();
    const at = all.indexOf(document.activeElement);
    if (at < 0 && document.activeElement !== search) return;
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, ...(at < 0 ? {} : { Home: 0, End: all.length - 1 }) }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    const next = to < 0 ? search : all[Math.min(to, all.length - 1)];
    for (const one of all) one.setAttribute("tabindex", one === next || (next === search && one === all[0]) ? "0" : "-1");
    next?.focus();
  });

  /** To a panel, or (null) to the screen. */
  function add(panel, name) {
    const { view } = page;
    const { panels } = view.screen;
    if (panel && panel.kind !== "text") {
      if (panel.queries.length >= QUERIES_MAX) return ctx.error(`A panel has at most ${QUERIES_MAX} queries.`);
      panel.queries.push(queryFor(panel, name));
      ctx.status(`${name} is a query of the panel now.`);
    } else {
      if (panels.length >= PANELS_MAX) return ctx.error(`A screen has at most ${PANELS_MAX} panels.`);
      panels.push(panelOf({ kind: "line", queries: [{ m: `sum:${name}` }] }));
      ctx.status(`${name} is panel ${panels.length} now.`);
    }
    view.changed();
    const changed = panel ?? panels[panels.length - 1];
    view.views.get(changed.key)?.element.scrollIntoView({ block: "nearest" });
  }

  // ---------------------------------------------------------------- dropping
  const { grid } = page.view;
  const under = (event) => event.target.closest?.(".grid > .panel") ?? null;
  const carries = (event) => event.dataTransfer?.types.includes(TYPE);
  const clear = () => { for (const one of grid.querySelectorAll(".drop-into")) one.classList.remove("drop-into"); };
  const on = {
    dragover(event) {
      if (!carries(event)) return;
      event.preventDefault();
      event.dataTransfer.dropEffect = "copy";
      clear();
      under(event)?.classList.add("drop-into");
    },
    dragleave(event) { if (!grid.contains(event.relatedTarget)) clear(); },
    drop(event) {
      if (!carries(event)) return;
      event.preventDefault();
      const key = under(event)?.dataset.key;
      clear();
      add(page.view.screen.panels.find((one) => one.key === key) ?? null, event.dataTransfer.getData(TYPE));
    },
  };
  for (const [name, listener] of Object.entries(on)) grid.addEventListener(name, listener);
  find();
  return {
    element,
    close() {
      clearTimeout(timer);
      asking?.abort();
      for (const [name, listener] of Object.entries(on)) grid.removeEventListener(name, listener);
      element.remove();
    },
  };
}
