/** What the parts of Alerts share: levels, acts with a message, and who a person is. */
import { h } from "../../lib/dom.js";
import { count, many } from "../../lib/format.js";
import { dialog, toast } from "../../lib/layer.js";
import { load, save } from "../../lib/store.js";
import { SECOND, ago, duration, format } from "../../lib/time.js";

/** Levels, the worst first, and the words of events. */
export const LEVELS = ["unknown", "critical", "warning", "normal"];
export const CHANGES = { opened: "opened", worse: "got worse", better: "got better", normal: "back to normal", closed: "closed", acknowledged: "acknowledged", closeasked: "closes when normal", closecancelled: "stays open", noted: "noted", forgotten: "forgotten" };

/** A level as a word with a colour of its own. */
export const level = (name) => h("span.badge.level", { class: `level-${name}` }, name);

/** A time as its age, with the instant in its title. */
export const aged = (seconds, zone) => h("time.nowrap", { title: format(seconds * SECOND, zone), datetime: new Date(seconds * SECOND).toISOString() }, ago(seconds * SECOND, Date.now()));

/** Which of at most how many messages about its level was the last: `1 of 3`. Null for one that is not open. */
export function told({ incident, max_step: most }) {
  if (!incident) return null;
  if (most === 0) return "mute";
  return most === null || most === undefined ? count(incident.messages) : `${count(incident.step)} of ${count(most)}`;
}

/** What `told` counts, for people who wonder. */
export const toldHint = ({ messages }) => `Messages about its worst level, of those that the rule allows; ${count(messages)} in all`;

/** Who acts: as the person said once in this browser. */
export const who = () => load("person", "");

/** A fault in a rule as its place and sentence. */
export const fault = ({ file, line, column, message }) => h("li.name", h("b", `${file}:${line}:${column}: `), message);

/** The faults with their places that a refusal brings; null for one without. */
export function placesOf(error) {
  try {
    const places = JSON.parse(error.details ?? "");
    return Array.isArray(places) ? places : null;
  } catch {
    return null;
  }
}

/** The faults that a refusal of rules brings, as a list. */
export function faultsOf(error) {
  const faults = placesOf(error);
  return faults && h("ul.bad", faults.map(fault));
}

/** The acts on alerts: name, label, what it does, and whether a message is asked for. */
export const ACTS = [
  ["ack", "Acknowledge", "Somebody takes care: no repeats and no escalation."],
  ["close", "Close", "Closes it; while it is still bad, as soon as it is normal, and at the latest after two checks or the time below."],
  ["note", "Note", "Writes a note beside it."],
  ["cancelclose", "Keep open", "It does not close by itself after all."],
  ["forceclose", "Force close", "Closes it at once, whatever its level is."],
  ["forget", "Forget", "Drops a group that is unknown."],
  ["purge", "Purge", "Closes it and deletes its history."],
];

/** Asks for name and message, then acts on `ids`. A promise of whether something was done. */
export async function perform(ctx, [act, label, sentence], ids) {
  const user = h("input", { type: "text", value: who(), autocomplete: "name", maxlength: "100" });
  const message = h("textarea", { rows: "3", maxlength: "2000" });
  const tell = h("input", { type: "checkbox" });
  // A close may wait until the alert is normal, but no longer than this.
  const within = act === "close" ? h("input", { type: "text", placeholder: "after two checks; or 30m, 1d" }) : null;
  const failed = h("p.field-error", { role: "alert" });
  const layer = dialog(`${label}: ${many(ids.length, "alert")}`, (handle) => {
    const go = async (event) => {
      event.preventDefault();
      const wait = within?.value.trim() ? duration(within.value) : null;
      if (within?.value.trim() && !wait) {
        failed.textContent = `“${within.value}” is no length of time: write 30m, 2h, 1d.`;
        return;
      }
      save("person", user.value);
      try {
        const answer = await ctx.api.post(`api/alerts/${act}`, { ids, user: user.value, message: message.value, notify: tell.checked, ...(wait ? { within: Math.round(wait / SECOND) } : {}) });
        const not = Object.entries(answer.failed ?? {});
        toast(`${label}: ${many(answer.done.length, "alert")}${not.length ? `; not ${not.length}: ${not[0][1]}` : ""}`);
        handle.close(true);
      } catch (error) {
        failed.textContent = error.message;
      }
    };
    return h("form.form", { onsubmit: go }, h("p", sentence), h("label.field", h("span", "Your name"), user), h("label.field", h("span", "Message"), message), within ? h("label.field", h("span", "At the latest"), within) : null,
      h("label.check", tell, "Tell those who were told of it"), failed, h("div.buttons", h("button", { type: "button", onclick: () => handle.close(false) }, "Cancel"), h("button.primary", { type: "submit" }, label)));
  });
  message.focus();
  return Boolean(await layer.closed);
}

/** Columns whose cells say by themselves what they are. */
const PLAIN = ["When", "What", "Level", "Rule", "Group", "Name", "Text", "Condition", "Worker", "Message", ""];

/**
 * A table with a caption for screen readers. What stands over numbers ends where they end. In a narrow window a row is a few lines, in which
 * cells have the names of their columns before them (`data-as`), unless `stacks` is false.
 */
export function tableOf(caption, heads, rows, stacks = true) {
  const first = rows[0]?.children ?? [];
  if (stacks) for (const row of rows) [...row.children].forEach((cell, at) => { if (!PLAIN.includes(heads[at])) cell.dataset.as = heads[at].toLowerCase(); });
  return h("div.scroll", { class: stacks ? "stacks" : "", tabindex: "0", role: "region", "aria-label": caption }, h("table", h("thead", h("tr", heads.map((head, at) => h("th", { scope: "col", class: first[at]?.classList.contains("number") ? "number" : "" }, head)))), h("tbody", rows)));
}
