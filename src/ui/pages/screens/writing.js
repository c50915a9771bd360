/** Everything that writes a screen or asks for something in a dialog. Loaded when it is first used. */
import { copy, download, fill, h } from "../../lib/dom.js";
import { confirm, dialog, toast } from "../../lib/layer.js";
import { format } from "../../lib/time.js";
import { bulk, editPanel, settings } from "./edit.js";
import { FILE_MAX, exported, fileName, imported } from "./exchange.js";
import { textField } from "./fields.js";
import { panelOf, screenOf, stored } from "./model.js";
import * as store from "./store.js";

/** Panels of a screen at most, as the server has it. */
const PANELS_MAX = 100;

export class Writing {
  constructor(page, actions) {
    this.page = page;
    this.ctx = page.ctx;
    this.actions = actions;
  }
  relist() { return this.page.relist(); }
  open(id, params) { this.actions.open(id, params); }
  /** Says why something did not work. */
  failed(error, what) {
    toast(`${what} ${error.message}${error.details ? ` (${error.details})` : ""}`, { kind: "bad" });
  }
  /** What is known of an annotation. */
  event({ time, end, text: words, notes, global }) {
    const { zone } = this.ctx.time;
    dialog("Event", [h("p.quiet", format(time, zone, "second"), end > time ? ` – ${format(end, zone, "second")}` : "", global ? " · of all series" : ""), h("p.event-text.name", words), notes ? h("p.event-text.name.quiet", notes) : null]);
  }

  async export(id) {
    try {
      const screen = this.page.open === id ? this.page.view?.screen ?? this.page.screen : await store.read(id);
      download(fileName(screen), "application/json", exported(screen));
    } catch (error) {
      this.failed(error, "It could not be exported.");
    }
  }

  /** All screens in one file, one after the other. */
  async exportAll() {
    try {
      const all = [];
      for (const { id } of this.page.list) all.push(JSON.parse(exported(await store.read(id))));
      download("screens.json", "application/json", `${JSON.stringify(all, null, 2)}\n`);
    } catch (error) {
      this.failed(error, "They could not be exported.");
    }
  }

  /** Asks for name and folder: `{ name, folder }`, or null. */
  async ask(title, given, yes) {
    const draft = { name: given.name, folder: given.folder ?? "" };
    const folders = [...new Set((this.page.list ?? []).map(({ folder }) => folder).filter(Boolean))];
    const handle = dialog(title, (own) => h("form.settings-form", { onsubmit: (event) => { event.preventDefault(); if (draft.name.trim()) own.close(draft); } },
      h("div.form-grid", textField("Name", draft, "name", () => {}, { maxlength: "120", autofocus: true, required: true, wide: true }), textField("Folder", draft, "folder", () => {}, { maxlength: "120", list: "ask-folders", placeholder: "none" })),
      h("datalist", { id: "ask-folders" }, folders.map((value) => h("option", { value }))),
      h("div.buttons", h("button", { type: "button", onclick: () => own.close(null) }, "Cancel"), h("button.primary", { type: "submit" }, yes))));
    const field = handle.element.querySelector("input");
    field?.select();
    return (await handle.closed) ?? null;
  }

  async rename(one) {
    const wanted = await this.ask("Rename or move", one, "Rename");
    if (!wanted) return;
    try {
      const screen = await store.read(one.id);
      const before = screen.version;
      Object.assign(screen, wanted);
      const { version, updated } = await store.replace(screen);
      Object.assign(screen, { version, updated });
      // What is edited here goes on from the new version only if it began with the one before: else saving would take away what others did.
      const draft = store.draftOf(one.id);
      for (const part of draft ? [draft.base, draft.screen] : []) Object.assign(part, wanted, part.version === before ? { version, updated } : {});
      if (this.page.open === one.id && this.page.screen) {
        if (this.page.screen.version === before) Object.assign(this.page.screen, wanted, { version, updated });
        else if (!draft) this.page.screen = screen;
        this.page.show();
        this.ctx.retitle();
      }
      toast(`Renamed to ${wanted.name}.`);
    } catch (error) {
      this.failed(error, "It could not be renamed.");
    }
    this.relist();
  }

  async clone(one) {
    const wanted = await this.ask("Clone", { name: `Copy of ${one.name}`.slice(0, 120), folder: one.folder }, "Clone");
    if (!wanted) return;
    try {
      const { id } = await store.clone(one.id, wanted);
      await this.relist();
      this.open(id);
      toast(`${wanted.name} has all panels of ${one.name}.`);
    } catch (error) {
      this.failed(error, "It could not be cloned.");
    }
  }

