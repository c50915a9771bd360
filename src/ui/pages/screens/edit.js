/** Dialogs that change a screen: a panel, the screen itself, all panels at once. They work on the draft; saving is the page's. */
import { fill, h, icon, iconButton, text } from "../../lib/dom.js";
import { dialog } from "../../lib/layer.js";
import { duration } from "../../lib/time.js";
import { check, choice, numberField, textField } from "./fields.js";
import { BY, KINDS, LEVELS, SUMS, hasLower, panelOf, queryOf, variableOf } from "./model.js";
import { PanelView } from "./panel.js";
import { queryRow } from "./query-row.js";

const PREVIEW_QUIET = 350;

/** Edits a copy of `panel`; resolves to it, or to null if it was given up. */
export async function editPanel(page, view, panel, { fresh = false } = {}) {
  const draft = panelOf(panel);
  const body = h("div.panel-form");
  const fault = h("p.field-error", { role: "alert" });
  // The preview is a panel of a screen with nothing but it.
  const host = Object.create(view, { preview: { value: true }, editing: { value: false }, columns: { value: 1 }, reload: { value: () => draw() }, edit: { value: () => {} }, actions: { value: () => [] } });
  const preview = new PanelView(draft, host);
  preview.seen = true;
  preview.more.hidden = true;
  let timer = 0;
  const draw = () => {
    preview.panel = draft;
    preview.frame();
    const bounds = page.ctx.time.bounds();
    if (!bounds.error) preview.load(view.freshRound(bounds));
  };
  const looks = () => body.classList.toggle("two-panes", hasLower(draft));
  const changed = () => {
    looks();
    clearTimeout(timer);
    timer = setTimeout(draw, PREVIEW_QUIET);
  };
  const form = () => { fill(body, panelFields(page, draft, changed, form)); looks(); };
  const handle = dialog(fresh ? "New panel" : "Panel", (own) => [
    h("div.panel-preview", preview.element), body, fault,
    h("div.buttons.dialog-foot", h("button", { type: "button", onclick: () => own.close(null) }, "Cancel"),
      h("button.primary", { type: "button", onclick: () => { const wrong = faultOf(draft); text(fault, wrong ?? ""); if (!wrong) own.close(draft); } }, fresh ? "Add" : "Apply")),
  ], { className: "wide-dialog" });
  form();
  handle.element.querySelector("[autofocus]")?.focus();
  draw();
  const done = (await handle.closed) ?? null;
  clearTimeout(timer);
  preview.destroy();
  return done && { ...done, key: panel.key ?? done.key };
}

/** What keeps a panel from being used, in words. */
function faultOf(panel) {
  for (const name of ["span", "compare"]) {
    if (panel[name] && !duration(panel[name])) return `"${panel[name]}" is no length of time: write 6h, 1d, 1w`;
  }
  panel.queries = panel.queries.filter(({ m }) => m.trim() !== "");
  return null;
}

function panelFields(page, panel, changed, again) {
  const kind = KINDS[panel.kind];
  const queries = h("div.query-list");
  const drawQueries = () => fill(queries, panel.queries.map((query, at) => queryRow(query, at, { ctx: page.ctx, changed, panes: kind.chart, remove: () => { panel.queries.splice(at, 1); drawQueries(); changed(); } })),
    panel.queries.length < 20 ? h("div.row", h("button", { type: "button", onclick: () => { panel.queries.push(queryOf()); drawQueries(); queries.querySelector("fieldset:last-of-type .query-metric")?.focus(); } }, icon("plus"), "Query")) : null);
  if (!kind.text && panel.queries.length === 0) panel.queries.push(queryOf());
  drawQueries();
  const axis = (side, label, className = "") => h("fieldset.axis-fields", { class: className }, h("legend", label),
    textField("Label", panel[side], "label", changed), textField("Unit", panel[side], "unit", changed, { size: "6", placeholder: "B/s" }),
    numberField("From", panel[side], "min", changed), numberField("To", panel[side], "max", changed), check("logarithmic", panel[side], "log", changed));
  return [
    h("div.form-grid",
      textField("Title", panel, "title", changed, { placeholder: "name of the metric", maxlength: "200", wide: true }),
      choice("Shows", panel, "kind", Object.entries(KINDS).map(([name, { title }]) => [name, title]), () => { again(); changed(); }),
      kind.chart ? choice("Sum", panel, "sum", Object.entries(SUMS), changed, { title: "A line of the sum of all series" }) : null,
      choice("Width", panel, "width", [1, 2, 3, 4].map((n) => [n, n === 1 ? "1 column" : `${n} columns`]), changed),
      choice("Height", panel, "height", [1, 2, 3, 4, 5, 6, 7, 8].map((n) => [n, n === 1 ? "1 row" : `${n} rows`]), changed)),
    kind.text ? h("label.text-edit", h("span", "Text"), h("textarea", { rows: "8", maxlength: "20000", oninput: (event) => { panel.text = event.target.value; changed(); } }, panel.text),
      h("span.hint", "# heading · - point · addresses become links · $host is the value of a variable")) : queries,
    kind.text ? null : h("details.form-more", { open: Boolean(panel.span || panel.compare || panel.thresholds.length) }, h("summary", "More"),
      h("div.form-grid",
        kind.reduce ? choice("Counts", panel, "by", Object.entries(BY), changed) : null,
        kind.reduce && panel.kind !== "value" ? numberField("Rows", panel, "limit", changed, { whole: true, min: 1, max: 200 }) : null,
        numberField("Decimals", panel, "decimals", changed, { whole: true, min: 0, max: 10, placeholder: "auto" }),
        textField("Own range", panel, "span", changed, { size: "6", placeholder: "1d" }),
        kind.chart ? textField("Compare", panel, "compare", changed, { size: "6", placeholder: "1w", title: "The same so much earlier, dashed" }) : null),
      kind.chart ? h("div.row.wrap", check("legend", panel, "legend", changed), check("events", panel, "events", changed)) : null,
      kind.chart ? [axis("left", "Left axis"), axis("right", "Right axis"), axis("lower", "Left axis of the lower pane", "of-panes")] : h("div.form-grid", textField("Unit", panel.left, "unit", changed, { size: "6" })),
      thresholds(panel, changed)),
  ];
}

