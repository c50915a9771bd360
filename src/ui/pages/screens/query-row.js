/** One query of a panel as fields: metric, aggregator, tags, downsampling, rate; and as the text that they make. */
import { combobox } from "../../lib/combobox.js";
import { fill, h, iconButton, set, text, uid } from "../../lib/dom.js";
import { build, parse, rateText } from "../../lib/query.js";
import { many } from "../../lib/format.js";
import { compile } from "./expression.js";
import { letter } from "./model.js";

let aggregators = null;

/** Tags as people write them: `host=*, type=user`; those behind `only` filter without grouping. */
const tagText = (tags) => tags.map(({ tagk, filter }) => `${tagk}=${filter}`).join(", ");
function readTags(words) {
  const parts = parse(`sum:x{${words}}`);
  return parts.error ? null : parts.groups;
}

/**
 * `query` is changed in place; `changed()` is called after each change. `at`: its place. `panes`: whether it may be in the lower one.
 */
export function queryRow(query, at, { ctx, changed, remove, panes = false }) {
  const fault = h("p.field-error", { role: "alert", id: uid("fault") });
  const raw = h("input.mono", { type: "text", value: query.m, "aria-label": `Query ${letter(at)} as text`, spellcheck: "false", "aria-describedby": fault.id });
  const fields = h("div.query-fields");
  const chips = h("div.query-tags");
  const own = () => parse(query.m);
  const write = (parts) => {
    query.m = build(parts);
    raw.value = query.m;
    judge();
    changed();
  };
  raw.addEventListener("input", () => {
    query.m = raw.value.trim();
    judge();
    draw();
    changed();
  });
  function judge() {
    const parts = own();
    const program = query.expression.trim() ? compile(query.expression) : {};
    text(fault, query.m === "" ? "" : parts.error ? `${parts.error}` : program.error ? `Expression: ${program.error}` : "");
    raw.setAttribute("aria-invalid", String(Boolean(parts.error && query.m !== "")));
  }
  const metric = h("input", { type: "text", placeholder: "metric", "aria-label": `Metric of ${letter(at)}`, class: "query-metric", autofocus: query.m === "" });
  const metricBox = h("div.query-box", metric);
  combobox(metric, {
    label: "Metrics", source: (words, options) => ctx.api.metrics(words, options), extra: ctx.hitExtra, open: true,
    pick: ({ name }) => {
      metric.value = name;
      const parts = own();
      write(parts.error || parts.tsuids ? { agg: "sum", metric: name, groups: [] } : { ...parts, metric: name });
      draw();
    },
  });
  metric.addEventListener("change", () => {
    const parts = own();
    if (metric.value.trim() && metric.value.trim() !== parts.metric) write({ ...(parts.error ? { agg: "sum", groups: [] } : parts), metric: metric.value.trim() });
  });
  const agg = h("select", { "aria-label": `Aggregator of ${letter(at)}`, onchange: () => { const parts = own(); if (!parts.error) write({ ...parts, agg: agg.value }); } });
  const tags = h("input", { type: "text", placeholder: "tags: host=*, type=user", "aria-label": `Tags of ${letter(at)}`, onchange: () => {
    const [parts, read] = [own(), readTags(tags.value)];
    tags.setAttribute("aria-invalid", String(read === null));
    if (read !== null && !parts.error) write({ ...parts, groups: read });
    if (read === null) text(fault, `"${tags.value}" are no tags: write name=value, name=value`);
  } });
  const down = h("input", { type: "text", placeholder: "automatic", size: "10", "aria-label": `Downsampling of ${letter(at)}`, title: "Such as 5m-avg; empty: to fit the width", onchange: () => {
    const parts = own();
    const read = down.value.trim() === "" ? { downsample: null } : parse(`sum:${down.value.trim()}:x`);
    const bad = read.error || (down.value.trim() !== "" && !read.downsample);
    down.setAttribute("aria-invalid", String(Boolean(bad)));
    if (bad) text(fault, `"${down.value}" is no downsampling: write 5m-avg`);
    else if (!parts.error) write({ ...parts, downsample: read.downsample });
  } });
  const rate = h("input", { type: "checkbox", onchange: () => { const parts = own(); if (!parts.error) write({ ...parts, rate: rate.checked ? { kind: "plain" } : null }); } });
  fields.append(agg, metricBox, tags, h("span.query-down", down), h("label.check", rate, "rate"));

  function draw() {
    const parts = own();
    const usable = !parts.error && !parts.tsuids;
    for (const one of [agg, tags, down, rate]) one.disabled = !usable;
    const names = aggregators ?? ["sum", "avg", "max", "min", "count", "none"];
    fill(agg, [...new Set([usable ? parts.agg : "sum", ...names])].map((name) => h("option", { value: name }, name)));
    if (!usable) return fill(chips);
    agg.value = parts.agg;
    // What somebody types in meanwhile stays.
    const show = (box, value) => { if (document.activeElement !== box) box.value = value; };
    show(metric, parts.metric);
    show(tags, tagText(parts.groups));
    show(down, parts.downsample ? [parts.downsample.interval, parts.downsample.func, parts.downsample.fill].filter(Boolean).join("-") : "");
    rate.checked = parts.rate !== null;
    set(rate, { title: parts.rate ? rateText(parts.rate) : null });
    suggestTags(parts);
  }

  /** Tags of the metric, to split by with one click. */
  let asked = "";
  async function suggestTags(parts) {
    if (asked !== parts.metric) {
      asked = parts.metric;
      fill(chips);
      try {
        const known = await ctx.api.get("api/ui/metric", { metric: parts.metric });
        if (asked === parts.metric) chips.known = known.tags ?? [];
      } catch {
        chips.known = [];
      }
    }
    const groups = own().groups ?? [];
    fill(chips, (chips.known ?? []).slice(0, 8).map(({ name, count, values = [] }) => {
      const on = groups.find(({ tagk }) => tagk === name);
      return h("button.chip", { type: "button", "aria-pressed": String(Boolean(on)), title: values.slice(0, 8).map(({ value }) => value).join(", "), onclick: () => {
        const now = own();
        write({ ...now, groups: on ? now.groups.filter(({ tagk }) => tagk !== name) : [...now.groups, { tagk: name, filter: "*" }] });
        draw();
      } }, h("span.name", name), h("span.quiet", many(count, "value")));
    }));
  }

  const more = h("div.query-more",
    field("Name", query, "alias", changed, "%(tags.host)s"),
    field("Expression", query, "expression", () => { judge(); changed(); }, "v * 100, A / B"),
    h("label.check", h("input", { type: "checkbox", checked: query.axis === "right", onchange: (event) => { query.axis = event.target.checked ? "right" : "left"; changed(); } }), "right axis"),
    panes ? h("label.query-pane", h("span", "pane"), h("select", { "aria-label": `Pane of ${letter(at)}`, onchange: (event) => { query.pane = event.target.value; changed(); } },
      ["upper", "lower"].map((value) => h("option", { value, selected: query.pane === value }, value)))) : null,
    h("label.check", h("input", { type: "checkbox", checked: query.hidden, onchange: (event) => { query.hidden = event.target.checked; changed(); } }), "hidden"));
  if (!aggregators) {
    ctx.api.get("api/aggregators").then((names) => { aggregators = [...names].sort(); draw(); }, () => {});
  }
  draw();
  judge();
  return h("fieldset.query-row", h("legend", letter(at)), h("div.query-main", fields, iconButton("trash", `Remove query ${letter(at)}`, remove)), chips, more, h("div.query-raw", raw), fault);
}

function field(label, query, name, changed, placeholder) {
  return h("label.query-small", h("span", label), h("input", { type: "text", value: query[name], placeholder, spellcheck: "false", oninput: (event) => { query[name] = event.target.value; changed(); } }));
}
