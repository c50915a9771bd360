/** Rules: what is watched; rules of the table written, checked and tried over stored points. */
import { fill, h, set } from "../../lib/dom.js";
import { count, many, value as exact } from "../../lib/format.js";
import { confirm, toast } from "../../lib/layer.js";
import { SECOND, format, span } from "../../lib/time.js";
import { aged, fault, faultsOf, level, tableOf, who } from "./parts.js";
import { previews } from "./preview.js";
import { replayed } from "./replayed.js";

const draft = (query = "avg:1m-avg:sys.cpu.user{host=*}", name = "cpu_busy") => `# What is read, when it is bad, and how often it is looked at. The language: docs/RULES.md.
[rule.${name}]
query = ${JSON.stringify(query)}
judge = { critical = "all(#5) > 95", warning = "all(#5) > 85" }
`;

/** A rule of an expression. A dollar begins a variable in rules; two are one. */
const draftOf = (expression) => `# Not zero is critical, for each group. The language: docs/RULES.md.
[rule.mine]
every = "1m"

[rule.mine.expression]
critical = ${expression.includes("'''") ? JSON.stringify(expression.replaceAll("$", "$$$$")) : `'''\n${expression.replaceAll("$", "$$$$")}\n'''`}
`;

export function rulesTab(panel, ctx, tools) {
  const list = h("div.rule-lists");
  const editor = editorOf(ctx, tools);
  panel.append(list, editor.element);
  let before = "";
  return {
    polls: false,
    title: () => "Rules · Alerts",
    route(route) { editor.open(route.params.get("edit"), route.params.get("query"), route.params.get("expr")); },
    close: editor.close,
    async load() {
      const answer = await ctx.api.get("api/alerts/rules", {}, { signal: tools.signal });
      editor.known(answer.stored);
      tools.say(answer.faults.length ? "bad" : answer.rules.length ? "good" : "warn", answer.faults.length ? `${many(answer.faults.length, "fault")} in rules: what they stand in is not judged` : answer.rules.length ? `${many(answer.rules.length, "rule")}, without a fault` : "No rules yet");
      const now = JSON.stringify(answer);
      if (now === before) return;
      before = now;
      fill(list, answer.faults.length ? h("section.card.banner.bad", h("ul", answer.faults.map(fault))) : null,
        h("section.card", h("h2", `Rules (${count(answer.rules.length)})`), answer.rules.length ? tableOf("Rules", ["Name", "Judged by", "Reads", "Every", "From", "", ""], answer.rules.map((rule) => h("tr", h("td", h("b.name", rule.name), rule.note ? h("div.hint", rule.note) : null), h("td", rule.condition), h("td", h("code.name", rule.query ?? "")),
          h("td.nowrap", span(rule.every * SECOND)), h("td.quiet.name", rule.place), h("td", rule.enabled ? null : h("span.badge", "paused")), h("td", h("button", { type: "button", onclick: () => editor.test({ rule: rule.name }) }, "Test")))))
          : h("p.hint", "Rules come from the files of tsd.worker.rules and from here.")),
        h("section.card", h("div.row", h("h2", "Written here"), h("span.grow"), ctx.writable ? h("button", { type: "button", onclick: () => ctx.set({ edit: "+" }) }, "New") : null),
          answer.stored.length ? tableOf("Rules written here", ["Name", "Changed", "By", ""], answer.stored.map((one) => h("tr", h("td.name", one.name), h("td", aged(one.at, ctx.time.zone)), h("td", one.user), h("td", h("button", { type: "button", onclick: () => ctx.set({ edit: one.name }) }, "Open"))))) : h("p.hint", "None yet.")));
    },
  };
}

/** Since when it has been so, by the lines of a test: seconds, or 0. */
const began = (lines, line) => lines.findLast((other) => other.what === "opened" && other.name === line.name && other.at <= line.at)?.at ?? 0;

