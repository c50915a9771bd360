/** The pop-ups of a query's row: a tag, downsampling, rates. Each gets its row, see rows.js. */
import { fill, h, text } from "../../lib/dom.js";
import { count } from "../../lib/format.js";
import { popup } from "../../lib/layer.js";
import { FILLS, downsampleText, literals } from "../../lib/query.js";

/** Values of a tag listed at once. */
const VALUES = 50;

/** One tag: group or filter, values, a pattern. */
export function tag(row, anchor, tagk, filter, group) {
  const { parsed } = row.query;
  const key = h("input", { type: "text", value: tagk, "aria-label": "Tag", readonly: tagk !== "" });
  const pattern = h("input.mono", { type: "text", value: filter, "aria-label": "Values", spellcheck: "false" });
  const error = h("p.field-error", { role: "alert" });
  const mode = (value, label, on) => h("label.check", h("input", { type: "radio", name: "mode", value, checked: on }), label);
  const modes = h("div.row", { role: "radiogroup", "aria-label": "Use" }, mode("group", "Split by it", group), mode("filter", "Filter only", !group));
  const search = h("input", { type: "search", placeholder: "Find a value", "aria-label": "Find a value", autofocus: tagk !== "" });
  const list = h("div.value-list", { role: "group", "aria-label": "Values" });
  const chosen = new Set(literals(filter) ?? []);
  const write = () => { pattern.value = chosen.size ? [...chosen].join("|") : "*"; };
  let asking = null;
  const show = async () => {
    asking?.abort();
    asking = new AbortController();
    try {
      const { hits, total } = await row.owner.values(parsed.metric, key.value.trim(), search.value.trim(), { max: VALUES, signal: asking.signal });
      fill(list, hits.map(({ name, series }) => h("label.check.value", h("input", {
        type: "checkbox", checked: chosen.has(name), onchange: (event) => { if (event.target.checked) chosen.add(name); else chosen.delete(name); write(); },
      }), h("span.grow.cut.name", { title: name }, name), series ? h("span.quiet", count(series)) : null)),
      total > hits.length ? h("p.hint", `${count(total)} in all: type to find more`) : null, hits.length ? null : h("p.hint", "No value has this in it."));
    } catch (problem) {
      if (problem.kind !== "aborted") fill(list, h("p.field-error", problem.message));
    }
  };
  const done = (event) => {
    event.preventDefault();
    const name = key.value.trim();
    const value = pattern.value.trim();
    if (!name) return text(error, "The tag has no name.");
    if (!value) return text(error, "Write * for all values.");
    const without = (tags) => tags.filter((tag) => tag.tagk !== (tagk || name));
    const grouped = modes.querySelector("input:checked").value === "group";
    const groups = without(parsed.groups);
    const filters = without(parsed.filters);
    (grouped ? groups : filters).push({ tagk: name, filter: value });
    handle.close();
    row.change({ groups, filters });
  };
  const handle = popup(anchor, h("form.tag-form", { onsubmit: done },
    h("label.field", h("span", "Tag"), key), modes, h("label.field", h("span", "Values"), pattern), error, search, list,
    h("p.hint", "a|b · * · web* · regexp(^web\\d+$) · not_literal_or(a|b)"),
    h("div.buttons", tagk && [...parsed.groups, ...parsed.filters].some((tag) => tag.tagk === tagk) ? h("button.danger", {
      type: "button", onclick: () => { handle.close(); row.change({ groups: parsed.groups.filter((tag) => tag.tagk !== tagk), filters: parsed.filters.filter((tag) => tag.tagk !== tagk) }); },
    }, "Remove") : null, h("button.primary", { type: "submit" }, "Show"))), { label: tagk ? `Tag ${tagk}` : "A tag" });
  search.addEventListener("input", show);
  search.addEventListener("keydown", (event) => { if (event.key === "Enter") done(event); });
  if (!tagk) key.addEventListener("change", show);
  if (tagk) show();
}

