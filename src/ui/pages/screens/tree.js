/** The tree at the left: folders and the screens in them. */
import { fill, h, icon, iconButton, marked, text } from "../../lib/dom.js";
import { menu } from "../../lib/layer.js";
import { load, save } from "../../lib/store.js";
import * as store from "./store.js";

/** `page` has `ctx`, `list` (or null while it loads), `error`, `open` (id of the screen that is shown) and `actions`. */
export function tree(page) {
  const { ctx } = page;
  const closed = new Set(load("screens.closed", []));
  const filter = h("input", { type: "search", placeholder: "Find a screen", "aria-label": "Find a screen", oninput: () => draw() });
  const box = h("div.tree-list");
  const tools = ctx.writable ? [
    h("button", { type: "button", onclick: () => page.actions.create() }, icon("plus"), "New screen"),
    iconButton("more", "More", (event) => menu(event.currentTarget, [
      { label: "Import …", run: () => page.actions.bring() },
      { label: "Export all", disabled: !page.list?.length, run: () => page.actions.exportAll() },
      { label: "Temporary screen", hint: "not stored", run: () => page.actions.temporary() },
    ], { label: "More", align: "start" }), { "aria-haspopup": "menu", "aria-expanded": "false" }),
  ] : [];
  const element = h("nav.tree", { "aria-label": "Screens" }, h("div.tree-tools", tools), filter, box);

  function item(one, words) {
    const current = one.id === page.open;
    const dirty = store.changed(one.id);
    return h("li",
      h("a.tree-screen", { href: ctx.href("screens", { id: one.id }), "aria-current": current ? "page" : null, title: one.name },
        h("span.name.cut.grow", marked(one.name, words)), dirty ? h("span.tree-dirty", { title: "Changes that are not saved" }, "●", h("span.unseen", "not saved")) : h("span.quiet.tree-count", String(one.panels))),
      iconButton("more", `Menu of ${one.name}`, (event) => menu(event.currentTarget, page.actions.of(one), { label: one.name }), { "aria-haspopup": "menu", "aria-expanded": "false", class: "tree-more" }));
  }

  function draw() {
    const words = filter.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    if (page.error) return fill(box, h("p.bad", page.error.message), h("button", { type: "button", onclick: () => page.actions.relist() }, "Try again"));
    if (!page.list) return fill(box, h("p.quiet.tree-note", "…"));
    const fits = (one) => words.every((word) => `${one.folder} ${one.name}`.toLowerCase().includes(word));
    const folders = new Map();
    for (const one of page.list.filter(fits)) folders.set(one.folder, [...(folders.get(one.folder) ?? []), one]);
    const groups = [...folders].map(([folder, screens]) => {
      const rows = h("ul", { role: "list" }, screens.map((one) => item(one, words)));
      if (folder === "") return rows;
      const open = words.length > 0 || !closed.has(folder) || screens.some(({ id }) => id === page.open);
      return h("details", {
        open,
        ontoggle: (event) => {
          if (words.length) return;
          if (event.currentTarget.open) closed.delete(folder);
          else closed.add(folder);
          save("screens.closed", [...closed].slice(-200));
        },
      }, h("summary", icon("right"), h("span.name.cut.grow", folder), h("span.quiet.tree-count", String(screens.length))), rows);
    });
    fill(box, groups.length ? groups : h("p.quiet.tree-note", words.length ? "No screen has this in its name." : "No screens yet."));
  }
  draw();
  return { element, draw, focus: () => filter.focus(), say: (message) => text(box, message) };
}
