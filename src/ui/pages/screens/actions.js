/** What can be done with screens: by buttons, menus and keys. What writes, and what needs a dialog, is loaded when it is first used. */
import { copy } from "../../lib/dom.js";
import { menu, toast } from "../../lib/layer.js";
import { panelOf, screenOf, stored } from "./model.js";
import * as store from "./store.js";

export class Actions {
  constructor(page) {
    this.page = page;
    this.ctx = page.ctx;
  }
  relist() { return this.page.relist(); }
  fold() { this.page.root.querySelector(".screens").classList.toggle("tree-open"); }
  open(id, params = {}) {
    const { page, ctx } = this;
    // The same address again would not be followed.
    if (ctx.route.id === id) page.open = "";
    ctx.go("screens", { id, params });
  }
  create(given = {}) {
    store.drop("new");
    const draft = store.begin("new", screenOf({}));
    Object.assign(draft.screen, screenOf({ name: "New screen", ...given }));
    this.open("new", { "x.edit": "" });
  }
  temporary(screen = null) {
    this.open("ad-hoc", screen ? { "x.screen": JSON.stringify(stored(screen)) } : { "x.edit": "", "x.screen": JSON.stringify({ name: "Temporary screen", columns: 2, panels: [] }) });
  }
  /** The menu of a screen in the tree. */
  of(one) {
    const { ctx } = this;
    return [
      { label: "Open", href: ctx.href("screens", { id: one.id }) },
      ...(ctx.writable ? [
        { label: "Edit", run: () => this.open(one.id, { "x.edit": "" }) },
        { label: "Rename or move …", run: () => this.rename(one) },
        { label: "Clone", icon: "copy", run: () => this.clone(one) },
      ] : []),
      { label: "Export", run: () => this.export(one.id) },
      ...(ctx.writable ? ["-", { label: "Delete …", icon: "trash", run: () => this.delete(one) }] : []),
    ];
  }
  more(anchor) {
    const { page, ctx } = this;
    const one = { id: page.open, name: page.screen.name, folder: page.screen.folder, version: page.screen.version };
    menu(anchor, page.isTemporary() || page.open === "new" ? [
      ...(ctx.writable ? [{ label: "Save as …", run: () => this.saveAs() }] : []),
      { label: "Export", run: () => this.export(page.open) },
    ] : [...this.of(one).slice(1), "-", { label: "Copy as temporary screen", run: () => this.temporary(page.screen) }], { label: "Screen" });
  }
  wall(on = !this.ctx.route.params.has("x.wall")) {
    const { ctx, page } = this;
    if (on) {
      document.documentElement.requestFullscreen?.().then(() => { page.full = true; }, () => {});
    } else if (document.fullscreenElement) {
      page.full = false;
      document.exitFullscreen().catch(() => {});
    }
    ctx.set({ "x.wall": on ? "" : null, "x.edit": null }, { push: false });
  }
  edit() { this.ctx.set({ "x.edit": "", "x.panel": null }); }
  /** The menu of a panel. */
  ofPanel(view) {
    const { page, ctx } = this;
    const { panel } = view;
    const at = page.view.screen.panels.indexOf(panel);
    const alone = page.view.alone !== null;
    const isText = panel.kind === "text";
    return [
      { label: alone ? "All panels" : "Alone, large", run: () => ctx.set({ "x.panel": alone ? null : String(at) }) },
      isText ? null : { label: "Open in Graph", href: page.view.graphLink(view) },
      isText ? null : { label: "Reload", icon: "reload", run: () => page.view.reload(view) },
      isText ? null : { label: "Copy queries", icon: "copy", run: async () => toast((await copy(panel.queries.map(({ m }) => m).join("\n"))) ? "Copied." : "Copying is not allowed here.") },
      ...(ctx.writable && !ctx.embedded ? [
        "-",
        { label: "Edit …", run: () => this.editPanel(panel) },
        ...(page.editing() ? [
          { label: "Duplicate", run: () => { page.view.screen.panels.splice(at + 1, 0, panelOf({ ...panel })); page.view.changed(); } },
          { label: "Wider", hint: "Shift+→", disabled: panel.width >= page.view.screen.columns, run: () => page.view.resize(panel, 1, 0) },
          { label: "Narrower", hint: "Shift+←", disabled: panel.width <= 1, run: () => page.view.resize(panel, -1, 0) },
          { label: "Higher", hint: "Shift+↓", disabled: panel.height >= 8, run: () => page.view.resize(panel, 0, 1) },
          { label: "Lower", hint: "Shift+↑", disabled: panel.height <= 1, run: () => page.view.resize(panel, 0, -1) },
          { label: "Remove", icon: "trash", run: () => page.view.removePanel(panel) },
        ] : []),
      ] : []),
    ].filter(Boolean);
  }
  keys() {
    const { page, ctx } = this;
    const group = "Screens";
    const open = (run) => () => (page.view && !ctx.embedded ? run() : false);
    const step = (way) => () => {
      if (!page.list?.length || page.editing()) return false;
      const at = page.list.findIndex(({ id }) => id === page.open);
      this.open(page.list[(at + way + page.list.length) % page.list.length].id);
    };
    return [
      { keys: ["e"], help: "Edit the screen", group, run: open(() => { if (!ctx.writable || page.editing()) return false; this.edit(); }) },
      { keys: ["Ctrl+s"], help: "Save", group, typing: true, run: open(() => { if (!page.editing()) return false; this.save(); }) },
      { keys: ["p"], help: "Add a panel, while editing", group, run: open(() => { if (!page.editing()) return false; this.addPanel(); }) },
      { keys: ["l"], help: "Show or hide legends", group, run: open(() => page.view.toggleLegend()) },
      { keys: ["w"], help: "The whole window", group, run: open(() => this.wall()) },
      { keys: ["]"], help: "Next screen", group, run: step(1) },
      { keys: ["["], help: "Previous screen", group, run: step(-1) },
      { keys: ["Escape"], help: "Back to all panels, or out of the whole window", group, run: () => {
        if (ctx.route.params.has("x.wall")) return this.wall(false);
        if (page.view && page.view.alone !== null) return ctx.set({ "x.panel": null });
        return false;
      } },
    ];
  }
}

/** What `writing.js` does. */
const LATER = ["event", "export", "exportAll", "rename", "clone", "delete", "bring", "share", "discard", "save", "saveAs", "settings", "bulk", "addPanel", "editPanel"];
for (const name of LATER) {
  Actions.prototype[name] = async function (...given) {
    let Writing;
    try {
      [{ Writing }] = await Promise.all([import("./writing.js"), this.ctx.style("css/screens-edit.css")]);
    } catch {
      return toast("This part of the page could not be loaded: the server does not answer.", { kind: "bad" });
    }
    this.writing ??= new Writing(this.page, this);
    return this.writing[name](...given);
  };
}
