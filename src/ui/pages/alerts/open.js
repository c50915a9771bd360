/** What is open: groups by what is needed, filters, and acts on one or many. */
import { breakable, fill, h, icon, set } from "../../lib/dom.js";
import { count, many, value as exact } from "../../lib/format.js";
import { DAY, SECOND, format, span } from "../../lib/time.js";
import { seriesOf } from "../anomalies/episodes.js";
import { ACTS, LEVELS, aged, level, perform, tableOf, told, toldHint } from "./parts.js";

/** Rows of one group that are drawn. */
const ROWS_MAX = 500;
/** How often, in ms, it is looked what ended lately, and how many of those are listed. */
const ENDED_EVERY = 30_000;
const ENDED_MAX = 200;

const GROUPS = [
  ["attention", "Needs attention", (a) => !a.silence && !(a.incident && a.incident.acknowledged) && a.level !== "normal"],
  ["taken", "Acknowledged", (a) => !a.silence && a.incident?.acknowledged && a.level !== "normal"],
  ["silenced", "Silenced", (a) => a.silence],
  ["recovered", "Back to normal, waiting to be closed", () => true],
];

/** How the list may be grouped instead: by the address' `by`. Groups come in the order of their first alert, the worst first. */
const BY = { rule: (alert) => alert.rule, level: (alert) => alert.level };

