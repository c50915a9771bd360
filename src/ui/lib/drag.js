/**
 * Queries that are added to a graph from elsewhere: dragged onto it, here or in another window, or by a button or a key. A query is
 * `{ kind: "m" | "tsuid", text }`.
 */
import { many } from "./format.js";
import { toast } from "./layer.js";
import { DRAGGED, build, parse } from "./query.js";

/** How long a drag rests on the bar's link before the Graph opens, in ms. */
const OPENS_AFTER = 600;

const barLink = () => document.querySelector('nav.pages a[data-page="graph"]');
const open = () => { location.hash = barLink()?.getAttribute("href") ?? "#"; };

/** The query of what was dropped, or null when it is none. */
export function read(data) {
  try {
    const { kind, text } = JSON.parse(data);
    return ["m", "tsuid"].includes(kind) && !parse(text, kind).error ? { kind, text } : null;
  } catch {
    return null;
  }
}

/** The query of one series, or of its rate. Tags that an expression cannot hold leave its id, where that is known. */
export function ofSeries({ metric, tags, tsuid }, rate = null) {
  const list = Object.entries(tags).map(([tagk, filter]) => ({ tagk, filter }));
  const plain = list.every(({ tagk, filter }) => !/[*|(){}=,]/.test(tagk + filter));
  return plain || !tsuid ? { kind: "m", text: build({ agg: "sum", rate, metric, groups: list }) } : { kind: "tsuid", text: build({ agg: "sum", rate, tsuids: [tsuid] }) };
}

/** Adds a query to the graph that was shown last, says so, and offers the way there. */
export function add(ctx, { kind, text }) {
  const now = ctx.addToGraph(kind, text);
  const said = `Added to the graph, which has ${many(now, "query", "queries")} now.`;
  toast(said, { action: { label: "Show it", run: open } });
}

/** Lets an element be dragged as a query. While it is, the bar's link to the Graph takes it, and opens the Graph when it rests there. */
export function draggable(element, ctx, query) {
  element.draggable = true;
  element.addEventListener("dragstart", (event) => {
    event.stopPropagation();
    event.dataTransfer.effectAllowed = "copy";
    event.dataTransfer.setData(DRAGGED, JSON.stringify(query));
    event.dataTransfer.setData("text/plain", query.text);
    takeAtBar(ctx);
  });
  return element;
}

function takeAtBar(ctx) {
  const link = barLink();
  if (!link) return;
  const drag = new AbortController();
  const { signal } = drag;
  let opening = 0;
  const leave = () => {
    clearTimeout(opening);
    opening = 0;
    link.classList.remove("drop");
  };
  link.addEventListener("dragover", (event) => {
    event.preventDefault();
    link.classList.add("drop");
    opening ||= setTimeout(open, OPENS_AFTER);
  }, { signal });
  link.addEventListener("dragleave", leave, { signal });
  link.addEventListener("drop", (event) => {
    event.preventDefault();
    const query = read(event.dataTransfer.getData(DRAGGED));
    if (query) add(ctx, query);
  }, { signal });
  // Of the whole document: what is dragged may be gone, with its page.
  for (const kind of ["dragend", "drop"]) document.addEventListener(kind, () => { leave(); setTimeout(() => drag.abort(), 0); }, { signal, capture: true });
}