function thresholds(panel, changed) {
  const box = h("fieldset.thresholds", h("legend", "Thresholds"));
  const list = h("div");
  const draw = () => fill(list, panel.thresholds.map((one, at) => h("div.row.wrap.threshold",
    choice("Level", one, "level", Object.entries(LEVELS), changed), numberField("From", one, "from", changed), numberField("to", one, "to", changed),
    textField("Word", one, "label", changed, { placeholder: LEVELS[one.level], size: "10" }), h("label.check.of-panes", h("input", { type: "checkbox", checked: one.pane === "lower", onchange: (event) => { one.pane = event.target.checked ? "lower" : "upper"; changed(); } }), "lower pane"),
    iconButton("trash", "Remove this threshold", () => { panel.thresholds.splice(at, 1); draw(); changed(); }))),
  panel.thresholds.length < 10 ? h("button", { type: "button", onclick: () => { panel.thresholds.push({ level: "warn", from: null, to: null, label: "" }); draw(); } }, icon("plus"), "Threshold") : null);
  draw();
  box.append(list);
  return box;
}

/** Name, folder, columns, range, reload and variables of a screen; `apply()` after it is done. */
export async function settings(page, screen) {
  const draft = structuredClone({ name: screen.name, folder: screen.folder, note: screen.note, columns: screen.columns, range: screen.range, refresh: screen.refresh, variables: screen.variables });
  const fault = h("p.field-error", { role: "alert" });
  const none = () => {};
  const list = h("div.variable-list");
  const drawVariables = () => fill(list, draft.variables.map((one, at) => h("div.row.wrap.variable-row",
    textField("Tag", one, "tag", none, { size: "8", placeholder: "host" }), textField("Value", one, "value", none, { size: "10", placeholder: "all" }),
    textField("Called", one, "label", none, { size: "8", placeholder: one.tag || "name" }), textField("Values of", one, "metric", none, { size: "14", placeholder: "any metric" }),
    check("filters every query", one, "everywhere", none), iconButton("trash", "Remove this variable", () => { draft.variables.splice(at, 1); drawVariables(); }))),
  draft.variables.length < 12 ? h("button", { type: "button", onclick: () => { draft.variables.push(variableOf()); drawVariables(); list.querySelector(".variable-row:last-of-type input")?.focus(); } }, icon("plus"), "Variable") : null);
  drawVariables();
  const folders = h("datalist", { id: "folders" }, [...new Set((page.list ?? []).map(({ folder }) => folder).filter(Boolean))].map((value) => h("option", { value })));
  const handle = dialog("Settings of the screen", (own) => [
    h("form.settings-form", { onsubmit: (event) => {
      event.preventDefault();
      const wrong = draft.name.trim() === "" ? "A screen must have a name." : draft.variables.some(({ tag }) => tag.trim() === "") ? "A variable must name its tag." : "";
      text(fault, wrong);
      if (!wrong) own.close(draft);
    } },
    h("div.form-grid", textField("Name", draft, "name", none, { maxlength: "120", autofocus: true, wide: true }), textField("Folder", draft, "folder", none, { maxlength: "120", list: "folders", placeholder: "none" }), folders,
      choice("Columns", draft, "columns", [1, 2, 3, 4].map((n) => [n, String(n)]), none)),
    h("div.form-grid", textField("Begins with", draft.range, "start", none, { size: "8", placeholder: "1h-ago" }), textField("until", draft.range, "end", none, { size: "8", placeholder: "now" }),
      choice("Reloads", draft, "refresh", [[0, "not by itself"], [5, "every 5 s"], [15, "every 15 s"], [30, "every 30 s"], [60, "every minute"], [300, "every 5 min"], ...([0, 5, 15, 30, 60, 300].includes(draft.refresh) ? [] : [[draft.refresh, `every ${draft.refresh} s`]])], none)),
    h("fieldset.variables-fields", h("legend", "Variables"), h("p.hint", "A tag whose value is chosen above the panels. $host stands for it in queries, names, titles and texts."), list),
    h("div.form-grid", textField("Note", draft, "note", none, { maxlength: "2000", wide: true })), fault,
    h("div.buttons", h("button", { type: "button", onclick: () => own.close(null) }, "Cancel"), h("button.primary", { type: "submit" }, "Apply"))),
  ], { className: "middle-dialog" });
  return (await handle.closed) ?? null;
}