export function openTab(panel, ctx, tools) {
  const q = h("input", { type: "search", "aria-label": "Filter alerts", placeholder: "Filter by rule, metric, tag", oninput: () => ctx.set({ q: q.value || null }, { push: false }) });
  const levels = h("select", { "aria-label": "Level", onchange: () => ctx.set({ level: levels.value || null }) }, h("option", { value: "" }, "All levels"), LEVELS.map((name) => h("option", { value: name }, name)));
  const by = h("select", { "aria-label": "Grouped by", onchange: () => ctx.set({ by: by.value || null }, { push: false }) }, [["", "by what is needed"], ["rule", "by rule"], ["level", "by level"]].map(([value, label]) => h("option", { value }, label)));
  const faults = h("p.alerts-faults", { hidden: true });
  const chosen = new Set();
  const bar = h("div.row.wrap.alerts-acts", { role: "group", "aria-label": "What to do with the chosen alerts" });
  const lists = h("div.alerts-groups");
  const ended = h("details.card.alerts-ended", { hidden: true });
  panel.append(h("div.row.wrap", q, levels, by, h("span.grow"), bar), faults, lists, ended);
  let all = [];
  let grouped = "";
  let asked = -Infinity; // when it was last looked what ended

  function acts() {
    const ids = [...chosen];
    fill(bar, ids.length ? h("span.quiet", `${count(ids.length)} chosen`) : null, !ctx.writable || !ids.length ? null : ACTS.map((act) => h("button", {
      type: "button", class: act[0] === "purge" ? "danger" : "", title: act[2], onclick: async () => { if (await perform(ctx, act, [...chosen])) { chosen.clear(); tools.reload(); } },
    }, act[1])), ids.length && ctx.writable ? h("button", { type: "button", onclick: silence }, "Silence…") : null);
  }

  /** A silence that covers what the chosen ones share. */
  function silence() {
    const picked = all.filter(({ id }) => chosen.has(id));
    const rules = [...new Set(picked.map(({ rule }) => rule))];
    const shared = Object.entries(picked[0]?.tags ?? {}).filter(([key, value]) => picked.every(({ tags }) => tags[key] === value));
    ctx.go("alerts", { params: { tab: "silences", rule: rules.join("|"), tags: shared.map(([key, value]) => `${key}=${value}`).join(",") } });
  }

  function row(alert) {
    const box = h("input", { type: "checkbox", checked: chosen.has(alert.id), "aria-label": `Choose ${alert.rule} ${alert.name}`, onchange: () => { chosen[box.checked ? "add" : "delete"](alert.id); acts(); } });
    const incident = alert.incident;
    const marks = [
      incident?.acknowledged ? `taken by ${incident.acknowledged.user}` : null,
      alert.silence ? `silent until ${format(alert.silence.until * SECOND, ctx.time.zone, "minute")}` : null,
      incident?.closing ? "closes when normal" : null, alert.flapping ? "comes and goes" : null, alert.blind ? "cannot be read now" : null,
      incident?.escalated ? "escalated" : null, alert.waiting?.length ? `${many(alert.waiting.length, "message")} not sent yet` : null,
    ].filter(Boolean);
    return h("tr", h("td", h("label.check", box)), h("td", level(alert.level)), h("td", aged(incident?.start ?? alert.since, ctx.time.zone)), h("td", alert.rule),
      h("td", h("a.name", { href: ctx.href("alerts", { id: alert.id }) }, breakable(alert.name))), h("td.number", alert.value === null ? "–" : exact(alert.value, 5)),
      h("td", h("span", alert.text), marks.map((mark) => h("span.badge.alerts-mark", mark))), h("td.number", { title: incident ? toldHint(incident) : null }, told(alert) ?? "–", incident?.last_message ? h("div.hint", aged(incident.last_message, ctx.time.zone)) : null));
  }

  function group([name, label, fits], left) {
    const mine = left.filter(fits);
    for (const alert of mine) left.splice(left.indexOf(alert), 1);
    if (!mine.length) return null;
    const every = h("input", { type: "checkbox", "aria-label": `Choose all of: ${label}`, checked: mine.every(({ id }) => chosen.has(id)), onchange: () => { for (const { id } of mine) chosen[every.checked ? "add" : "delete"](id); draw(); } });
    const shown = mine.slice(0, ROWS_MAX);
    return h("section.card", { "aria-label": label, data: { group: name } }, h("h2", `${label} (${count(mine.length)})`),
      tableOf(label, [h("label.check", every), "Level", "Since", "Rule", "Group", "Value", "Condition", "Messages"], shown.map(row), false),
      mine.length > shown.length ? h("p.hint", `The first ${count(shown.length)} of ${count(mine.length)}: filter for the others.`) : null);
  }

  function draw() {
    const left = [...all];
    const own = BY[ctx.route.params.get("by")];
    const groups = own ? [...new Set(all.map(own))].map((name) => [name, name, (alert) => own(alert) === name]) : GROUPS;
    const made = groups.map((one) => group(one, left)).filter(Boolean);
    fill(lists, made.length ? made : h("div.state", icon("check"), h("p", ctx.route.params.get("q") || ctx.route.params.get("level") ? "No open alert fits the filter." : "Nothing is open."),
      h("a", { href: ctx.href("alerts", { params: { tab: "rules" } }) }, "What is being watched?")));
    acts();
  }

  /** Rules that cannot be read or judged: what they stand for is not watched. */
  async function troubles() {
    const { workers } = await ctx.api.get("api/alerts/workers", {}, { signal: tools.signal });
    const found = new Set(workers.flatMap(({ status }) => [...(status?.faults ?? []), ...Object.keys(status?.troubles ?? {})]));
    faults.hidden = found.size === 0;
    fill(faults, found.size ? h("a.bad", { href: ctx.href("alerts", { params: { tab: "workers" } }) }, icon("warn"), `${many(found.size, "fault")} in rules: what they stand in is not watched`) : null);
  }

  /** What ended in the last day. */
  async function over() {
    if (performance.now() - asked < ENDED_EVERY) return;
    asked = performance.now();
    const now = Date.now();
    const { events } = await ctx.api.get("api/alerts/history", { start: Math.floor((now - DAY) / SECOND), max: 1000 }, { signal: tools.signal });
    const closed = events.filter(({ change }) => change === "closed");
    ended.hidden = closed.length === 0;
    const row = (event) => h("tr", h("td", aged(event.at, ctx.time.zone)), h("td", event.rule), h("td.name", breakable(seriesOf(event))), h("td.nowrap", span(Math.max(0, event.at - event.start) * SECOND)), h("td", event.mark?.user ?? ""));
    fill(ended, h("summary", `Ended in the last day (${count(closed.length)})`), tableOf("Ended in the last day", ["When", "Rule", "Group", "Lasted", "By"], closed.slice(0, ENDED_MAX).map(row)),
      closed.length > ENDED_MAX ? h("p.hint", `The newest ${ENDED_MAX}; the others are in the history.`) : null);
  }

  return {
    title: () => (all.length ? `(${all.length}) Alerts` : "Alerts"),
    route(route) {
      if (q !== document.activeElement) q.value = route.params.get("q") ?? "";
      levels.value = route.params.get("level") ?? "";
      const wanted = route.params.get("by") ?? "";
      by.value = BY[wanted] ? wanted : "";
      if (grouped !== by.value && all.length) draw();
      grouped = by.value;
      tools.reload();
    },
    async load() {
      const answer = await ctx.api.get("api/alerts", { q: q.value, level: levels.value }, { signal: tools.signal });
      all = answer.alerts;
      for (const id of [...chosen]) if (!all.some((alert) => alert.id === id)) chosen.delete(id);
      const bad = all.filter(({ level: name }) => name !== "normal").length;
      tools.say(bad ? "bad" : "good", bad ? `${many(bad, "alert is", "alerts are")} open` : "Nothing is wrong that rules know of");
      // A list that moves under the pointer is worse than one that is some seconds old.
      const now = JSON.stringify(all);
      if (now !== this.before) draw();
      this.before = now;
      set(lists, { "aria-busy": null });
      await Promise.all([troubles(), over()]);
    },
  };
}
