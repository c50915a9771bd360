/** The menus over the picture: comparison, kind of lines, notes. */
import { count } from "../../lib/format.js";
import { menu } from "../../lib/layer.js";
import * as model from "./model.js";

export function compare(page, anchor) {
  const now = page.graph.x.shift ?? "";
  const item = (value, label) => ({ label, checked: now === value, run: () => page.setX("shift", value || null, { push: true }) });
  menu(anchor, [item("", "No comparison"), "-", item("1h", "1 hour before"), item("1d", "1 day before"), item("1w", "1 week before"), item("30d", "30 days before"), item("1y", "1 year before"), "-",
    { label: now && !["1h", "1d", "1w", "30d", "1y"].includes(now) ? `Another: ${now} …` : "Another …", run: () => page.extras((more) => more.askShift(page)) },
    ...(page.panel ? ["-", { label: "What else changed", hint: "w", run: () => page.showTab("changes") }] : [])], { label: "Compare" });
}

export function type(page, anchor) {
  const type = model.typeOf(page.graph);
  menu(anchor, [
    ...model.TYPES.map(([name, label]) => ({ label, checked: name === type, run: () => page.change(model.withType(page.graph, name), { push: false }) })), "-",
    { label: "Logarithmic, left", hint: "y", checked: page.graph.ylog, run: () => page.logAxis("ylog") },
    { label: "Logarithmic, right", checked: page.graph.y2log, run: () => page.logAxis("y2log") },
    { label: "Shapes: each from 0 to 100 %", checked: page.normal, run: () => page.setX("normal", page.normal ? null : "", { push: false }) },
    { label: "From zero", checked: page.graph.yrange === "[0:]", run: () => page.change({ yrange: page.graph.yrange === "[0:]" ? null : "[0:]" }, { push: false }) },
    { label: "Axes …", run: () => page.extras((more) => more.askAxes(page)) },
  ], { label: "Kind of lines" });
}

export function note(page, anchor) {
  const { graph } = page;
  const kind = graph.noAnnotations ? "none" : graph.globalAnnotations ? "all" : "own";
  const choose = (noAnnotations, globalAnnotations) => () => page.change({ noAnnotations, globalAnnotations }, { push: false });
  menu(anchor, [
    { label: "Of these series", checked: kind === "own", run: choose(false, false) }, { label: "Of these series and global", checked: kind === "all", run: choose(false, true) }, { label: "None", checked: kind === "none", run: choose(true, false) },
    ...filters(page),
    page.ctx.writable ? "-" : null, page.ctx.writable ? { label: "Add a note …", icon: "note", run: () => page.note(null) } : null,
  ], { label: "Notes" });
}

/** Types of notes offered at once. */
const TYPES_MAX = 8;

/** What notes can be narrowed down to: the types that there are, and anything else in words. */
function filters(page) {
  const now = page.graph.x.notes ?? "";
  const show = (value) => () => page.setX("notes", value || null, { push: false });
  const known = model.noteTypes(page.picture?.notes ?? []).slice(0, TYPES_MAX).map(([name, n]) => {
    const text = `type=${/[\s"]/.test(name) ? `"${name.replaceAll('"', "")}"` : name}`;
    return { label: `Only ${name}`, hint: count(n), checked: now === text, run: show(now === text ? "" : text) };
  });
  const own = now !== "" && !known.some(({ checked }) => checked);
  return ["-", ...known, { label: own ? `Only: ${now} …` : "Filter …", checked: own, run: () => page.extras((more) => more.askFilter(page)) },
    now ? { label: "No filter", run: show("") } : null];
}