/** Changes of many panels at once: `{ panels, changes }` for the chosen ones. */
export async function bulk(screen) {
  const chosen = new Set(screen.panels);
  const keep = ["", "as it is"];
  const draft = { kind: "", width: "", height: "", legend: "", sum: "", span: "", find: "", put: "" };
  const none = () => {};
  const fault = h("p.field-error", { role: "alert" });
  const all = h("input", { type: "checkbox", checked: true, onchange: () => { for (const box of list.querySelectorAll("input")) { box.checked = all.checked; box.dispatchEvent(new Event("change")); } } });
  const list = h("div.bulk-list", screen.panels.map((panel, at) => h("label.check", h("input", { type: "checkbox", checked: true, onchange: (event) => (event.target.checked ? chosen.add(panel) : chosen.delete(panel)) }),
    h("span.name.cut", panel.title || panel.queries[0]?.m || `Panel ${at + 1}`))));
  const handle = dialog("All panels", (own) => [
    h("form.settings-form", { onsubmit: (event) => {
      event.preventDefault();
      if (draft.span && draft.span !== "-" && !duration(draft.span)) return text(fault, `"${draft.span}" is no length of time: write 6h, 1d, 1w, or - for none`);
      own.close({ chosen, draft });
    } },
    h("fieldset", h("legend", "Panels"), h("label.check", all, h("b", "All")), list),
    h("div.form-grid",
      choice("Show", draft, "kind", [keep, ...Object.entries(KINDS).filter(([, { text: isText }]) => !isText).map(([name, { title }]) => [name, title])], none),
      choice("Width", draft, "width", [keep, ...[1, 2, 3, 4].map((n) => [n, String(n)])], none), choice("Height", draft, "height", [keep, ...[1, 2, 3, 4, 5, 6, 7, 8].map((n) => [n, String(n)])], none),
      choice("Sum", draft, "sum", [keep, ...Object.entries(SUMS)], none, { title: "In panels of lines, areas and points" }), choice("Legend", draft, "legend", [keep, [true, "shown"], [false, "hidden"]], none), textField("Own range", draft, "span", none, { size: "6", placeholder: "as it is" })),
    h("div.form-grid", textField("In queries and titles replace", draft, "find", none, { placeholder: "web01", wide: true }), textField("by", draft, "put", none, { placeholder: "web02" })), fault,
    h("div.buttons", h("button.danger", { type: "button", onclick: () => own.close({ chosen, remove: true }) }, "Remove panels"), h("span.grow"), h("button", { type: "button", onclick: () => own.close(null) }, "Cancel"), h("button.primary", { type: "submit" }, "Apply"))),
  ], { className: "middle-dialog" });
  const done = await handle.closed;
  if (!done) return null;
  if (done.remove) return { panels: screen.panels.filter((panel) => !done.chosen.has(panel)), count: done.chosen.size };
  const swap = (words) => (draft.find ? words.split(draft.find).join(draft.put) : words);
  return { count: done.chosen.size, panels: screen.panels.map((panel) => (!done.chosen.has(panel) ? panel : {
    ...panel, ...(draft.kind && panel.kind !== "text" ? { kind: draft.kind } : {}), ...(draft.width ? { width: draft.width } : {}), ...(draft.height ? { height: draft.height } : {}),
    ...(draft.legend === "" ? {} : { legend: draft.legend }), ...(draft.sum && KINDS[draft.kind || panel.kind].chart ? { sum: draft.sum } : {}), ...(draft.span ? { span: draft.span === "-" ? "" : draft.span } : {}),
    title: swap(panel.title), queries: panel.queries.map((query) => ({ ...query, m: swap(query.m), alias: swap(query.alias) })),
  })) };
}
