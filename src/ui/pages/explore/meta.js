/**
 * Explore: what people wrote about names and series (OpenTSDB's UIDMeta and TSMeta), shown and edited.
 */
import { fill, h, icon, iconButton, uid } from "../../lib/dom.js";
import { count } from "../../lib/format.js";
import { confirm, dialog, toast } from "../../lib/layer.js";
import { ago, format } from "../../lib/time.js";
import { failure } from "./parts.js";

/** Fields of both kinds, and of series alone: name, title, kind of box. */
const FIELDS = [["displayName", "Display name", "text"], ["description", "Description", "text"], ["notes", "Notes", "area"]];
const SERIES_FIELDS = [["units", "Unit", "text"], ["dataType", "Type of data", "text"], ["retention", "Retention, days", "number"], ["min", "Lowest value", "number"], ["max", "Highest value", "number"]];
const FIELDS_OF = { METRIC: FIELDS, TAGK: FIELDS, TAGV: FIELDS, series: [...FIELDS, ...SERIES_FIELDS] };
const WORD = { METRIC: "metric", TAGK: "tag", TAGV: "value", series: "series" };

/** Reads, writes and deletes the meta data of one thing: `{ type: METRIC | TAGK | TAGV, uid }` or `{ type: "series", tsuid, m }`. */
function store(ctx, what) {
  if (what.type !== "series") {
    const { uid: id, type } = what;
    return {
      read: (signal) => ctx.api.get("api/uid/uidmeta", { uid: id, type }, { signal }),
      write: (fields) => ctx.api.put("api/uid/uidmeta", { uid: id, type, ...fields }),
      remove: () => ctx.api.del("api/uid/uidmeta", {}, { body: { uid: id, type } }),
    };
  }
  return {
    async read(signal) {
      try {
        return await ctx.api.get("api/uid/tsmeta", { tsuid: what.tsuid }, { signal });
      } catch (error) {
        if (error.status === 404) return null; // none yet: saving makes it
        throw error;
      }
    },
    write: (fields, old) => (old ? ctx.api.put("api/uid/tsmeta", { tsuid: what.tsuid, ...fields })
      : ctx.api.post("api/uid/tsmeta", fields, { params: { m: what.m, create: "true" } })),
    remove: () => ctx.api.del("api/uid/tsmeta", {}, { body: { tsuid: what.tsuid } }),
  };
}

const isEmpty = (meta, type) => FIELDS_OF[type].every(([name]) => !shownValue(meta?.[name])) && Object.keys(meta?.custom ?? {}).length === 0;
const shownValue = (value) => (value === null || value === undefined || value === "NaN" || value === 0 || Number.isNaN(value) ? "" : String(value));

/** What people wrote, as a text that is the same for the same. */
const written = (meta, type) => JSON.stringify([...FIELDS_OF[type].map(([name]) => shownValue(meta?.[name])), ...Object.entries(meta?.custom ?? {}).map(([key, value]) => [key, value ?? ""]).sort(([a], [b]) => (a < b ? -1 : 1))]);

/** The meta data of a metric in its pane, with a button that edits it. */
export async function metaSection(root, ctx, what) {
  const at = store(ctx, what);
  const heading = h("header.row", h("h3.grow", "About this metric"), h("button.link", { type: "button", onclick: () => edit(ctx, what, `Metric ${what.name}`, draw) }, icon("note"), "Edit"));
  const box = h("div.explore-about");
  fill(root, heading, box);
  async function draw() {
    try {
      const meta = await at.read();
      if (isEmpty(meta, what.type)) {
        fill(box, h("p.hint", "Nobody has written anything about it yet."));
        return;
      }
      fill(box, table(meta, what.type));
    } catch (error) {
      if (error.kind !== "aborted") fill(box, error.status === 404 ? h("p.hint", "Meta data is not served here.") : failure(error, draw));
    }
  }
  await draw();
}

function table(meta, type) {
  const rows = FIELDS_OF[type].filter(([name]) => shownValue(meta[name])).map(([name, title]) => [title, shownValue(meta[name])]);
  const own = Object.entries(meta.custom ?? {});
  return h("dl.explore-about-list", [...rows, ...own].map(([name, told]) => [h("dt.name", name), h("dd.name", told ?? "")]));
}

export const tagMeta = (ctx, { name, uid: id }) => edit(ctx, { type: "TAGK", uid: id, name }, `Tag ${name}`);

export async function valueMeta(ctx, name) {
  try {
    const { hits } = await ctx.api.get("api/ui/names", { type: "tagv", q: name, max: 1000 });
    const hit = hits.find((one) => one.name === name);
    if (!hit) return toast(`The value ${name} has no id.`, { kind: "bad" });
    return edit(ctx, { type: "TAGV", uid: hit.uid, name }, `Value ${name}`);
  } catch (error) {
    return toast(error.message, { kind: "bad" });
  }
}

export function seriesMeta(ctx, { tsuid, metric, tags }) {
  const m = `${metric}{${Object.entries(tags).map(([key, value]) => `${key}=${value}`).join(",")}}`;
  return edit(ctx, { type: "series", tsuid, m, name: m }, "Series");
}

