/**
 * Screens: named dashboards of panels. `#/screens` lists them, `#/screens/ID` shows one, `#/screens/new` begins one, and
 * `#/screens/ad-hoc?m=…&m=…` is a temporary one that is nowhere but in its address.
 *
 * | parameter | means |
 * | --- | --- |
 * | `v.TAG` | value of a variable, or a filter by any tag |
 * | `x.edit` | editing |
 * | `x.panel` | one panel alone, by its place |
 * | `x.legend=0` | no legends |
 * | `x.wall` | the whole window, without bar and tree |
 * | `x.screen` | the temporary screen as JSON; `m` adds a panel each, `x.columns` sets columns |
 */
import { fill, h, iconButton } from "../lib/dom.js";
import { toast } from "../lib/layer.js";
import { Actions } from "./screens/actions.js";
import { panelOf, screenOf, stored } from "./screens/model.js";
import * as store from "./screens/store.js";
import { tree } from "./screens/tree.js";

export const title = "Screens";
/** Ids that are no screen of the server. */
const NEW = "new";
const TEMPORARY = "ad-hoc";
const LOST = "This part of the page could not be loaded: the server does not answer.";

class Page {
  constructor(root, ctx) {
    Object.assign(this, { root, ctx, list: null, error: null, open: "", view: null, screen: null, saving: false, asking: null, metrics: null });
    this.actions = new Actions(this);
    this.tree = tree(this);
    this.main = h("div.screens-main");
    this.exit = iconButton("close", "Leave the whole window (Esc)", () => this.actions.wall(false), { class: "wall-exit" });
    root.append(h("div.screens", this.tree.element, this.main), this.exit);
    this.offKeys = ctx.keys.add(this.actions.keys());
    this.onFull = () => { if (!document.fullscreenElement && this.full) { this.full = false; this.actions.wall(false); } };
    document.addEventListener("fullscreenchange", this.onFull);
  }

  isTemporary() { return this.open === TEMPORARY; }
  editing() { return this.ctx.route.params.has("x.edit") && this.ctx.writable && !this.ctx.embedded; }
  dirty() { return store.changed(this.open); }

  async relist() {
    const mine = (this.listing = {});
    try {
      const list = await store.list();
      if (this.listing !== mine) return; // a newer list was asked for meanwhile
      this.list = list;
      this.error = null;
    } catch (error) {
      if (this.listing !== mine) return;
      this.error = error;
    }
    this.tree.draw();
    if (this.open === "") this.showIndex();
  }

  /** Follows the address. */
  async update({ id, params }) {
    const wall = params.has("x.wall");
    document.documentElement.toggleAttribute("data-wall", wall);
    this.exit.hidden = !wall || this.ctx.embedded;
    if (id !== this.open) {
      this.leave();
      this.open = id;
      this.tree.draw();
      if (id === "") return this.showIndex();
      return this.openScreen(id);
    }
    if (id === "" || !this.screen) return;
    if (this.isTemporary() && !this.editing() && params.get("x.screen") !== this.shownText) return this.openScreen(id);
    this.show();
  }

  leave() {
    this.asking?.abort();
    if (this.open && this.dirty()) {
      const [id, name] = [this.open, store.draftOf(this.open).screen.name || "the new screen"];
      toast(`Changes to ${name} are not saved. They are kept as a draft.`, { action: { label: "Back to them", run: () => this.ctx.go("screens", { id, params: { "x.edit": "" } }) } });
    }
    this.metrics?.close();
    this.view?.destroy();
    Object.assign(this, { view: null, screen: null, metrics: null });
  }

  async showIndex() {
    this.view?.destroy();
    this.view = null;
    let index;
    try {
      ({ index } = await import("./screens/index.js"));
    } catch {
      index = ({ actions }) => h("div.state", h("p.bad", LOST), h("button", { type: "button", onclick: () => actions.relist() }, "Try again"));
    }
    if (this.open !== "") return;
    fill(this.main, index(this));
    this.ctx.retitle();
  }

  async openScreen(id) {
    const mine = (this.asking = new AbortController());
    fill(this.main);
    // The list of screens needs none of what shows one.
    const view = import("./screens/view.js");
    view.catch(() => {}); // told where it is awaited
    try {
      const screen = id === NEW ? store.draftOf(NEW)?.base ?? screenOf({}) : id === TEMPORARY ? this.ofAddress() : await store.read(id, { signal: mine.signal });
      this.ScreenView ??= (await view).ScreenView;
      if (this.asking !== mine) return;
      this.screen = screen;
      // A link without a range shows the screen's own.
      const { params } = this.ctx.route;
      const wanted = {};
      if (!params.has("start") && screen.range.start) Object.assign(wanted, { start: screen.range.start, end: screen.range.end || null });
      if (!params.has("autoreload") && screen.refresh >= 5) wanted.autoreload = String(screen.refresh);
      if (Object.keys(wanted).length) this.ctx.set(wanted, { push: false });
      this.show();
      this.ctx.retitle();
    } catch (error) {
      if (this.asking !== mine || error.kind === "aborted") return;
      const gone = error.status === 404;
      fill(this.main, h("div.state", h("h1", gone ? "This screen is not here" : "This screen could not be loaded"), h("p", { class: gone ? "quiet" : "bad" }, gone ? "It was deleted, or the link is wrong." : error.message),
        gone ? h("a", { href: this.ctx.href("screens") }, "To all screens") : h("button", { type: "button", onclick: () => this.openScreen(id) }, "Try again")));
      this.ctx.error(error.message);
      if (gone) this.relist(); // the tree may know it still
    }
  }

