/** What `#/screens` shows: all screens as a table, or how to begin. */
import { h, icon } from "../../lib/dom.js";
import { many } from "../../lib/format.js";
import { ago } from "../../lib/time.js";

/** Metrics that collectors of every machine send, for a first screen. */
const FIRST = ["proc.loadavg.1min", "sys.cpu.user", "proc.stat.cpu", "df.bytes.free", "proc.meminfo.memfree", "net.bytes", "proc.net.bytes"];

export function index(page) {
  const { ctx, list, error } = page;
  if (error) {
    return h("div.state", h("h1", "Screens"), h("p.bad", error.message),
      error.status === 503 ? h("p.quiet", "Everything else of this TSD works. A temporary screen, whose link is all there is of it, works too.") : null,
      h("div.buttons", h("button", { type: "button", onclick: () => page.actions.relist() }, "Try again"), h("button", { type: "button", onclick: () => page.actions.temporary() }, "Temporary screen")));
  }
  if (!list) return h("div.state", h("p.quiet", "…"));
  if (list.length === 0) {
    return h("div.state", h("h1", "No screens yet"), h("p", "A screen is a page of panels with one time range for all: lines, heat maps, top lists, numbers, tables and notes."),
      ctx.writable ? h("div.buttons", h("button.primary", { type: "button", onclick: () => page.actions.create() }, icon("plus"), "New screen"),
        h("button", { type: "button", onclick: () => example(page) }, "Begin with an example"), h("button", { type: "button", onclick: () => page.actions.bring() }, "Import …")) : h("p.quiet", "This TSD is read-only."),
      h("button.link", { type: "button", onclick: () => page.actions.temporary() }, "or a temporary one, kept in its link only"));
  }
  const rows = list.map((one) => h("tr",
    h("td", h("a.name", { href: ctx.href("screens", { id: one.id }) }, one.name)), h("td.name.quiet", one.folder), h("td.number", String(one.panels)), h("td.nowrap.quiet", ago(one.updated, Date.now()))));
  return h("div.screens-index", h("header.screen-head", h("button.icon-button.tree-fold", { type: "button", "aria-label": "Screens", title: "Screens", onclick: () => page.actions.fold() }, icon("menu")), h("h1", "Screens"), h("span.quiet", many(list.length, "screen"))),
    h("div.scroll", h("table", h("thead", h("tr", ["Name", "Folder", "Panels", "Changed"].map((name, at) => h("th", { scope: "col", class: at === 2 ? "number" : "" }, name)))), h("tbody", rows))));
}

/** A first screen of metrics that are there. */
async function example(page) {
  const { ctx } = page;
  const found = [];
  for (const name of FIRST) {
    const names = await ctx.api.get("api/suggest", { type: "metrics", q: name, max: 1 }).catch(() => []);
    if (names.includes(name)) found.push(name);
  }
  if (found.length < 2) found.push(...await ctx.api.get("api/suggest", { type: "metrics", q: "", max: 6 }).catch(() => []));
  const names = [...new Set(found)].slice(0, 6);
  const panels = names.map((name) => ({ kind: "line", title: name, queries: [{ m: `avg:${name}{host=*}` }] }));
  if (names[0]) panels.unshift({ kind: "value", height: 2, title: `${names[0]}, all hosts`, queries: [{ m: `avg:${names[0]}` }] }, { kind: "top", height: 2, title: `${names[0]}, highest`, by: "last", queries: [{ m: `avg:${names[0]}{host=*}` }] });
  page.actions.create({ name: "First screen", columns: 2, variables: [{ tag: "host", value: "" }], panels });
}
