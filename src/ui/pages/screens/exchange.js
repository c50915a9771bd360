/** Screens as files: our own form, and pages of Metrilyx as far as they are graphs of queries. */
import { build } from "../../lib/query.js";
import { screenOf, stored } from "./model.js";

/** What a file of ours says it is. */
const FORM = "tsdb-screen";
/** Longest file that is read, in characters. */
export const FILE_MAX = 2_000_000;

/** Screens that are taken from one file. */
const SCREENS_MAX = 100;

/** The text of a file. */
export const exported = (screen) => `${JSON.stringify({ form: FORM, ...stored(screen) }, null, 2)}\n`;

/** A name for it that every system takes. */
export const fileName = (screen) => `${screen.name.replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-+|-+$/g, "").slice(0, 60) || "screen"}.json`;

/** Screens of a file: `{ screens, notes }` with what could not be taken over, or `{ error }`. */
export function imported(text) {
  if (text.length > FILE_MAX) return { error: "This file is too large to be a screen." };
  let given;
  try {
    given = JSON.parse(text);
  } catch (error) {
    return { error: `This is no JSON: ${error.message}` };
  }
  const list = Array.isArray(given) ? given : [given];
  const screens = [];
  const notes = [];
  for (const [at, one] of list.slice(0, SCREENS_MAX).entries()) {
    const which = list.length > 1 ? `Number ${at + 1} of this file` : "This";
    if (one === null || typeof one !== "object") return { error: `${which} is no screen.` };
    try {
      if (Array.isArray(one.layout)) screens.push(metrilyx(one, notes));
      else if (Array.isArray(one.panels)) {
        const { form, id, version, updated, ...rest } = one;
        screens.push(screenOf(rest));
      } else return { error: `${which} is no screen: it has neither panels (ours) nor a layout (Metrilyx).` };
    } catch (error) {
      return { error: `${which} is no screen: ${error.message}` };
    }
  }
  if (list.length > SCREENS_MAX) notes.push(`Only the first ${SCREENS_MAX} of ${list.length} screens were taken.`);
  return screens.length ? { screens, notes } : { error: "There is no screen in this file." };
}

// ------------------------------------------------------------------ Metrilyx

const TYPES = { line: "line", spline: "line", area: "area", areaspline: "area", stacked: "stacked", column: "stacked", pie: "pie", scatter: "points" };
const LEVELS = { danger: "bad", warning: "warn", info: "good" };
/** Metrilyx writes numbers of this size for "none". */
const NONE = 1e14;

function metrilyx(page, notes) {
  const graphs = [];
  // Rows hold columns, columns hold pods, pods hold graphs: in whatever depth, in order.
  const walk = (node, depth) => {
    if (depth > 12 || graphs.length >= 100) return;
    if (Array.isArray(node)) node.forEach((one) => walk(one, depth + 1));
    else if (node && typeof node === "object") {
      if (Array.isArray(node.series)) graphs.push(node);
      else for (const part of ["graphs", "pods", "columns", "layout"]) if (node[part]) walk(node[part], depth + 1);
    }
  };
  walk(page.layout, 0);
  const widest = Math.max(1, ...page.layout.map((row) => (Array.isArray(row) ? row.length : 1)));
  return screenOf({
    name: String(page.name ?? page._id ?? "Imported page").slice(0, 120),
    folder: String(page.group ?? (Array.isArray(page.tags) ? page.tags[0] : "") ?? "").slice(0, 120),
    note: String(page.description ?? "").slice(0, 2000),
    columns: Math.min(4, Math.max(2, widest)),
    panels: graphs.map((graph) => metrilyxGraph(graph, notes)),
  });
}

function metrilyxGraph(graph, notes) {
  const title = String(graph.name ?? "").slice(0, 200);
  const queries = graph.series.slice(0, 20).flatMap((series) => {
    const { aggregator = "sum", metric, rate, tags } = series?.query ?? {};
    if (typeof metric !== "string" || metric === "") return [];
    const text = (value) => (typeof value === "string" && !value.startsWith("!") ? value : "");
    if ([series.alias, series.yTransform].some((value) => typeof value === "string" && value.startsWith("!"))) notes.push(`${title || metric}: a script in an alias or transform was left out.`);
    const groups = Object.entries(tags ?? {}).map(([tagk, filter]) => ({ tagk, filter: String(filter) }));
    const alias = text(series.alias);
    return [{
      m: build({ agg: String(aggregator), rate: rate ? { kind: "plain" } : null, metric, groups }),
      alias: alias === metric ? "" : alias.slice(0, 300),
      expression: text(series.yTransform).slice(0, 500),
      pane: Number(series.paneIndex) === 1 && graph.multiPane ? "lower" : "upper",
    }];
  });
  if (graph.series.length > 20) notes.push(`${title}: only the first 20 of ${graph.series.length} queries were taken.`);
  const kind = TYPES[graph.graphType] ?? "line";
  const number = (value) => (value === "" || value === null || value === undefined || !Number.isFinite(Number(value)) || Math.abs(Number(value)) >= NONE ? null : Number(value));
  const thresholds = Object.entries(graph.thresholds ?? {}).flatMap(([name, bounds]) => {
    const [from, to] = bounds !== null && typeof bounds === "object" ? [number(bounds.min), number(bounds.max)] : [number(bounds), null];
    return LEVELS[name] && (from !== null || to !== null) ? [{ from, to, level: LEVELS[name] }] : [];
  });
  return { title, kind, width: graph.size === "large" ? 2 : 1, queries, thresholds };
}
