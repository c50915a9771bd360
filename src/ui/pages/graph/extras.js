/** What the Graph page needs on demand only: sharing, notes, axes, other comparisons. */
import { copy, download, fill, h, text } from "../../lib/dom.js";
import { gnuplot } from "../../lib/format.js";
import { join, range as valueRange, writeGraph } from "../../lib/fragment.js";
import { confirm, dialog, menu, toast } from "../../lib/layer.js";
import { build, downsampleFunction, withDownsample } from "../../lib/query.js";
import * as time from "../../lib/time.js";
import { noteTypes, shiftOf, typeOf } from "./model.js";

/** Sizes of pictures: what a link says, else one that suits wikis. */
const SIZE = "1200x600";

/** The address of what is shown. `fixed`: with the times of now in place of relative ones. */
export function pageLink(page, { fixed = false, embed = false } = {}) {
  const graph = { ...page.graph, queries: page.graph.queries.filter(({ text: one }) => one !== ""), x: { ...page.graph.x } };
  const bounds = page.ctx.time.bounds();
  if (fixed && !bounds.error) {
    graph.start = time.formatLink(bounds.from, page.ctx.time.zone);
    graph.end = time.formatLink(Math.ceil(bounds.to / 1000) * 1000, page.ctx.time.zone);
    graph.autoreload = null;
  }
  if (embed) graph.x.embed = "";
  return page.ctx.api.address("") + join({ page: "graph", params: writeGraph(graph) });
}

/** The address of the same as a picture or text: `/q?…&png`. `kind` is `png`, `svg`, `ascii` or `json`. */
export function pictureLink(page, kind, { fixed = false } = {}) {
  const { graph, ctx } = page;
  const { zone } = ctx.time;
  const now = ctx.time.now();
  const bounds = ctx.time.bounds();
  const absolute = fixed && !bounds.error;
  const list = [["start", absolute ? time.formatLink(bounds.from, zone) : time.serverText(graph.start || ctx.time.start, zone, now)]];
  const end = absolute ? time.formatLink(Math.ceil(bounds.to / 1000) * 1000, zone) : graph.end ? time.serverText(graph.end, zone, now) : null;
  if (end) list.push(["end", end]);
  if (graph.tz) list.push(["tz", graph.tz]);
  const shown = graph.queries.map((query, at) => ({ query, at })).filter(({ query, at }) => query.text !== "" && !page.isHidden(at));
  for (const { query, at } of [...shown.filter(({ query }) => query.kind === "tsuid"), ...shown.filter(({ query }) => query.kind !== "tsuid")]) {
    const auto = page.picture?.answers.find((one) => one.at === at && !one.past)?.auto;
    list.push([query.kind, auto ? withDownsample(query.text, query.kind, auto) : query.text], ["o", query.right ? "axis x1y2" : ""]);
  }
  if (kind === "ascii" || kind === "json") return ctx.api.address("q", [...list, [kind, true]]);
  for (const name of ["ylabel", "y2label", "yformat", "y2format", "yrange", "y2range"]) if (graph[name]) list.push([name, graph[name]]);
  for (const [name, on] of [["ylog", graph.ylog], ["y2log", graph.y2log], ["nokey", graph.nokey], ["no_annotations", graph.noAnnotations], ["global_annotations", graph.globalAnnotations]]) if (on) list.push([name, true]);
  if (graph.key) list.push(["key", graph.key]);
  const type = typeOf(graph);
  if (type === "smooth") list.push(["smooth", graph.smooth || "csplines"]);
  else if (type !== "line") list.push(["style", type]);
  list.push(["wxh", graph.wxh || SIZE], [kind, true]);
  return ctx.api.address("q", list);
}