  async delete(one) {
    if (!(await confirm("Delete this screen?", `${one.name} and its ${one.panels === undefined ? "panels" : one.panels === 1 ? "panel" : `${one.panels} panels`} will be gone for everybody.`))) return;
    try {
      // What is deleted is kept for a moment, so that it can be brought back.
      const screen = await store.read(one.id);
      await store.remove(one.id, screen.version);
      store.drop(one.id);
      if (this.page.open === one.id) this.ctx.go("screens");
      toast(`${one.name} was deleted.`, { action: { label: "Undo", run: async () => {
        try {
          await store.replace(screen, 0);
          await this.relist();
          this.open(one.id);
        } catch (error) { this.failed(error, "It could not be brought back."); }
      } } });
    } catch (error) {
      this.failed(error, "It could not be deleted.");
    }
    this.relist();
  }

  bring() {
    const fault = h("p.field-error", { role: "alert" });
    const area = h("textarea.mono", { rows: "8", "aria-label": "JSON of a screen", placeholder: "or paste JSON here", spellcheck: "false" });
    const file = h("input", { type: "file", accept: ".json,application/json", "aria-label": "File", onchange: async () => {
      const [chosen] = file.files;
      if (!chosen) return;
      if (chosen.size > FILE_MAX) return fill(fault, "This file is too large to be a screen.");
      area.value = await chosen.text();
      taken = 0;
    } });
    let taken = 0; // how many screens of this text are imported already
    area.addEventListener("input", () => { taken = 0; });
    const go = h("button.primary", { type: "submit" }, "Import");
    dialog("Import screens", (own) => h("form.settings-form", { onsubmit: async (event) => {
      event.preventDefault();
      const { error, screens = [], notes } = imported(area.value);
      if (error) return fill(fault, error);
      const several = screens.length > 1;
      go.disabled = true;
      try {
        let last = null;
        for (; taken < screens.length; taken++) last = await store.create(screens[taken]);
        own.close();
        await this.relist();
        this.open(last.id);
        toast(notes.length ? `Imported. ${notes.slice(0, 3).join(" ")}` : several ? `${screens.length} screens were imported.` : `${screens[0].name} was imported.`);
      } catch (problem) {
        fill(fault, taken ? `${taken} of ${screens.length} are imported. ` : "", several ? `${screens[taken].name}: ` : "", problem.message, problem.details ? ` ${problem.details}` : "");
        if (taken) this.relist();
      } finally {
        go.disabled = false;
      }
    } }, h("p.hint", "A file that was exported here, or a page of Metrilyx."), file, area, fault,
    h("div.buttons", h("button", { type: "button", onclick: () => own.close() }, "Cancel"), go)));
  }

  share() {
    const { ctx, page } = this;
    const params = ctx.route.params.clone();
    params.set("x.edit", null);
    const link = (changes = {}) => {
      const own = params.clone();
      for (const [name, value] of Object.entries(changes)) own.set(name, value);
      return new URL(ctx.href("screens", { id: page.open, params: own }), location.href).href;
    };
    const row = (label, value) => {
      const input = h("input.mono", { type: "text", readonly: true, value, "aria-label": label, onfocus: (event) => event.target.select() });
      return h("div.share-row", h("span", label), input, h("button", { type: "button", onclick: async () => toast((await copy(value)) ? "Copied." : "Copy it from the field.") }, "Copy"));
    };
    const embed = link({ "x.embed": "" });
    dialog("Link and embedding", h("div.share", row("Link", link()), row("Wall", link({ "x.wall": "", autoreload: params.get("autoreload") ?? "15" })), row("Embed", embed),
      row("HTML", `<iframe src="${embed.replace(/&/g, "&amp;").replace(/"/g, "&quot;")}" width="1200" height="700" title="${page.screen.name.replace(/[<>&"]/g, "")}"></iframe>`),
      h("p.hint", "A link holds the range and the values of the filters. Other sites may show an embedded view only if the TSD is set to allow it.")));
  }

  async discard() {
    const { page, ctx } = this;
    if (page.dirty() && !(await confirm("Discard the changes?", "What was changed since the last save will be lost.", "Discard"))) return;
    store.drop(page.open);
    if (page.open === "new") return ctx.go("screens");
    ctx.set({ "x.edit": null });
    page.show();
  }

  async save() {
    const { page, ctx } = this;
    const draft = store.draftOf(page.open);
    if (!draft || page.saving) return;
    if (page.isTemporary()) {
      store.drop(page.open);
      return page.writeTemporary(draft.screen);
    }
    if (draft.screen.name.trim() === "" || draft.screen.name === "New screen" && page.open === "new") {
      const wanted = await this.ask("Save as", { ...draft.screen, name: draft.screen.name || "New screen" }, "Save");
      if (!wanted) return;
      Object.assign(draft.screen, wanted);
    }
    page.saving = true;
    page.view.drawHead();
    try {
      if (page.open === "new") await this.store(draft.screen);
      else this.saved(await store.replace(draft.screen));
    } catch (error) {
      if (error.status === 409 || error.status === 404) await this.conflict(draft.screen, error);
      else this.failed(error, "It was not saved.");
    } finally {
      page.saving = false;
      page.view?.drawHead();
    }
  }