/** Downsampling: automatic, none, or one of one's own. */
export function downsampling(row) {
  const { parsed } = row.query;
  const own = parsed.downsample;
  const raw = row.owner.isRaw(row.at);
  const start = own ?? row.used ?? { interval: "1m", func: "avg", fill: "" };
  const option = (value, label, on) => h("label.check", h("input", { type: "radio", name: "down", value, checked: on }), label);
  const interval = h("input", { type: "text", value: start.interval, "aria-label": "Interval", placeholder: "10m" });
  const func = h("select", { "aria-label": "Function" }, [...new Set(["avg", "sum", "min", "max", "count", "last", "first", ...(row.owner.aggregators ?? []), start.func])].map((name) => h("option", { value: name }, name)));
  func.value = start.func;
  const fills = h("select", { "aria-label": "Where nothing is" }, ["", ...FILLS].map((name) => h("option", { value: name }, { "": "as it is", none: "none", nan: "a gap (nan)", null: "a gap (null)", zero: "zero" }[name])));
  if (start.fill && !FILLS.includes(start.fill)) fills.append(h("option", { value: start.fill }, start.fill));
  fills.value = start.fill ?? "";
  const error = h("p.field-error", { role: "alert" });
  const choices = h("div.column", { role: "radiogroup", "aria-label": "Downsampling" },
    option("auto", `Automatic, one point a pixel${row.used ? ` (${downsampleText(row.used)})` : ""}`, !own && !raw), option("raw", "None: all points", !own && raw), option("own", "This one:", Boolean(own)));
  for (const field of [interval, func, fills]) field.addEventListener("input", () => { choices.querySelector("[value=own]").checked = true; });
  const done = (event) => {
    event.preventDefault();
    const chosen = choices.querySelector("input:checked").value;
    if (chosen === "own" && !/^(\d+(ms|[smhdwny])c?|0all)$/i.test(interval.value.trim())) return text(error, "Write a number and one of s m h d w n y, such as 10m.");
    handle.close();
    row.owner.downsample(row.at, chosen === "own" ? { interval: interval.value.trim(), func: func.value, fill: fills.value } : null, chosen === "raw");
  };
  const handle = popup(row.down, h("form.small-form", { onsubmit: done }, choices,
    h("label.field", h("span", "Every"), interval), h("label.field", h("span", "Function"), func), h("label.field", h("span", "Fill"), fills), error,
    h("div.buttons", h("button.primary", { type: "submit" }, "Show"))), { label: "Downsampling" });
}

/** Rates and the options of counters. */
export function rates(row) {
  const rate = row.query.parsed.rate;
  const kinds = [["", "Values as stored"], ["plain", "Rate per second"], ["counter", "Rate of a counter"], ["dropcounter", "Rate of a counter, resets left out"]];
  const choices = h("div.column", { role: "radiogroup", "aria-label": "Rate" }, kinds.map(([value, label]) => h("label.check", h("input", { type: "radio", name: "rate", value, checked: value === (rate?.kind ?? "") }), label)));
  const max = h("input", { type: "text", inputmode: "numeric", value: rate?.max ?? "", placeholder: "9223372036854775807", "aria-label": "Highest value of the counter" });
  const reset = h("input", { type: "text", inputmode: "numeric", value: rate?.reset ?? "", placeholder: "none", "aria-label": "Rates above this become 0" });
  const error = h("p.field-error", { role: "alert" });
  const done = (event) => {
    event.preventDefault();
    const kind = choices.querySelector("input:checked").value;
    const numbers = [max.value.trim(), reset.value.trim()];
    if (numbers.some((one) => one !== "" && !/^\d+$/.test(one))) return text(error, "Write whole numbers.");
    handle.close();
    const counter = kind === "counter" || kind === "dropcounter";
    // A reset needs a maximum before it: that of an unsigned 64-bit counter, as OpenTSDB's own default.
    const most = counter && numbers[1] && !numbers[0] ? "9223372036854775807" : numbers[0];
    row.change({ rate: kind === "" ? null : { kind, max: counter ? most : "", reset: counter ? numbers[1] : "" } });
  };
  const handle = popup(row.rate, h("form.small-form", { onsubmit: done }, choices, h("label.field", h("span", "Max"), max), h("label.field", h("span", "Reset"), reset), error,
    h("div.buttons", h("button.primary", { type: "submit" }, "Show"))), { label: "Rate" });
}