/** The text of a rule, with check, test over history, store and delete. */
function editorOf(ctx, tools) {
  const name = h("input", { type: "text", maxlength: "100", placeholder: "name of the text" });
  const area = h("textarea.rule-text", { rows: "14", spellcheck: "false", "aria-label": "Text of the rule, in TOML" });
  const problems = h("div", { role: "alert" });
  const start = h("input", { type: "text", value: "1d-ago", "aria-label": "Test from" });
  const end = h("input", { type: "text", value: "now", "aria-label": "Test until" });
  const result = h("section.card", { hidden: true, "aria-label": "Result of the test" });
  const picture = replayed(ctx, tools.signal);
  const messages = previews(ctx, tools.signal);
  const remove = h("button.danger", { type: "button", onclick: () => erase() }, "Delete");
  const head = h("h2");
  const form = h("section.card", { hidden: true, "aria-label": "Editor" }, h("div.row", head, h("span.grow"), h("button", { type: "button", onclick: () => ctx.set({ edit: null, query: null, expr: null }) }, "Close")), h("label.field", h("span", "Name"), name), area, problems,
    h("div.row.wrap", h("button", { type: "button", onclick: () => check() }, "Check"), h("button", { type: "button", onclick: () => test(written()) }, "Test"), h("button", { type: "button", title: "What people would be told, of an example", onclick: () => messages.show(written()) }, "Messages"), h("span.grow"), remove, h("button.primary", { type: "button", onclick: () => store() }, "Save")));
  const element = h("div", form, h("div.row.wrap.rule-range", h("span.quiet", "Tests replay from"), start, h("span.quiet", "to"), end), result, messages.element);
  let stored = [];
  let opened = null; // what the address asks for
  let version = 0;

  /** What is in the editor, in place of what is stored by its name. */
  const written = () => ({ name: name.value || "new", text: area.value });

  const failed = (error) => {
    if (error.kind === "aborted") return;
    fill(problems, h("p.bad", error.message), faultsOf(error));
  };

  /** Opens a stored text, or (`+`) a new one, of a query or an expression if it is given. */
  function open(wanted, query = null, expression = null) {
    if (opened === wanted) return;
    opened = wanted;
    form.hidden = !wanted || !ctx.writable;
    if (!wanted) return;
    const one = stored.find((other) => other.name === wanted);
    version = one?.version ?? 0;
    head.textContent = one ? `Change ${one.name}` : "A new rule";
    name.value = one?.name ?? (wanted === "+" ? "" : wanted);
    set(name, { readonly: Boolean(one) });
    area.value = one?.text ?? (expression ? draftOf(expression) : query ? draft(query, query.split(":").pop().split("{")[0].replace(/[^A-Za-z0-9_]+/g, "_").slice(0, 60) || "mine") : draft());
    remove.hidden = !one;
    problems.replaceChildren();
    form.scrollIntoView?.({ block: "nearest" });
  }

  async function check() {
    try {
      const answer = await ctx.api.post("api/alerts/rules/check", written(), { signal: tools.signal });
      fill(problems, answer.faults.length ? h("ul.bad", answer.faults.map(fault)) : h("p.good", `${many(answer.rules.length, "rule")}: ${answer.rules.map((rule) => rule.name).join(", ")}. No fault.`));
    } catch (error) { failed(error); }
  }

  async function store() {
    try {
      const answer = await ctx.api.put("api/alerts/rules", { text: area.value, user: who(), version }, { params: { name: name.value }, signal: tools.signal });
      toast(`${answer.name} is stored: workers follow with their next round.`);
      version = answer.version;
      ctx.set({ edit: null, query: null, expr: null });
      tools.reload();
    } catch (error) { failed(error); }
  }

  async function erase() {
    if (!(await confirm("Delete this rule?", `${name.value} is not judged any more.`))) return;
    try {
      await ctx.api.del("api/alerts/rules", { name: name.value, version });
      ctx.set({ edit: null, query: null, expr: null });
      tools.reload();
    } catch (error) { failed(error); }
  }

  async function test(what) {
    result.hidden = false;
    fill(result, h("h2", "Test"), h("div.busy.on"), h("p.quiet", "Replaying…"));
    result.scrollIntoView?.({ block: "nearest" });
    try {
      const answer = await ctx.api.post("api/alerts/test", { ...what, start: start.value, end: end.value }, { signal: tools.signal, patience: 120_000 });
      const { checks, failed: bad, why, lines, cut, groups } = answer.result;
      const notices = lines.filter((line) => line.what === "notice").length;
      fill(result, h("h2", `Test of ${answer.rule}`), h("p", `${format(answer.start * SECOND, ctx.time.zone)} to ${format(answer.end * SECOND, ctx.time.zone)}: ${many(checks, "check")}, ${many(notices, "message")}.`, bad ? h("span.bad", ` ${many(bad, "check")} failed: ${why ?? ""}`) : null),
        picture.element,
        lines.length ? tableOf("What would have happened", ["When", "What", "Level", "Group", "Value", "Condition"], lines.map((line) => h("tr", h("td.nowrap", format(line.at * SECOND, ctx.time.zone)), h("td", line.kind ? `${line.what}: ${line.kind}` : line.what, line.kind && ctx.writable ? h("button.quiet", { type: "button", "aria-label": `Message about ${line.name} at ${format(line.at * SECOND, ctx.time.zone)}`, onclick: () => messages.show(what, { ...line, since: began(lines, line) }) }, "Message") : null), h("td", level(line.level)), h("td.name", line.name), h("td.number", line.value === undefined ? "–" : exact(line.value, 5)), h("td", line.text)))) : h("p.good", "Nothing would have happened."),
        cut ? h("p.hint", "There is more than is listed.") : null,
        h("details", h("summary", `Groups at the end (${groups.length})`), tableOf("Groups at the end", ["Group", "Level", "Value", "Condition"], groups.slice(0, 200).map((group) => h("tr", h("td.name", group.name), h("td", level(group.level ?? "unknown")), h("td.number", group.value === null ? "–" : exact(group.value, 5)), h("td", group.text))))));
      ctx.status(`Test done: ${many(notices, "message")}.`);
      picture.show(answer).catch((error) => { if (error.kind !== "aborted") ctx.error(error.message); });
    } catch (error) {
      if (error.kind === "aborted") return;
      fill(result, h("h2", "Test"), h("p.bad", error.message), faultsOf(error));
    }
  }

  const offTheme = ctx.theme.on(() => picture.theme());
  return {
    element, open, test,
    close() {
      offTheme();
      picture.close();
    },
    /** What is stored: an editor that was opened before this was known is filled now. */
    known(list) {
      const missed = opened && opened !== "+" && !stored.some((one) => one.name === opened);
      stored = list;
      if (!missed) return;
      const wanted = opened;
      opened = null;
      open(wanted);
    },
  };
}
