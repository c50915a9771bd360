/**
 * Alerts: what is open and what people do about it, what was, silences, rules, expressions to try and the workers that judge them. An alert's
 * own page (`#/alerts/ID`) shows its series, its history and its notes.
 */
import { h, set, uid } from "../lib/dom.js";
import { walkTabs } from "../lib/keys.js";
import { stateLine } from "../lib/state.js";
import { detail } from "./alerts/detail.js";
import { historyTab } from "./alerts/history.js";
import { openTab } from "./alerts/open.js";
import { rulesTab } from "./alerts/rules.js";
import { silencesTab } from "./alerts/silences.js";
import { workersTab } from "./alerts/workers.js";

export const title = "Alerts";
export const range = false;

/** Ms between two looks. */
const EVERY = 10_000;

/** A tab whose module comes when it is opened. */
const later = (load) => (panel, ctx, tools) => {
  let [tab, route, closed] = [null, null, false];
  load().then((make) => {
    if (closed) return;
    tab = make(panel, ctx, tools);
    if (route) tab.route?.(route);
    ctx.retitle?.();
  }, () => tools.say("bad", "This part of the page could not be loaded."));
  return {
    polls: false,
    title: () => tab?.title?.() ?? "Alerts",
    route(next) { route = next; tab?.route?.(next); },
    close() { closed = true; tab?.close?.(); },
  };
};

const TABS = [["open", "Open", openTab], ["history", "History", historyTab], ["silences", "Silences", silencesTab], ["rules", "Rules", rulesTab], ["expression", "Expression", later(async () => (await import("./alerts/expression.js")).expressionTab)], ["workers", "Workers", workersTab]];

export async function mount(root, ctx) {
  await ctx.style("css/worker.css");
  const abort = new AbortController();
  const state = stateLine();
  const panel = h("div.alerts-panel", { role: "tabpanel", id: uid("panel"), tabindex: "0" });
  const buttons = TABS.map(([name, label]) => h("button", { type: "button", role: "tab", id: uid("tab"), "aria-controls": panel.id, data: { tab: name }, onclick: () => ctx.go("alerts", { params: name === "open" ? {} : { tab: name } }) }, label));
  const strip = h("div.tabs", { role: "tablist", "aria-label": "Parts of alerts" }, buttons);
  walkTabs(strip, buttons);
  root.append(h("header.worker-head", h("h1", "Alerts"), state.element), strip, panel);

  /** What tabs get beside the page's own context. */
  const tools = {
    signal: abort.signal,
    say: state.say,
    reload: () => look(),
  };
  let tab = null;
  let timer = 0;
  let complaint = "";

  async function look() {
    clearTimeout(timer);
    if (abort.signal.aborted || document.hidden) return;
    try {
      await tab?.load?.();
      if (tab) tab.loaded = true;
      // Not every tab has something to say when all is well.
      if (complaint && state.element.dataset.said === complaint) tools.say("", "");
      complaint = "";
    } catch (error) {
      if (error.kind === "aborted") return;
      complaint = error.status === 503 || !tab.loaded ? error.message : `${error.message} What is shown is from before.`;
      tools.say("bad", complaint);
    }
    if (tab?.polls) timer = setTimeout(look, EVERY);
  }

  function open(route) {
    const wanted = route.params.get("tab");
    const known = TABS.find(([name]) => name === wanted) ?? TABS[0];
    const name = route.id ? "detail" : known[0];
    const key = route.id ? `detail ${route.id}` : name;
    for (const button of buttons) {
      const on = button.dataset.tab === (route.id ? "open" : name);
      set(button, { "aria-selected": String(on), tabindex: on ? "0" : "-1" });
      if (on) set(panel, { "aria-labelledby": button.id });
    }
    if (tab?.key === key) {
      tab.route?.(route);
      return;
    }
    tab?.close?.();
    panel.replaceChildren();
    tools.say("", "");
    const made = route.id ? detail(panel, ctx, tools, route.id) : known[2](panel, ctx, tools);
    tab = { key, polls: true, ...made };
    tab.route?.(route);
    ctx.retitle?.();
    look();
  }

  const seen = () => { if (!document.hidden) look(); };
  document.addEventListener("visibilitychange", seen);
  open(ctx.route);
  return {
    update: open,
    refresh: look,
    title: () => tab?.title?.() ?? "Alerts",
    unmount() {
      abort.abort();
      clearTimeout(timer);
      tab?.close?.();
      document.removeEventListener("visibilitychange", seen);
    },
  };
}
