/** Saved collections of series, and the basket in which one is put together. */
import { fill, h, iconButton } from "../../lib/dom.js";
import { count, many } from "../../lib/format.js";
import { Latest, failure } from "../explore/parts.js";
import { confirm, toast } from "../../lib/layer.js";
import { load, save } from "../../lib/store.js";
import { format } from "../../lib/time.js";
import { sparkline } from "./sketch.js";

const PATH = "api/similar/collections";
/** Series in a basket. */
const BASKET_MAX = 1000;

/** An id for an address out of a name. */
const idOf = (name) => name.trim().toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-+|-+$/g, "").slice(0, 60) || "collection";

/** What was collected and is not saved yet; kept in this browser. */
export class Basket {
  constructor(ctx, say) {
    this.ctx = ctx;
    this.say = say;
    this.items = load("basket", []);
    this.list = h("ul.similar-basket");
    this.name = h("input", { type: "text", maxlength: "100", placeholder: "name" });
    this.about = h("textarea", { rows: "2", maxlength: "2000", placeholder: "what happened" });
    this.problem = h("p.field-error", { role: "alert" });
    this.form = h("form.form", { onsubmit: (event) => { event.preventDefault(); this.store(); } }, h("label.field", h("span", "Name"), this.name), h("label.field", h("span", "Notes"), this.about), this.problem,
      h("div.buttons", h("button", { type: "button", onclick: () => this.clear() }, "Empty it"), h("button.primary", { type: "submit" }, "Save")));
    this.head = h("h2");
    this.element = h("aside.card.similar-side", { "aria-label": "Basket" }, this.head, this.list, this.form);
    this.draw();
  }

  /** Puts a series into it, with the time that is shown; says what came of it. */
  add({ name, tsuid }) {
    const bounds = this.ctx.time.bounds();
    if (bounds.error) return `Not in the basket: ${bounds.error}.`;
    if (this.items.some((item) => item.tsuid === tsuid)) return "It is in the basket already.";
    if (this.items.length >= BASKET_MAX) return `The basket holds ${count(BASKET_MAX)} series: save them first.`;
    this.items.push({ name, tsuid, start: Math.floor(bounds.from / 1000), end: Math.ceil(bounds.to / 1000), note: "" });
    this.changed();
    return "In the basket.";
  }
  remove(item) {
    this.items = this.items.filter((other) => other !== item);
    this.changed();
  }
  clear() {
    this.items = [];
    this.changed();
  }
  changed() {
    save("basket", this.items);
    this.draw();
  }

  draw() {
    this.head.textContent = `Basket (${count(this.items.length)})`;
    this.form.hidden = !this.items.length;
    fill(this.list, this.items.map((item) => h("li.row", h("span.name.cut.grow", { title: item.name }, item.name), iconButton("close", `Take out ${item.name}`, () => this.remove(item)))), this.items.length ? null : h("li.hint", "Series that you collect are put here, to be saved with notes."));
  }

  async store() {
    this.problem.textContent = "";
    if (!this.name.value.trim()) {
      this.problem.textContent = "A collection needs a name.";
      this.name.focus();
      return;
    }
    const id = idOf(this.name.value);
    try {
      await this.ctx.api.put(`${PATH}/${encodeURIComponent(id)}`, { name: this.name.value.trim(), description: this.about.value, updated: 0, items: this.items });
      this.clear();
      this.name.value = this.about.value = "";
      toast("The collection is saved with its values.");
      this.ctx.set({ tab: "collections", open: id });
    } catch (error) {
      this.problem.textContent = error.status === 409 ? "A collection of this name is there already: choose another name." : error.message;
    }
  }
}