export function shareMenu(page, anchor) {
  const give = (what, value) => async () => {
    if (await copy(value)) {
      toast(`${what} copied.`);
      page.ctx.status(`${what} copied.`);
    } else showText(what, value);
  };
  menu(anchor, [
    { label: "Copy link", icon: "copy", hint: "as shown", run: give("Link", pageLink(page)) },
    { label: "Copy link with fixed times", icon: "copy", run: give("Link", pageLink(page, { fixed: true })) },
    { label: "Reload under the pointer too", hint: "for a wall", checked: page.graph.x.play !== undefined, run: () => page.setX("play", page.graph.x.play === undefined ? "" : null, { push: false }) },
    "-",
    { label: "PNG", hint: "opens", href: pictureLink(page, "png"), target: "_blank" },
    { label: "SVG", hint: "opens", href: pictureLink(page, "svg"), target: "_blank" },
    { label: "Copy link of the PNG", icon: "copy", run: give("Link of the picture", pictureLink(page, "png")) },
    { label: "Save what is on the screen", run: async () => savePicture(page) },
    "-",
    { label: "Points as text (ascii)", hint: "opens", href: pictureLink(page, "ascii"), target: "_blank" },
    { label: "Embed …", run: () => embed(page) },
    ...(page.ctx.writable ? ["-", { label: "Put on a screen …", run: () => toScreen(page) }] : []),
    ...(page.ctx.writable && page.ctx.hasPage("alerts") && ruleQuery(page) ? [{ label: "Watch it by a rule …", href: page.ctx.href("alerts", { params: { tab: "rules", edit: "+", query: ruleQuery(page) } }) }] : []),
    ...(page.ctx.hasPage("alerts") && ruleQuery(page) ? [{ label: "An expression of it …", href: page.ctx.href("alerts", { params: { tab: "expression", expr: `avg(q(${JSON.stringify(ruleQuery(page))}, "15m", ""))`, from: page.ctx.time.start, at: page.ctx.time.end || null } }) }] : []),
  ], { label: "Share" });
}

/** What a rule of the first query would read: points of a minute unless it has its own downsampling. */
function ruleQuery({ graph }) {
  const query = graph.queries.find(({ kind, parsed }) => kind === "m" && parsed && !parsed.switches.length);
  if (!query) return null;
  return query.parsed.downsample ? query.text : build({ ...query.parsed, downsample: { interval: "1m", func: downsampleFunction(query.parsed), fill: "" } });
}

/** The graph as a panel of a screen. */
async function toScreen(page) {
  const [{ panelOfGraph, putOnScreen }] = await Promise.all([import("../screens/put.js"), page.ctx.style("css/screens-edit.css")]);
  putOnScreen(page.ctx, panelOfGraph(page.graph, page.title()));
}

async function savePicture(page) {
  const blob = await page.chart.image();
  download(`${page.title().replace(/[^A-Za-z0-9._-]+/g, "_").slice(0, 80)}.png`, "image/png", blob);
}

function showText(what, value) {
  dialog(what, h("input", { type: "text", value, readonly: true, autofocus: true, "aria-label": what, class: "wide" }));
}

