/**
 * Explore, the chosen metric: how many series, the newest value and its age, a picture, a card for each tag with its values,
 * meta data, and the series one by one. Values that are chosen in cards narrow everything down.
 */
import { add, draggable, ofSeries } from "../../lib/drag.js";
import { copy, fill, h, icon, iconButton, marked, set, text } from "../../lib/dom.js";
import { count, many, short, value } from "../../lib/format.js";
import { dialog, toast } from "../../lib/layer.js";
import { DAY, HOUR, format } from "../../lib/time.js";
import { metaSection, seriesMeta, tagMeta, valueMeta } from "./meta.js";
import { Latest, Pictures, age, bookmarks, expression, failure, graphOf } from "./parts.js";

/** Values that a card shows before "show all". */
const CARD_VALUES = 8;
/** Values of one request of the dialog that shows all. */
const VALUES_PAGE = 500;
/** Series of one request. */
const SERIES_PAGE = 50;
/** Series that a reload asks for again at most. */
const SERIES_AGAIN = 1_000;
/** Series above which the picture is not drawn unless it is asked for. */
const DRAWN_MAX = 1_000;

/** `host=a|b,dc=lga` as a list of pairs, and back. */
export const readTags = (textOf) => textOf.split(",").filter((pair) => pair.includes("=")).map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]);
export const writeTags = (pairs) => pairs.map(([key, values]) => `${key}=${values}`).join(",");

/** A value as the server told it: numbers for people, anything else as it is. */
const exact = (told) => (told === null || typeof told === "number" ? value(told) : String(told));

