/** What happened, the newest first, page by page. */
import { breakable, fill, h } from "../../lib/dom.js";
import { value as exact } from "../../lib/format.js";
import { seriesOf } from "../anomalies/episodes.js";
import { CHANGES, LEVELS, aged, level, tableOf } from "./parts.js";

export function historyTab(panel, ctx, tools) {
  const rule = h("input", { type: "search", "aria-label": "Name of a rule", placeholder: "Name of a rule", onchange: () => ctx.set({ rule: rule.value || null }) });
  const levels = h("select", { "aria-label": "Level", onchange: () => ctx.set({ level: levels.value || null }) }, h("option", { value: "" }, "All levels"), LEVELS.map((name) => h("option", { value: name }, name)));
  const box = h("div");
  const more = h("button", { type: "button", hidden: true, onclick: () => next().catch((error) => tools.say("bad", error.message)) }, "Older ones");
  panel.append(h("div.row.wrap", rule, levels), box, more);
  let events = [];
  let after = null;

  async function page(from) {
    return ctx.api.get("api/alerts/history", { rule: rule.value, level: levels.value, max: 100, ...(from ? { after: from } : {}) }, { signal: tools.signal });
  }
  async function next() {
    const answer = await page(after);
    events = events.concat(answer.events);
    after = answer.more;
    draw();
  }
  function draw() {
    more.hidden = !after;
    fill(box, events.length ? tableOf("What happened", ["When", "What", "Level", "Rule", "Group", "Value", "By", "Text"], events.map((event) => h("tr", h("td", aged(event.at, ctx.time.zone)), h("td", CHANGES[event.change] ?? event.change), h("td", level(event.level)),
      h("td", event.rule), h("td.name", breakable(seriesOf(event))), h("td.number", event.value === undefined ? "–" : exact(event.value, 5)), h("td", event.mark?.user ?? ""), h("td.text", event.mark?.message || event.text)))) : h("div.state", h("p.quiet", "Nothing has happened yet.")));
  }
  return {
    polls: false,
    title: () => "History · Alerts",
    route(route) {
      rule.value = route.params.get("rule") ?? "";
      levels.value = route.params.get("level") ?? "";
      tools.reload();
    },
    async load() {
      const answer = await page(null);
      events = answer.events;
      after = answer.more;
      draw();
    },
  };
}
