/** The row of variables: filters by tag that count for all panels. Their values are in the address. */
import { combobox } from "../../lib/combobox.js";
import { fill, h, icon, iconButton } from "../../lib/dom.js";
import { many } from "../../lib/format.js";
import { popup } from "../../lib/layer.js";
import { parse } from "../../lib/query.js";

/** Values of a tag: those of the metric with counts of series where the server can tell, else all values by prefix. */
export async function tagValues(api, { tag, metric }, typed, { offset = 0, signal } = {}) {
  // Of `web01|web` only what is behind the last bar is still being typed.
  const q = typed.slice(typed.lastIndexOf("|") + 1).replace(/\*/g, "");
  if (metric) {
    try {
      return await api.get("api/ui/tagvalues", { metric, tagk: tag, q, max: 50, offset }, { signal });
    } catch (error) {
      if (error.status !== 404) throw error; // no such metric: all values then
    }
  }
  const names = await api.get("api/suggest", { type: "tagv", q, max: 50 }, { signal });
  return { total: names.length, hits: names.map((name) => ({ name, series: null })) };
}

/** The first metric of the screen whose query names the tag. */
function metricOf(screen, tag) {
  for (const { queries } of screen.panels) {
    for (const { m } of queries) {
      const parts = parse(m);
      if (!parts.error && parts.metric && [...parts.groups, ...parts.filters].some(({ tagk }) => tagk === tag)) return parts.metric;
    }
  }
  const first = parse(screen.panels[0]?.queries[0]?.m ?? "");
  return first.error ? "" : first.metric ?? "";
}

/** `host`: `ctx`, `screen`, `values()`. Fills `box`; keeps what has the focus. */
export function variables(box, host) {
  const { ctx, screen } = host;
  const values = host.values();
  const known = new Map(screen.variables.map((one) => [one.tag, one]));
  const rows = [...values].map(([tag, value]) => field(host, known.get(tag) ?? { tag, metric: "" }, value, known.get(tag)));
  const add = h("button.quiet-button", { type: "button", "aria-haspopup": "dialog", "aria-expanded": "false", title: "Show only series with this tag, in all panels", onclick: () => addFilter(add, host) }, icon("plus"), "Filter");
  fill(box, rows, ctx.embedded ? null : add);
  box.hidden = ctx.embedded && rows.length === 0;
}

function field({ ctx, screen }, { tag, label, metric }, value, own) {
  const input = h("input", { type: "text", value: value === "*" ? "" : value, placeholder: "all", "aria-label": label || tag, size: "14", class: value && value !== "*" ? "set" : "" });
  const take = (text) => {
    const wanted = text.trim();
    const usual = own ? own.value : null;
    // The address names a value only where it is not the screen's own.
    ctx.set({ [`v.${tag}`]: wanted === (usual === "*" ? "" : usual) ? null : wanted || (usual === null || usual === "" || usual === "*" ? null : "*") });
  };
  const element = h("div.variable", h("span.variable-name", label || tag), input,
    value && value !== "*" ? iconButton("close", `All ${label || tag}`, () => take("")) : null);
  combobox(input, {
    label: `Values of ${tag}`, first: false, free: true, open: true, none: "No value has this in it: Enter takes it as it is.",
    source: (text, options) => tagValues(ctx.api, { tag, metric: metric || metricOf(screen, tag) }, text, options),
    extra: ({ series }) => (series ? many(series, "series", "series") : null),
    pick: ({ name, typed }) => {
      const bar = input.value.lastIndexOf("|");
      const chosen = typed || bar < 0 ? name : input.value.slice(0, bar + 1) + name;
      input.value = chosen;
      take(chosen);
    },
  });
  input.addEventListener("keydown", (event) => { if (event.key === "Enter" && input.value.trim() === "") take(""); });
  input.addEventListener("change", () => { if (input.value.trim() === "") take(""); });
  return element;
}

function addFilter(anchor, { ctx, screen }) {
  const tag = h("input", { type: "text", "aria-label": "Tag", placeholder: "host", autofocus: true });
  const value = h("input", { type: "text", "aria-label": "Value", placeholder: "web01, web*, a|b" });
  const metric = () => metricOf(screen, tag.value.trim());
  const handle = popup(anchor, h("form.filter-form", { onsubmit: (event) => {
    event.preventDefault();
    const [name, wanted] = [tag.value.trim(), value.value.trim()];
    if (!name) return tag.focus();
    if (!wanted) return value.focus();
    handle.close();
    ctx.set({ [`v.${name}`]: wanted });
  } }, h("label.field", h("span", "Tag"), tag), h("label.field", h("span", "Value"), value), h("p.hint", "Counts for all panels, until it is taken away. It goes along with the link."),
    h("div.buttons", h("button.primary", { type: "submit" }, "Filter"))), { label: "Filter all panels" });
  const suggest = async (type, text, options) => {
    const names = await ctx.api.get("api/suggest", { type, q: text, max: 30 }, { signal: options.signal });
    return { total: names.length, hits: names.map((name) => ({ name })) };
  };
  combobox(tag, { label: "Tags", free: true, first: false, open: true, source: (text, options) => suggest("tagk", text, options), pick: ({ name }) => { tag.value = name; value.focus(); } });
  combobox(value, { label: "Values", free: true, first: false, open: true, source: (text, options) => tagValues(ctx.api, { tag: tag.value.trim(), metric: metric() }, text, options), pick: ({ name, typed }) => { value.value = name; if (typed) handle.element.querySelector("form").requestSubmit(); } });
}