/** The dialog that edits. `saved()` is called after a change. */
async function edit(ctx, what, title, saved = () => {}) {
  const at = store(ctx, what);
  const body = h("div", h("p.hint", "…"));
  const handle = dialog(title, body, { className: "explore-dialog" });
  let meta;
  try {
    meta = await at.read();
  } catch (error) {
    fill(body, failure(error, () => { handle.close(); edit(ctx, what, title, saved); }));
    return;
  }
  const boxes = new Map();
  const boxesOf = FIELDS_OF[what.type].map(([name, text, kind]) => {
    const id = uid("field");
    const box = kind === "area" ? h("textarea", { id, rows: "3" }) : h("input", { id, type: "text", inputmode: kind === "number" ? "decimal" : null });
    box.value = shownValue(meta?.[name]);
    boxes.set(name, { box, kind });
    return h("div.field", h("label.quiet", { for: id }, text), box);
  });
  const own = h("div.explore-own");
  const pairs = [];
  function addPair(key = "", value = "") {
    const name = h("input", { type: "text", "aria-label": "Name of a field of your own", placeholder: "name" });
    const told = h("input", { type: "text", "aria-label": "Its text", placeholder: "text" });
    name.value = key;
    told.value = value ?? "";
    const pair = { name, told };
    const row = h("div.row", name, told, iconButton("trash", "Delete this field", () => { pairs.splice(pairs.indexOf(pair), 1); row.remove(); }));
    pairs.push(pair);
    own.append(row);
    return name;
  }
  for (const [key, value] of Object.entries(meta?.custom ?? {})) addPair(key, value);
  const wrong = h("p.field-error", { role: "alert" });
  const theirs = h("div.explore-theirs", { role: "alert" });
  const save = h("button.primary", { type: "submit" }, "Save");
  const form = h("form.explore-form", { novalidate: true },
    what.type === "series" ? h("p.name.hint", what.name) : null, boxesOf,
    h("fieldset", h("legend.quiet", "Fields of your own"), own, h("button.link", { type: "button", onclick: () => addPair().focus() }, icon("plus"), "Add a field")),
    facts(meta, ctx), wrong, theirs,
    h("div.buttons", meta && !isEmpty(meta, what.type) ? h("button.danger", { type: "button", onclick: remove }, "Delete") : null, h("span.grow"), h("button", { type: "button", onclick: () => handle.close() }, "Cancel"), save));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    // All fields go: what is left out is cleared.
    const fields = {};
    for (const [name, { box, kind }] of boxes) {
      const told = box.value.trim();
      if (told === "") continue;
      if (kind === "number" && !Number.isFinite(Number(told))) {
        box.setAttribute("aria-invalid", "true");
        wrong.textContent = `"${box.value}" is no number.`;
        box.focus();
        return;
      }
      fields[name] = kind === "number" ? Number(told) : box.value;
    }
    const custom = Object.fromEntries(pairs.filter(({ name }) => name.value.trim() !== "").map(({ name, told }) => [name.value.trim(), told.value]));
    if (Object.keys(custom).length) fields.custom = custom;
    const nothing = Object.keys(fields).length === 0;
    if (written(fields, what.type) === written(meta, what.type)) return handle.close();
    save.disabled = true;
    wrong.textContent = "";
    theirs.replaceChildren();
    try {
      // The server takes whatever comes last: what somebody else wrote meanwhile is not to be lost without a word.
      const now = await at.read();
      if (written(now, what.type) !== written(meta, what.type)) {
        fill(theirs, h("p", isEmpty(now, what.type) ? "Somebody else has deleted it meanwhile." : "Somebody else has written this meanwhile:"), isEmpty(now, what.type) ? null : table(now, what.type),
          h("div.buttons", h("button", { type: "button", onclick: () => { handle.close(); edit(ctx, what, title, saved); } }, "Take theirs, drop mine"), h("button.danger", { type: "button", onclick: () => { meta = now; form.requestSubmit(); } }, "Save mine over theirs")));
        theirs.querySelector("button").focus();
        return;
      }
      await (nothing ? at.remove() : at.write(fields, meta));
      handle.close();
      toast(`What you wrote about this ${WORD[what.type]} is saved.`);
      saved();
    } catch (error) {
      wrong.textContent = [error.message, error.details].filter((part, i, all) => part && all.indexOf(part) === i).join(" ");
    } finally {
      save.disabled = false;
    }
  });
  async function remove() {
    if (!(await confirm("Delete this meta data?", `All that is written about ${what.name} is lost. Its points stay.`))) return;
    try {
      await at.remove();
      handle.close();
      toast("The meta data is deleted.");
      saved();
    } catch (error) {
      wrong.textContent = error.message;
    }
  }
  fill(body, form);
  boxesOf[0]?.querySelector("input")?.focus();
}

/** What the server noted by itself. */
function facts(meta, ctx) {
  if (!meta) return h("p.hint", "There is none yet: saving makes it.");
  const list = [];
  if (meta.created > 0) list.push(["Created", format(meta.created * 1000, ctx.time.zone)]);
  if (meta.lastReceived > 0) list.push(["Last received", ago(meta.lastReceived * 1000, Date.now())]);
  if (meta.totalDatapoints > 0) list.push(["Points counted", count(meta.totalDatapoints)]);
  return list.length ? h("dl.explore-about-list", list.map(([name, told]) => [h("dt", name), h("dd", told)])) : null;
}
