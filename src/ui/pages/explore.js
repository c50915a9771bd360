/**
 * Explore: what is there? Metrics by the tree of their names and by parts of words, as rows or as pictures; what one metric
 * has: series, tags with their values, meta data; hosts and what they send; OpenTSDB's trees.
 *
 * Everything is in the address: `tab` (`metrics`, `hosts`, `trees`), and of each tab its own parameters (see its module).
 */
import { h, uid } from "../lib/dom.js";
import { walkTabs } from "../lib/keys.js";
import { metricsTab } from "./explore/list.js";

export const title = "Explore";

const TABS = [["metrics", "Metrics", metricsTab], ["hosts", "Hosts", later(() => import("./explore/hosts.js"), "hostsTab")],
  ["trees", "Trees", later(() => import("./explore/trees.js"), "treesTab")]];
/** Parameters that belong to all tabs. */
const COMMON = ["start", "end", "tz", "autoreload"];

/** A tab whose module is loaded when it is first opened. */
function later(load, name) {
  return (panel, ctx) => {
    let tab = null;
    let route = null;
    let closed = false;
    const loaded = load().then((module) => {
      if (closed) return;
      tab = module[name](panel, ctx);
      if (route) tab.update(route);
      ctx.retitle();
    }, () => { if (!closed) panel.replaceChildren(h("p.state.bad", "This part could not be loaded: reload the page.")); });
    return {
      update(next) { route = next; tab?.update(next); },
      refresh: () => (tab ? tab.refresh() : loaded),
      close() { closed = true; tab?.close(); },
      title: () => tab?.title?.(),
    };
  };
}

export async function mount(root, ctx) {
  await ctx.style("css/explore.css");
  const panel = h("div.explore-panel", { role: "tabpanel", id: uid("panel"), tabindex: "-1" });
  const kept = new Map(); // what a tab showed last
  const buttons = TABS.map(([name, label]) => h("button", {
    type: "button", role: "tab", id: uid("tab"), "aria-controls": panel.id, data: { tab: name }, onclick: () => choose(name),
  }, label));
  const tabs = h("div.tabs", { role: "tablist", "aria-label": "What to look through" }, buttons);
  walkTabs(tabs, buttons);
  const heading = h("h1.unseen", "Explore");
  root.append(heading, tabs, panel);

  let tab = null; // { name, update(route), refresh(), close(), title() }

  function choose(name) {
    if (tab?.name === name) return;
    const mine = ctx.route.params.list.filter(([key]) => !COMMON.includes(key) && key !== "tab");
    if (tab) kept.set(tab.name, mine);
    const params = ctx.route.params.clone();
    params.list = [...params.list.filter(([key]) => COMMON.includes(key)), ...(name === "metrics" ? [] : [["tab", name]]), ...(kept.get(name) ?? [])];
    ctx.replaceParams(params);
  }

  function update(route) {
    const wanted = route.params.get("tab");
    const [name, label, make] = TABS.find(([known]) => known === wanted) ?? TABS[0];
    for (const button of buttons) {
      const on = button.dataset.tab === name;
      button.setAttribute("aria-selected", String(on));
      button.setAttribute("tabindex", on ? "0" : "-1");
      if (on) panel.setAttribute("aria-labelledby", button.id);
    }
    if (tab?.name !== name) {
      tab?.close();
      panel.replaceChildren();
      tab = { name, label, ...make(panel, ctx) };
    }
    tab.update(route);
  }

  update(ctx.route);
  return {
    update,
    refresh: () => tab?.refresh(),
    title: () => tab?.title?.() ?? (tab && tab.name !== "metrics" ? `${tab.label} · Explore` : "Explore"),
    unmount() { tab?.close(); },
  };
}