  /** A reload: what failed, what is drawn, and whether the screen is still as it was. */
  async refresh() {
    if (!this.view) return this.open === "" ? this.relist() : Promise.all([this.relist(), this.openScreen(this.open)]);
    await Promise.all([this.error ? this.relist() : null, this.view.refresh(), this.follow()]);
  }

  /** Takes what others have made of the screen meanwhile; one that somebody edits here stays, and saving tells. */
  async follow() {
    const { open: id, screen } = this;
    if (id === NEW || this.isTemporary() || this.editing()) return;
    try {
      const now = await store.read(id);
      if (this.open !== id || this.screen !== screen || this.editing()) return;
      this.view.tell(null);
      if (now.version === screen.version) return;
      this.screen = now;
      this.show();
      this.ctx.retitle();
      this.relist();
      this.ctx.status("Somebody has changed this screen: the new one is shown.");
    } catch (error) {
      if (error.status !== 404 || this.open !== id) return;
      this.view.tell(h("div.banner.warn", "This screen was deleted meanwhile. It is shown as it was.", h("button", { type: "button", onclick: () => this.actions.saveAs() }, "Save it as …")));
      this.relist();
    }
  }

  /** The temporary screen of the address. */
  ofAddress() {
    const { params } = this.ctx.route;
    this.shownText = params.get("x.screen");
    const usual = { name: "Temporary screen" };
    let screen = screenOf(usual);
    try {
      if (this.shownText) screen = screenOf({ ...usual, ...JSON.parse(this.shownText) });
    } catch (error) {
      toast(`The temporary screen in this link cannot be read: ${error.message}`, { kind: "bad" });
    }
    for (const m of params.all("m")) screen.panels.push(panelOf({ kind: "line", queries: [{ m }] }));
    const columns = Number(params.get("x.columns"));
    if (columns >= 1 && columns <= 4) screen.columns = Math.trunc(columns);
    return screen;
  }

  /** Shows what is open: the draft while editing, else the screen as it is stored. */
  show() {
    const draft = this.editing() ? store.draftOf(this.open) ?? store.begin(this.open, this.screen) : null;
    if (!this.view) {
      fill(this.main);
      this.view = new this.ScreenView(this, this.main);
    }
    const now = draft?.screen ?? this.screen;
    const first = this.view.screen === undefined;
    this.view.show(now, { editing: Boolean(draft) });
    if (!first) this.view.update();
    else this.view.refresh();
    this.offerDraft(Boolean(draft));
    this.offerMetrics(Boolean(draft));
    this.tree.draw();
  }

  /** While it is edited, metrics to add stand below the tree. */
  async offerMetrics(editing) {
    if (!editing) {
      this.metrics?.close();
      this.metrics = null;
      return;
    }
    const { view } = this;
    let metricList;
    try {
      ({ metricList } = await import("./screens/metric-list.js"));
      await this.ctx.style("css/screens-edit.css");
    } catch {
      return toast(LOST, { kind: "bad" });
    }
    if (this.metrics || this.view !== view || !this.editing()) return;
    this.metrics = metricList(this);
    this.tree.element.append(this.metrics.element);
  }

  /** A draft of an earlier visit is told, not shown. */
  offerDraft(editing) {
    if (editing || !this.dirty() || !this.ctx.writable) return fill(this.view.offer);
    fill(this.view.offer, h("div.banner.warn", "There are changes to this screen that were not saved.", h("button", { type: "button", onclick: () => this.actions.edit() }, "Go on with them"),
      h("button", { type: "button", onclick: () => { store.drop(this.open); fill(this.view.offer); this.tree.draw(); } }, "Drop them")));
  }

  /** The draft was edited. */
  touched() {
    store.touched();
    this.tree.draw();
  }

  /** What a temporary screen is written into its link as. */
  writeTemporary(screen) {
    this.shownText = JSON.stringify(stored(screen));
    this.screen = screenOf(JSON.parse(this.shownText));
    this.ctx.set({ "x.screen": this.shownText, "x.edit": null, m: null, "x.columns": null });
  }
}

export async function mount(root, ctx) {
  await ctx.style("css/screens.css");
  const page = new Page(root, ctx);
  page.relist();
  if (ctx.route.id === "") page.showIndex();
  return {
    update: (route) => page.update(route),
    refresh: () => page.refresh(),
    title: () => (page.open ? (page.editing() ? store.draftOf(page.open)?.screen.name : page.screen?.name) || title : title),
    unmount() {
      page.leave();
      page.offKeys();
      document.removeEventListener("fullscreenchange", page.onFull);
      document.documentElement.removeAttribute("data-wall");
    },
  };
}