function embed(page) {
  const frame = pageLink(page, { embed: true });
  const picture = pictureLink(page, "png");
  const field = (label, value) => {
    const said = h("span.quiet", { role: "status" });
    const box = h("textarea.mono.wide", { rows: "3", readonly: true, "aria-label": label });
    box.value = value;
    return h("div.column", h("strong", label), box, h("div.row", h("button", { type: "button", onclick: async () => text(said, (await copy(value)) ? "Copied." : "Select and copy it.") }, "Copy"), said));
  };
  // What a page of HTML needs to be escaped in an attribute.
  const attribute = (value) => value.replace(/&/g, "&amp;").replace(/"/g, "&quot;").replace(/</g, "&lt;");
  dialog("Embed", h("div.column", field("Live picture in a frame", `<iframe src="${attribute(frame)}" width="800" height="400"></iframe>`), field("Picture", `<img src="${attribute(picture)}" alt="${attribute(page.title())}">`),
    h("p.hint", "Other sites may show the frame if tsd.ui.frame_ancestors names them.")));
}

/** A comparison that is not in the menu. */
export function askShift(page) {
  const field = h("input", { type: "text", value: page.graph.x.shift ?? "2d", autofocus: true, "aria-label": "Before" });
  const error = h("p.field-error", { role: "alert" });
  const handle = dialog("Compare with", h("form.column", { onsubmit: (event) => {
    event.preventDefault();
    const value = field.value.trim();
    if (!shiftOf(value)) return text(error, "Write a number and one of s m h d w n y, such as 36h.");
    handle.close();
    page.setX("shift", value);
  } }, h("label.field", h("span", "Before"), field), error, h("div.buttons", h("button.primary", { type: "submit" }, "Compare"))));
}

/** Which notes are shown. */
export function askFilter(page) {
  const field = h("input", { type: "text", value: page.graph.x.notes ?? "", placeholder: "type=deploy host=web* switch", autofocus: true, "aria-label": "Only notes with" });
  const handle = dialog("Filter notes", h("form.column", { onsubmit: (event) => {
    event.preventDefault();
    handle.close();
    page.setX("notes", field.value.trim() || null, { push: false });
  } }, h("label.field", h("span", "Only with"), field), h("p.hint", "Words of the text; type=deploy: a field of the note; host=web01: a tag of its series. All of them count."), h("div.buttons", h("button.primary", { type: "submit" }, "Show"))));
}

/** Labels, limits and formats of both axes, size of pictures. */
export function askAxes(page) {
  const { graph } = page;
  const error = h("p.field-error", { role: "alert" });
  const fields = {};
  const field = (name, label, placeholder) => h("label.field", h("span", label), (fields[name] = h("input", { type: "text", value: graph[name] ?? "", placeholder, "aria-label": `${label} (${name})` })));
  const side = (title, prefix) => h("fieldset.column", h("legend", title), field(`${prefix}label`, "Label", ""), field(`${prefix}range`, "Range", "[0:100]"), field(`${prefix}format`, "Format", "%.1s%c"));
  const handle = dialog("Axes", h("form.column", { onsubmit: (event) => {
    event.preventDefault();
    const changes = {};
    for (const [name, input] of Object.entries(fields)) {
      const value = input.value.trim();
      if (value && name.endsWith("range") && !valueRange(value)) return say(input, "Write [min:max]; either side may be empty.");
      if (value && name.endsWith("format") && !gnuplot(value)) return say(input, "Write a format such as %.2f or %.1s%c.");
      if (value && name === "wxh" && !/^\d{3,5}x\d{3,5}$/.test(value)) return say(input, "Write WIDTHxHEIGHT, from 100 each.");
      changes[name] = value || null;
    }
    handle.close();
    page.change(changes, { push: false });
  } }, h("div.two", side("Left", "y"), side("Right", "y2")), field("wxh", "Size of PNG", SIZE), error, h("div.buttons", h("button.primary", { type: "submit" }, "Show"))));
  const say = (input, message) => {
    input.setAttribute("aria-invalid", "true");
    input.focus();
    text(error, message);
  };
}

/** A note: a new one, of `span` if it is given, or one that is there, which may be changed or deleted. */
export function askNote(page, event, span = null) {
  const { ctx } = page;
  const { zone } = ctx.time;
  const pinned = page.chart?.pins?.[page.chart.pins.length - 1];
  const at = event?.time ?? span?.from ?? pinned?.time ?? page.chart?.times?.[page.chart.cursor?.at] ?? ctx.time.now();
  const start = h("input", { type: "text", value: time.format(at, zone), "aria-label": "At" });
  const end = h("input", { type: "text", value: event?.end ?? span ? time.format(event?.end ?? span.to, zone) : "", placeholder: "one moment", "aria-label": "Until" });
  const words = h("textarea", { rows: "3", "aria-label": "Text", autofocus: true });
  words.value = event?.text ?? "";
  const notes = h("textarea", { rows: "2", "aria-label": "More" });
  notes.value = event?.notes ?? "";
  const type = h("input", { type: "text", value: event?.custom.type ?? "", placeholder: "deploy", list: "note-types", "aria-label": "Type" });
  const types = h("datalist", { id: "note-types" }, noteTypes(page.picture?.notes ?? []).map(([value]) => h("option", { value })));
  const scope = h("select", { "aria-label": "Of", disabled: Boolean(event) }, h("option", { value: "" }, "all graphs (global)"),
    (page.picture?.lines ?? []).filter(({ past, series }) => !past && series.tsuids?.length === 1).slice(0, 200).map(({ name, series }) => h("option", { value: series.tsuids[0] }, name)));
  if (event?.tsuid && ![...scope.options].some(({ value }) => value === event.tsuid)) scope.append(h("option", { value: event.tsuid }, event.tsuid));
  scope.value = event ? event.tsuid ?? "" : "";
  const error = h("p.field-error", { role: "alert" });
  const save = async (submit) => {
    submit.preventDefault();
    const from = time.parse(start.value, zone, Date.now());
    if (from.error) return text(error, from.error);
    const until = end.value.trim() === "" ? null : time.parse(end.value, zone, Date.now());
    if (until?.error) return text(error, until.error);
    if (words.value.trim() === "") return text(error, "The note has no text.");
    const body = { startTime: Math.floor(from.ms / 1000), description: words.value.trim(), notes: notes.value.trim() };
    // Other fields of its own stay as they are.
    const custom = { ...event?.custom, type: type.value.trim() };
    if (!custom.type) delete custom.type;
    if (event?.custom.type || Object.keys(custom).length) body.custom = custom;
    if (until) body.endTime = Math.floor(until.ms / 1000);
    if (scope.value) body.tsuid = scope.value;
    try {
      await ctx.api.post("api/annotation", body);
      handle.close();
      toast("Note saved.");
      if (!body.tsuid && !page.graph.globalAnnotations) page.change({ globalAnnotations: true, noAnnotations: false }, { push: false });
      else if (page.graph.noAnnotations) page.change({ noAnnotations: false }, { push: false });
      else page.load({ again: true });
    } catch (problem) {
      text(error, problem.message);
    }
  };
  const remove = async () => {
    handle.close();
    if (!(await confirm("Delete this note?", event.text, "Delete"))) return;
    try {
      await ctx.api.request("DELETE", "api/annotation", { params: { start_time: event.raw.startTime, ...(event.tsuid ? { tsuid: event.tsuid } : {}) } });
      toast("Note deleted.");
      page.load({ again: true });
    } catch (problem) {
      toast(problem.message, { kind: "bad" });
    }
  };
  if (!ctx.writable && event) {
    dialog("Note", h("div.column", h("p.quiet", time.format(event.time, zone), event.custom.type ? ` · ${event.custom.type}` : null), h("p.pre", event.text), event.notes ? h("p.pre.quiet", event.notes) : null));
    return;
  }
  const handle = dialog(event ? "Note" : "Add a note", h("form.column", { onsubmit: save },
    h("label.field", h("span", "At"), start), h("label.field", h("span", "Until"), end), h("label.field", h("span", "Of"), scope), h("label.field", h("span", "Type"), type, types), h("label.field", h("span", "Text"), words), h("label.field", h("span", "More"), notes), error,
    h("p.hint", `Times in ${zone}.`),
    h("div.buttons", span && page.panel ? h("button", { type: "button", onclick: () => { handle.close(); page.mark({ from: Math.round(span.from), to: Math.round(span.to) }); } }, "What else changed then?") : null, event ? h("button.danger", { type: "button", onclick: remove }, "Delete") : null, h("button.primary", { type: "submit" }, "Save"))));
  fill(error);
}