  /** The draft is the stored screen now. */
  saved({ version, updated }) {
    const { page, ctx } = this;
    const { screen } = store.draftOf(page.open);
    page.screen = Object.assign(screen, { version, updated });
    store.drop(page.open);
    ctx.set({ "x.edit": null });
    page.show();
    ctx.retitle();
    toast("Saved.");
    ctx.status("The screen was saved.");
    this.relist();
  }

  /** Stores a screen that is not there yet, and opens it. */
  async store(screen) {
    const { page } = this;
    const { id } = await store.create(screen);
    store.drop(page.open);
    await this.relist();
    this.open(id);
    toast("Saved.");
  }

  async saveAs() {
    const { page } = this;
    const screen = store.draftOf(page.open)?.screen ?? page.screen;
    const wanted = await this.ask("Save as", { ...screen, name: page.isTemporary() && screen.name === "Temporary screen" ? "" : screen.name }, "Save");
    if (!wanted) return;
    try {
      await this.store(screenOf({ ...stored(screen), ...wanted }));
    } catch (error) {
      this.failed(error, "It was not saved.");
    }
  }

  /** Somebody else saved or deleted the screen meanwhile: nothing is overwritten without a word. */
  async conflict(mine, error) {
    const { page, ctx } = this;
    let theirs = null;
    try {
      if (error.status !== 404) theirs = await store.read(mine.id);
    } catch (again) {
      if (again.status !== 404) return this.failed(again, "It was not saved: somebody else has changed it, and their version could not be read.");
    }
    const told = theirs ? `Version ${theirs.version}, “${theirs.name}” with ${theirs.panels.length} panels, was saved ${format(theirs.updated, ctx.time.zone, "second")}. You changed version ${mine.version}.` : "The screen was deleted meanwhile.";
    const handle = dialog("Somebody else changed this screen", (own) => [h("p", told), h("p.quiet", "Your changes are kept in any case until you save or drop them."),
      h("div.buttons", h("button", { type: "button", onclick: () => own.close("stay"), autofocus: true }, "Go on editing"), theirs ? h("button", { type: "button", onclick: () => own.close("theirs") }, "Take theirs, drop mine") : null,
        h("button", { type: "button", onclick: () => own.close("copy") }, "Save mine as a copy"), h("button.danger", { type: "button", onclick: () => own.close("mine") }, theirs ? "Save mine over theirs" : "Save it again"))]);
    const choice = await handle.closed;
    try {
      if (choice === "mine") this.saved(await store.replace(mine, theirs?.version ?? 0));
      else if (choice === "copy") await this.store(screenOf({ ...stored(mine), name: `${mine.name} (mine)`.slice(0, 120) }));
      else if (choice === "theirs") {
        store.drop(page.open);
        page.screen = theirs;
        ctx.set({ "x.edit": null });
        page.show();
        this.relist();
      }
    } catch (again) {
      this.failed(again, "It was not saved.");
    }
  }

  async settings() {
    const { view } = this.page;
    const wanted = await settings(this.page, view.screen);
    if (!wanted) return;
    Object.assign(view.screen, wanted);
    view.changed();
    view.drawHead();
    for (const one of view.views.values()) one.frame();
  }

  async bulk() {
    const { view } = this.page;
    const done = await bulk(view.screen);
    if (!done) return;
    view.screen.panels = done.panels;
    view.changed();
    toast(`${done.count} ${done.count === 1 ? "panel" : "panels"} changed. Save to keep it.`);
  }

  async addPanel() {
    const { view } = this.page;
    if (view.screen.panels.length >= PANELS_MAX) return toast(`A screen has at most ${PANELS_MAX} panels.`, { kind: "bad" });
    const made = await editPanel(this.page, view, panelOf({ kind: "line" }), { fresh: true });
    if (!made) return;
    view.screen.panels.push(made);
    view.changed();
    view.views.get(made.key)?.element.scrollIntoView({ block: "nearest" });
  }

  async editPanel(panel) {
    const { page, ctx } = this;
    if (!page.editing()) {
      const at = page.screen.panels.indexOf(panel);
      this.actions.edit();
      panel = page.view.screen.panels[at];
      if (!panel || !ctx.writable) return;
    }
    const { view } = page;
    const made = await editPanel(page, view, panel);
    if (!made) return;
    const at = view.screen.panels.findIndex(({ key }) => key === panel.key);
    if (at < 0) return;
    view.screen.panels[at] = made;
    view.changed();
  }
}
