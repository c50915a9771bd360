/** Silences: what is silent until when, a new one, which is tried before it is made, and changes of those that are there. */
import { fill, h } from "../../lib/dom.js";
import { many } from "../../lib/format.js";
import { confirm, toast } from "../../lib/layer.js";
import { load, save } from "../../lib/store.js";
import { MINUTE, SECOND, duration, durationText, format } from "../../lib/time.js";
import { aged, tableOf, who } from "./parts.js";

export function silencesTab(panel, ctx, tools) {
  const rule = h("input", { type: "text", placeholder: "cpu*|disk  (empty: every rule)" });
  const tags = h("input", { type: "text", placeholder: "host=web*, dc=lga  (empty: every group)" });
  const length = h("input", { type: "text", value: load("silence", "2h"), placeholder: "2h" });
  const again = h("select", h("option", { value: "0" }, "once"), h("option", { value: "86400" }, "every day"), h("option", { value: "604800" }, "every week"));
  const maintenance = h("input", { type: "checkbox" });
  const user = h("input", { type: "text", value: who(), autocomplete: "name" });
  const message = h("input", { type: "text", placeholder: "why" });
  const problem = h("p.field-error", { role: "alert" });
  const hits = h("div", { "aria-live": "polite" });
  const heading = h("h2", "A new silence");
  const submit = h("button.primary", { type: "submit" }, "Silence");
  const stay = h("button", { type: "button", hidden: true, onclick: () => change(null) }, "A new one instead");
  let changed = null; // the silence that the form changes
  const list = h("section.card", h("h2", "In force"));
  const rows = h("div");
  list.append(rows);

  /** The form as a request; throws what is wrong with it. */
  function read() {
    const ms = duration(length.value.trim());
    if (!ms) throw new Error(`“${length.value}” is no length of time: write 30m, 2h, 1d.`);
    const pairs = tags.value.split(",").map((pair) => pair.trim()).filter(Boolean).map((pair) => pair.split("="));
    const wrong = pairs.find((pair) => pair.length !== 2 || !pair[0] || !pair[1]);
    if (wrong) throw new Error(`“${wrong.join("=")}” is no tag: write name=value.`);
    const said = { rule: rule.value.trim(), tags: Object.fromEntries(pairs), for: Math.round(ms / SECOND), every: Number(again.value), maintenance: maintenance.checked, user: user.value, message: message.value };
    if (!changed) return said;
    // It keeps its beginning. How long it goes on counts from now, but for one that comes again or has not begun.
    const begun = !changed.every && changed.start * SECOND < Date.now();
    return { ...said, start: changed.start, for: said.for + (begun ? Math.floor(Date.now() / SECOND) - changed.start : 0), forget: changed.forget };
  }

  /** Puts a silence into the form, or (null) nothing. */
  function change(silence) {
    changed = silence;
    heading.textContent = silence ? "Change a silence" : "A new silence";
    submit.textContent = silence ? "Change" : "Silence";
    stay.hidden = !silence;
    hits.replaceChildren();
    problem.textContent = "";
    rule.value = silence?.rule ?? "";
    tags.value = Object.entries(silence?.tags ?? {}).map(([key, value]) => `${key}=${value}`).join(", ");
    const left = !silence ? 0 : silence.every || silence.start * SECOND > Date.now() ? (silence.end - silence.start) * SECOND : Math.max(MINUTE, Math.round((silence.end * SECOND - Date.now()) / MINUTE) * MINUTE);
    length.value = silence ? durationText(left) : load("silence", "2h");
    if (silence?.every && ![...again.options].some(({ value }) => value === String(silence.every))) again.append(h("option", { value: String(silence.every) }, `every ${durationText(silence.every * SECOND)}`));
    again.value = String(silence?.every ?? 0);
    maintenance.checked = Boolean(silence?.maintenance);
    message.value = silence?.message ?? "";
    if (silence) rule.focus();
  }

  async function send(sure) {
    problem.textContent = "";
    try {
      const body = read();
      const answer = await ctx.api.post("api/alerts/silence", sure ? { ...body, confirm: true } : body, { signal: tools.signal });
      fill(hits, h("p", `${sure ? "It silences" : "It would silence"} ${many(answer.hits.length, "known alert")}.`), answer.hits.length ? h("ul", answer.hits.slice(0, 20).map((hit) => h("li.name", `${hit.rule}: ${hit.name}`))) : null,
        answer.hits.length > 20 ? h("p.hint", `and ${answer.hits.length - 20} more`) : null);
      if (!sure) return;
      save("person", user.value);
      save("silence", length.value);
      if (changed && changed.id !== answer.silence.id) await ctx.api.post("api/alerts/unsilence", { id: changed.id });
      toast(changed ? "The silence is changed." : "The silence is in force.");
      if (changed) change(null);
      tools.reload();
    } catch (error) {
      if (error.kind !== "aborted") problem.textContent = error.message;
    }
  }

  const field = (label, input) => h("label.field", h("span", label), input);
  const form = h("form.card.form", { "aria-label": "A new silence", onsubmit: (event) => { event.preventDefault(); send(true); } }, heading, field("Rules", rule), field("Tags", tags), field("For", length), field("Comes", again),
    h("label.check", maintenance, "Maintenance: nothing is judged meanwhile"), field("Your name", user), field("Message", message), problem, hits,
    h("div.buttons", stay, h("button", { type: "button", onclick: () => send(false) }, "What would it hit?"), submit));
  panel.append(h("div.worker-two", list, ctx.writable ? form : null));

  async function end(silence) {
    if (!(await confirm("End this silence?", `${silence.rule || "Every rule"}: messages are sent again.`, "End it"))) return;
    try {
      await ctx.api.post("api/alerts/unsilence", { id: silence.id });
      tools.reload();
    } catch (error) {
      tools.say("bad", error.message);
    }
  }

  return {
    title: () => "Silences · Alerts",
    route(route) {
      if (route.params.has("rule")) rule.value = route.params.get("rule");
      if (route.params.has("tags")) tags.value = route.params.get("tags");
    },
    async load() {
      const all = await ctx.api.get("api/alerts/silences", {}, { signal: tools.signal });
      fill(rows, all.length ? tableOf("Silences in force", ["Rules", "Tags", "Until", "By", "Message", ""], all.map((silence) => h("tr", h("td.name", silence.rule || "every rule"), h("td.name", Object.entries(silence.tags).map(([key, value]) => `${key}=${value}`).join(", ") || "every group"),
        h("td.nowrap", silence.until ? format(silence.until * SECOND, ctx.time.zone, "minute") : ["from ", format(silence.start * SECOND, ctx.time.zone, "minute")], silence.every ? h("span.badge", silence.every === 86400 ? "every day" : silence.every === 604800 ? "every week" : "comes again") : null, silence.maintenance ? h("span.badge", "maintenance") : null),
        h("td", silence.user), h("td", silence.message), h("td.nowrap", ctx.writable ? [h("button", { type: "button", onclick: () => change(silence) }, "Change"), " ", h("button", { type: "button", onclick: () => end(silence) }, "End")] : null)))) : h("p.hint", "Nothing is silenced."));
    },
  };
}