export function metricPane(root, ctx, { bookmarked }) {
  const pictures = new Pictures(ctx);
  const asking = new Latest();
  const askingSeries = new Latest();
  let shown = { metric: "", tags: "" };
  let found = null;
  let star = null;
  let places = null; // elements that later answers fill
  let drawn = {}; // what they were filled with
  const fault = h("div");
  /** Whether a part is to be drawn anew: what is as it was keeps its focus and its picture. */
  const changed = (part, ...from) => {
    const now = JSON.stringify([from, ctx.time.start, ctx.time.end, ctx.time.zone]);
    return drawn[part] !== now && (drawn[part] = now) !== "";
  };

  const filters = () => readTags(shown.tags);

  function empty() {
    fill(root, h("div.explore-none.quiet", h("p", "Choose a metric to see its series, tags and last value.")));
  }

  async function load() {
    const { metric, tags } = shown;
    root.setAttribute("aria-busy", "true");
    try {
      const answer = await asking.run((signal) => ctx.api.get("api/ui/metric", { metric, tags }, { signal }));
      if (!answer) return;
      const same = found && found.metric === answer.metric;
      found = answer;
      fill(fault);
      if (!same) draw();
      drawFound();
      ctx.retitle();
      loadSeries(0);
    } catch (error) {
      // What could not be asked for again stays.
      if (found?.metric === metric && error.status !== 404) return fill(fault, failure(error, load));
      found = null;
      pictures.clear(root);
      fill(root, h("header.explore-title", h("h2.name", metric), close()), failure(error, load));
    } finally {
      root.removeAttribute("aria-busy");
    }
  }

  const close = () => iconButton("close", "Close", () => ctx.set({ metric: null, tags: null }));

  /** The frame of one metric. */
  function draw() {
    const { metric } = found;
    pictures.clear(root);
    drawn = {};
    star = h("button.icon-button", { type: "button", onclick: () => { bookmarks.toggle(metric); bookmarked(); } }, icon("pin"));
    places = { facts: h("dl.explore-facts"), picture: h("div.explore-picture"), filters: h("div.row.wrap"), links: h("div.row.wrap"), note: h("p.hint"), cards: h("div.explore-cards"), series: h("section.explore-series-list"), meta: h("section") };
    fill(root,
      h("header.explore-title", h("h2.name", { title: metric }, metric), star,
        iconButton("copy", "Copy the name", async () => tell(await copy(metric), "The name is copied.")),
        iconButton("share", "Copy the address of this page", async () => tell(await copy(location.href), "The address is copied.")), close()),
      fault, places.filters, places.links, places.facts, places.picture, places.note, places.cards, places.meta, places.series);
    drawStar();
    if (ctx.writable) metaSection(places.meta, ctx, { type: "METRIC", uid: found.uid, name: metric });
  }
  function tell(done, sentence) { toast(done ? sentence : "The browser does not allow copying.", { kind: done ? "" : "bad" }); }
  function drawStar() {
    if (!star) return;
    const on = bookmarks.has(shown.metric);
    set(star, { "aria-pressed": String(on), "aria-label": on ? "Bookmarked" : "Bookmark", title: on ? "Bookmarked: click to forget" : "Bookmark" });
  }

  function drawFound() {
    const { metric, uid, series, limited, back_to: backTo, last, value: newest, tags } = found;
    const now = filters();
    const zone = ctx.time.zone;
    const groups = now.map(([key, values]) => [key, values]);
    if (changed("links", metric, now, tags.map(({ name, count: values }) => [name, values]))) fill(places.links,
      h("a.button.primary-link", { href: graphOf(ctx, [plain(metric, groups)]) }, "Graph"),
      h("button", { type: "button", title: "Add it to the graph that was shown last (a); or drag it there", onclick: () => add(ctx, { kind: "m", text: plain(metric, groups) }) }, "Add to graph"),
      tags.filter(({ count: values, name }) => values > 1 && !now.some(([key]) => key === name)).slice(0, 4).map(({ name }) => h("a.button", { href: graphOf(ctx, [plain(metric, [...groups, [name, "*"]])]), title: `A line for each ${name}` }, "by ", h("span.name", name))));
    if (changed("filters", now)) fill(places.filters, now.map(([key, values]) => h("button.chip.on", { type: "button", title: "Take this away", "aria-label": `Take away ${key}=${values}`, onclick: () => change(now.filter(([other]) => other !== key)) }, h("span.cut.name", `${key}=${values}`), icon("close"))));
    fill(places.facts, [
      ["Series", h("span", `${count(series)}${limited ? " or more" : ""}`)],
      ["Last value", h("span", { title: newest === null ? "" : exact(newest) }, newest === null ? "–" : exact(newest).length > 9 && typeof newest === "number" ? short(newest, 5) : exact(newest))],
      ["Age", last === null ? h("span", "unknown") : h("span", { title: format(last * 1000, zone), class: Date.now() - last * 1000 > DAY ? "warn" : "" }, age(last))],
      ["UID", h("code", uid)],
    ].map(([name, told]) => h("div", h("dt", name), h("dd", told))));
    if (changed("picture", metric, groups, series > DRAWN_MAX)) drawPicture(groups);
    const note = limited && backTo ? `Looked through rows back to ${format(backTo * 1000, zone, "minute")}; older series may be missing.` : "";
    text(places.note, note);
    places.note.hidden = note === "";
    if (changed("cards", tags, now, series)) fill(places.cards, tags.map((tag) => card(tag, now)));
  }

  /** `sum:metric{…}` as the Graph has it. */
  function plain(metric, groups) {
    const tags = groups.map(([key, values]) => `${key}=${values}`).join(",");
    return `sum:${metric}${tags ? `{${tags}}` : ""}`;
  }

  function drawPicture(groups) {
    const { metric, series } = found;
    pictures.clear(places.picture);
    const gap = h("p.hint.explore-gap");
    const element = pictures.make({
      name: `Sum of ${metric}`, tall: true,
      texts: (span) => [expression(metric, { filters: groups, span, points: 240 })],
      wait: series > DRAWN_MAX ? `${count(series)} series are summed up.` : null,
      told({ series: lines, from, to }) {
        const { last } = found ?? { last: null };
        const none = lines.every(({ count: points }) => points === 0);
        const outside = none && last !== null && (last * 1000 < from || last * 1000 > to);
        fill(gap, outside ? [`The newest point is ${age(last)}. `, h("button.link", { type: "button", onclick: () => ctx.time.show(last * 1000 - HOUR * 0.9, last * 1000 + HOUR * 0.1) }, "Go there")] : null);
      },
    });
    fill(places.picture, element, gap);
  }

  function change(pairs) { ctx.set({ tags: writeTags(pairs) || null }); }
  function toggle(key, name) {
    const now = filters();
    const mine = now.find(([other]) => other === key);
    const values = mine ? mine[1].split("|") : [];
    const next = values.includes(name) ? values.filter((other) => other !== name) : [...values, name];
    const rest = now.filter(([other]) => other !== key);
    change(next.length ? [...rest, [key, next.join("|")]] : rest);
  }
  const isOn = (now, key, name) => now.some(([other, values]) => other === key && values.split("|").includes(name));

  // ---------------------------------------------------------------- tags

  function card(tag, now) {
    const most = tag.values[0]?.series ?? 1;
    const rest = tag.count - CARD_VALUES;
    const all = tag.count === 1 ? "1 value" : `${count(tag.count)} values`;
    const partly = tag.series < found.series ? `in ${count(tag.series)} of ${count(found.series)} series` : "";
    return h("section.card.explore-tag", { "aria-label": `Tag ${tag.name}` },
      h("header", h("h3.name.cut", { title: tag.name }, tag.name), h("button.link.explore-count", { type: "button", title: "All values, with a search", onclick: () => showAll(tag) }, all), h("span.quiet.grow.cut", { title: partly }, partly),
        h("a", { href: graphOf(ctx, [plain(found.metric, [...now.filter(([key]) => key !== tag.name), [tag.name, "*"]])]), title: `A line for each ${tag.name}` }, "split"),
        ctx.writable ? iconButton("note", `Meta data of the tag ${tag.name}`, () => tagMeta(ctx, tag)) : null),
      h("ul", tag.values.slice(0, CARD_VALUES).map((one) => h("li", valueButton(tag.name, one, most, isOn(now, tag.name, one.value))))),
      rest > 0 ? h("button.link", { type: "button", onclick: () => showAll(tag) }, `Show all ${count(tag.count)}`) : null);
  }
  function valueButton(key, { value: name, series }, most, on, words = []) {
    return h("button.explore-value", { type: "button", "aria-pressed": String(on), title: name, onclick: () => toggle(key, name) },
      h("span.cut.name.grow", marked(name, words)), h("span.explore-bar", { "aria-hidden": "true" }, h("span", { style: { width: `${Math.max(2, Math.round((100 * series) / most))}%` } })), h("span.quiet", { title: many(series, "series", "series") }, count(series)));
  }

  /** Every value of a tag, by page while one scrolls, with a search. */
  function showAll(tag) {
    const input = h("input", { type: "search", placeholder: "Parts of values", "aria-label": `Search values of ${tag.name}`, autofocus: true });
    const state = h("p.hint", { role: "status" });
    const list = h("ul.explore-all.scroll", { "aria-label": `Values of ${tag.name}`, tabindex: "0" });
    const newest = new Latest();
    let offset = 0;
    let total = 0;
    let most = 1;
    let loading = false;
    async function ask(from) {
      loading = true;
      try {
        // What is chosen of this tag does not narrow its own list.
        const others = writeTags(filters().filter(([key]) => key !== tag.name));
        const answer = await newest.run((signal) => ctx.api.get("api/ui/tagvalues", { metric: found.metric, tagk: tag.name, tags: others, q: input.value, max: VALUES_PAGE, offset: from }, { signal }));
        if (!answer) return;
        if (from === 0) {
          list.replaceChildren();
          list.scrollTop = 0;
          most = answer.hits[0]?.series ?? 1;
        }
        total = answer.total;
        offset = from + answer.hits.length;
        const words = input.value.split(/\s+/).filter(Boolean);
        const now = filters();
        list.append(...answer.hits.map((hit) => {
          const button = valueButton(tag.name, { value: hit.name, series: hit.series }, most, isOn(now, tag.name, hit.name), words);
          button.addEventListener("click", () => button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true")));
          const meta = ctx.writable ? iconButton("note", `Meta data of the value ${hit.name}`, () => valueMeta(ctx, hit.name)) : null;
          return h("li.row", button, meta);
        }));
        text(state, total === 0 ? "No value has this in it." : `${many(total, "value")}${offset < total ? `, ${count(offset)} shown: scroll for more` : ""}`);
      } catch (error) {
        text(state, error.message);
      } finally {
        loading = false;
      }
    }
    let timer = 0;
    input.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(() => ask(0), 80); });
    list.addEventListener("scroll", () => { if (!loading && offset < total && list.scrollTop + list.clientHeight > list.scrollHeight - 400) ask(offset); });
    dialog(`Values of ${tag.name}`, [input, state, list], { className: "explore-dialog" });
    ask(0);
  }

  // ---------------------------------------------------------------- series

  let rows = [];
  async function loadSeries(offset) {
    const { metric, tags } = shown;
    // A reload asks for as many as are there.
    const max = offset === 0 ? Math.max(SERIES_PAGE, Math.min(rows.length, SERIES_AGAIN)) : SERIES_PAGE;
    try {
      const answer = await askingSeries.run((signal) => ctx.api.get("api/ui/series", { metric, tags, max, offset }, { signal }));
      if (!answer) return;
      rows = offset === 0 ? answer.series : [...rows, ...answer.series];
      drawSeries(answer.total);
    } catch (error) {
      fill(places.series, failure(error, () => loadSeries(offset)));
    }
  }
  function drawSeries(total) {
    // What all of them have in common says nothing.
    const keys = [...new Set(rows.flatMap(({ tags }) => Object.keys(tags)))];
    const differing = rows.length > 1 ? keys.filter((key) => new Set(rows.map(({ tags }) => tags[key])).size > 1) : keys;
    const zone = ctx.time.zone;
    const row = (one) => draggable(h("tr",
      (differing.length ? differing : keys.slice(0, 1)).map((key) => h("td.name.explore-tagcell", { title: one.tags[key] ?? "" }, one.tags[key] ?? h("span.quiet", "–"))),
      h("td.number", exact(one.value)),
      h("td.number.quiet", { title: one.last === null ? "" : format(one.last * 1000, zone) }, one.last === null ? "–" : age(one.last)),
      h("td.explore-actions", h("a", { href: seriesHref(one), title: "Graph of this series", "aria-label": `Graph of ${label(one)}` }, icon("lines")),
        ctx.hasPage("similar") ? h("a", { href: ctx.href("similar", { params: { tsuid: one.tsuid, start: ctx.time.start, ...(ctx.time.end ? { end: ctx.time.end } : {}) } }), title: "Series of the same shape", "aria-label": `Series of the shape of ${label(one)}` }, icon("compare")) : null,
        iconButton("plus", `Add ${label(one)} to the graph`, () => add(ctx, ofSeries(one))),
        ctx.writable ? iconButton("note", `Meta data of ${label(one)}`, () => seriesMeta(ctx, one)) : null)), ctx, ofSeries(one));
    const top = places.series.querySelector(".scroll")?.scrollTop ?? 0;
    fill(places.series, h("h3", "Series ", h("span.quiet", rows.length < total ? `${count(rows.length)} of ${count(total)}` : count(total))),
      h("div.scroll", { tabindex: "0", role: "group", "aria-label": "Series" }, h("table", h("thead", h("tr", (differing.length ? differing : keys.slice(0, 1)).map((key) => h("th.name", key)), h("th.number", "Last value"), h("th.number", "Age"), h("th", h("span.unseen", "Actions")))), h("tbody", rows.map(row)))),
      rows.length < total ? h("button.link", { type: "button", onclick: () => loadSeries(rows.length) }, `Show ${count(Math.min(SERIES_PAGE, total - rows.length))} more`) : null);
    places.series.querySelector(".scroll").scrollTop = top;
  }
  const label = ({ metric, tags }) => `${metric}{${Object.entries(tags).map(([key, name]) => `${key}=${name}`).join(", ")}}`;
  const seriesHref = ({ tsuid }) => ctx.href("graph", { params: { tsuid: `sum:${tsuid}`, start: ctx.time.start, ...(ctx.time.end ? { end: ctx.time.end } : {}) } });

  empty();
  return {
    drawStar,
    /** The range changed. */
    redraw() { pictures.refresh(); },
    update({ metric, tags }) {
      if (metric === shown.metric && tags === shown.tags) return;
      const other = metric !== shown.metric;
      shown = { metric, tags };
      if (other) {
        found = null;
        rows = [];
      }
      if (metric === "") {
        asking.stop();
        askingSeries.stop();
        pictures.clear(root);
        star = null;
        empty();
      } else load();
    },
    async refresh() {
      if (!shown.metric) return;
      pictures.refresh();
      await load();
    },
    close() {
      asking.stop();
      askingSeries.stop();
      pictures.close();
    },
  };
}