/** The list of collections, and one that is open. */
export function collectionsView(ctx, signal) {
  const rows = h("div");
  const one = h("div");
  const fault = h("div");
  const element = h("div", { hidden: true }, h("p", h("a", { href: ctx.href("similar") }, "Search")), fault, rows, one);
  const asking = new Latest();
  const opening = new Latest();
  const ask = (path, latest) => latest.run((own) => ctx.api.get(path, {}, { signal: AbortSignal.any([own, signal]) }));
  let shown = null; // the collection that is open: { id, updated, touched }

  /** Shows a collection. What somebody is writing about it stays while the list is loaded again: saving tells if others were faster. */
  async function open(id) {
    if (!id) {
      opening.stop();
      shown = null;
      return one.replaceChildren();
    }
    if (shown?.id !== id) one.replaceChildren();
    const it = await ask(`${PATH}/${encodeURIComponent(id)}`, opening);
    if (!it || (shown?.id === id && (shown.touched || shown.updated === it.updated))) return;
    shown = { id, updated: it.updated, touched: false };
    const touched = () => { shown.touched = true; };
    const name = h("input", { type: "text", value: it.name, maxlength: "100" });
    const about = h("textarea", { rows: "3", maxlength: "2000" });
    about.value = it.description;
    const problem = h("p.field-error", { role: "alert" });
    const write = async (items) => {
      try {
        await ctx.api.put(`${PATH}/${encodeURIComponent(id)}`, { ...it, name: name.value.trim() || it.name, description: about.value, items });
        toast("Saved.");
        shown = null;
        await view.load();
      } catch (error) {
        problem.textContent = error.status === 409 ? "Somebody else has changed it meanwhile." : error.message;
        if (error.status === 409) problem.append(" ", h("button.link", { type: "button", onclick: () => { shown = null; view.load(); } }, "Take theirs, drop mine"));
      }
    };
    const items = it.items.map((item) => {
      const note = h("input", { type: "text", value: item.note ?? "", placeholder: "note", "aria-label": `Note on ${item.name}`, onchange: () => { item.note = note.value; } });
      return h("section.card.similar-hit", { "aria-label": item.name }, h("div.row", h("span.name.cut.grow", { title: item.name }, item.name), ctx.writable ? iconButton("trash", `Take out ${item.name}`, () => write(it.items.filter((other) => other !== item))) : null),
        sparkline(item.values ?? [], `Saved shape of ${item.name}`), h("p.hint", item.start ? format(item.start * 1000, ctx.time.zone, "minute") : ""), note);
    });
    fill(one, h("section.card.form", { "aria-label": "Collection", oninput: touched }, h("label.field", h("span", "Name"), name), h("label.field", h("span", "Notes"), about), problem,
      ctx.writable ? h("div.buttons", h("button.danger", { type: "button", onclick: async () => {
        if (!(await confirm("Delete this collection?", `${it.name} with ${many(it.items.length, "series", "series")} is gone then.`))) return;
        try {
          await ctx.api.del(`${PATH}/${encodeURIComponent(id)}`);
          ctx.set({ open: null });
        } catch (error) {
          problem.textContent = error.message;
        }
      } }, "Delete"), h("button.primary", { type: "button", onclick: () => write(it.items) }, "Save")) : null), h("div.similar-hits", { oninput: touched }, items));
  }

  const view = {
    element,
    async load() {
      try {
        const all = await ask(PATH, asking);
        if (!all) return;
        fill(fault);
        const wanted = ctx.route.params.get("open");
        fill(rows, all.length ? h("div.scroll", { tabindex: "0", role: "region", "aria-label": "Collections" }, h("table", h("thead", h("tr", ["Name", "Notes", "Series", "Changed"].map((head) => h("th", { scope: "col" }, head)))), h("tbody", all.map((row) => h("tr",
          h("td", h("button.link.name", { type: "button", "aria-current": row.id === wanted ? "true" : null, onclick: () => ctx.set({ open: row.id }) }, row.name)), h("td", row.description), h("td.number", count(row.series)), h("td.nowrap", format(row.updated, ctx.time.zone, "minute"))))))) : h("div.state", h("p.quiet", "No collections yet: collect series from a search.")));
        await open(wanted);
      } catch (error) {
        const gone = error.status === 404 && ctx.route.params.get("open");
        if (gone) {
          shown = null;
          one.replaceChildren();
        }
        if (!signal.aborted) fill(fault, gone ? h("p.warn", "This collection is not here: it was deleted, or the link is wrong.") : failure(error, view.load));
      }
    },
  };
  return view;
}
