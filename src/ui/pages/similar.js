/**
 * Similar: which series had the shape of this one, or of a drawing? Pick a series or draw a line at the top; below, saved
 * collections that match, then the most similar series of that moment, the nearest first. A basket collects series for a
 * collection with notes.
 *
 * Address: `tsuid` or `draw` (values), `method`, `slop`, `radius`, `filters` (parts of names that are left out), `page`;
 * `tab=collections` lists what is saved.
 */
import { combobox } from "../lib/combobox.js";
import { fill, h, icon } from "../lib/dom.js";
import { count, many, nameOf, value as exact } from "../lib/format.js";
import { toast } from "../lib/layer.js";
import { stateLine } from "../lib/state.js";
import { SECOND, ago, span } from "../lib/time.js";
import { Latest, Pictures, failure } from "./explore/parts.js";
import { collectionsView, Basket } from "./similar/collections.js";
import { sketch, sparkline } from "./similar/sketch.js";

export const title = "Similar";

/** Series that a metric offers to be chosen from. */
const CHOICES = 200;
/** Hits of one page of the list. */
const HITS = 20;
/** Words of a shape that are written out. */
const WORDS_MAX = 2000;

export async function mount(root, ctx) {
  await Promise.all([ctx.style("css/worker.css"), ctx.style("css/explore.css"), ctx.style("css/similar.css")]);
  const abort = new AbortController();
  const { signal } = abort;
  const pictures = new Pictures(ctx);
  const { element: state, say } = stateLine();
  const basket = new Basket(ctx, say);
  const metric = h("input.similar-metric", { type: "search", "aria-label": "Metric of the series", placeholder: "Metric: part of a name" });
  const choices = h("div.similar-choices");
  const pen = sketch((values) => ctx.set({ tsuid: null, draw: values.join(","), page: null }));
  const method = h("select", { "aria-label": "How likeness is measured", onchange: () => ctx.set({ method: method.value === "fastdtw" ? null : method.value, page: null }) }, h("option", { value: "fastdtw" }, "FastDTW: may be stretched"), h("option", { value: "euclidian" }, "Euclidean: value by value"));
  const number = (name, label, usual, max) => {
    const input = h("input", { type: "number", min: "0", max: String(max), "aria-label": label, onchange: () => ctx.set({ [name]: input.value === String(usual) ? null : input.value, page: null }) });
    return { input, usual, name, element: h("label.check", h("span.quiet", label), input) };
  };
  const numbers = [number("slop", "Slop", 20, 1000), number("radius", "Radius", 5, 100)];
  const chips = h("div.row.wrap", { role: "group", "aria-label": "Left out" });
  const query = h("section.similar-query", { "aria-label": "What is searched for" });
  const saved = h("div");
  const hits = h("div.similar-hits");
  const pager = h("div.row");
  const fault = h("div");
  const found = h("div", h("div.similar-top", h("div.grow", h("div.row.wrap", metric, method, numbers.map(({ element }) => element)), choices, chips), pen.element), fault, query, saved, hits, pager);
  const list = collectionsView(ctx, signal);
  const links = h("a", { href: ctx.href("similar", { params: { tab: "collections" } }) }, "Collections");
  root.append(h("header.worker-head", h("h1", "Similar"), state, h("span.grow"), links), h("div.similar-parts", h("div.similar-main", found, list.element), basket.element));
  const asking = new Latest();
  const offering = new Latest();
  let shown = ""; // what is shown, as the server told it
  let asked = ""; // what it was asked
  let stays = ""; // for which question that is

  combobox(metric, {
    source: (text, options) => ctx.api.metrics(text, options), label: "Metrics", open: true, near: ctx.near,
    pick: ({ name }) => { metric.value = name; choose(name); },
  });

  /** The series of a metric, to choose one. */
  async function offer(name) {
    const answer = await offering.run((own) => ctx.api.get("api/ui/series", { metric: name, max: CHOICES }, { signal: AbortSignal.any([own, signal]) }));
    if (!answer) return;
    if (answer.series.length === 1) return look(answer.series[0].tsuid);
    fill(choices, answer.series.map((one) => h("button.chip", { type: "button", onclick: () => look(one.tsuid) }, h("span.name", Object.entries(one.tags).map(([key, value]) => `${key}=${value}`).join(", ")))),
      answer.total > answer.series.length ? h("span.hint", `the first ${answer.series.length} of ${count(answer.total)}`) : null);
    if (!answer.series.length) fill(choices, h("span.hint", "This metric has no series that are known."));
  }
  const choose = (name) => offer(name).catch((error) => fill(choices, failure(error, () => choose(name))));
  function look(tsuid) {
    choices.replaceChildren();
    ctx.set({ tsuid, draw: null, page: null });
  }

  const filters = () => (ctx.route.params.get("filters") ?? "").split(",").filter(Boolean);
  const leaveOut = (part) => ctx.set({ filters: [...new Set([...filters(), part])].join(","), page: null });

  async function load() {
    const { params } = ctx.route;
    const collections = params.get("tab") === "collections";
    found.hidden = collections;
    list.element.hidden = !collections;
    if (collections) return list.load();
    method.value = params.get("method") === "euclidian" ? "euclidian" : "fastdtw";
    for (const { input, name, usual } of numbers) input.value = params.get(name) ?? usual;
    fill(chips, filters().map((part) => h("button.chip", { type: "button", title: "Let it in again", onclick: () => ctx.set({ filters: filters().filter((other) => other !== part).join(",") || null, page: null }) }, `without ${part}`, icon("close"))),
      filters().length > 1 ? h("button.link", { type: "button", onclick: () => ctx.set({ filters: null, page: null }) }, "Let all in") : null);
    const tsuid = params.get("tsuid");
    const draw = params.get("draw");
    if (!tsuid && !draw) {
      asking.stop();
      shown = stays = "";
      pictures.clear(found);
      fill(fault);
      fill(query, h("div.state", h("p", "Choose a series, or draw a shape: the series that looked like it are listed, the most alike first.")));
      for (const box of [saved, hits, pager]) box.replaceChildren();
      say("", "");
      return;
    }
    const bounds = ctx.time.bounds();
    if (bounds.error) return say("bad", bounds.error);
    const page = Math.max(1, Number(params.get("page") ?? 1) || 1);
    const question = {
      ...(tsuid ? { tsuid } : { draw_values: draw }), start: Math.floor(bounds.from), end: Math.ceil(bounds.to),
      method: method.value, slop: numbers[0].input.value, radius: numbers[1].input.value, filters: filters().join(","), page, max: HITS,
    };
    const what = JSON.stringify({ ...question, start: ctx.time.start, end: ctx.time.end });
    if (what !== stays) say("", "Searching…");
    try {
      const answer = await asking.run((own) => ctx.api.get("api/similar", question, { signal: AbortSignal.any([own, signal]), patience: 60_000 }));
      if (!answer) return;
      stays = what;
      fill(fault);
      render(answer, page);
    } catch (error) {
      if (signal.aborted) return;
      // The same question again: what it found before stays.
      const kept = what === stays;
      say("bad", `${error.message}${kept ? " What is shown is from before." : ""}`);
      fill(fault, h("button", { type: "button", onclick: load }, "Try again"));
      if (kept) return;
      shown = "";
      pictures.clear(found);
      for (const box of [query, saved, hits, pager]) box.replaceChildren();
    }
  }

  function render(answer, page) {
    const { index } = answer;
    const read = `read ${ago(index.built * SECOND, Date.now())}, searched in ${span(index.search_ms)}`;
    say(answer.query.shape ? "good" : "warn", answer.query.shape ? `${many(answer.total, "series has", "series have")} this shape, of ${count(index.series)} in the window${index.limited ? " (not all of them)" : ""}; ${read}`
      : "It is flat: without a shape nothing is like it.");
    const now = JSON.stringify([answer.query.values, answer.hits, answer.collections, page]);
    if (now === shown) return pictures.refresh();
    shown = now;
    pictures.clear(found);
    fill(query, h("h2.name", answer.query.metric ? nameOf(answer.query) : "The drawing"), sparkline(answer.query.values, answer.query.metric ? `Shape of ${nameOf(answer.query)}` : "The drawn shape"), inWords(answer.query.shape));
    const { total: like, hits: known } = answer.collections;
    fill(saved, known.length ? h("details.similar-saved", { open: true }, h("summary", `${many(like, "saved series looks", "saved series look")} like it`), h("ul", known.map((one) => h("li", h("a.name", { href: ctx.href("similar", { params: { tab: "collections", open: one.collection } }) }, `${one.collection}: ${one.name}`), h("span.quiet", ` ${exact(one.score, 4)}`))))) : null);
    fill(hits, answer.hits.map((one, at) => hit(one, (page - 1) * HITS + at)), answer.hits.length ? null : h("div.state", h("p.quiet", "Nothing had this shape in this window. A larger slop finds more.")));
    const pages = Math.ceil(answer.total / HITS);
    fill(pager, pages > 1 ? [h("button", { type: "button", disabled: page <= 1, onclick: () => ctx.set({ page: String(page - 1) }) }, "Nearer"), h("span.quiet", `page ${count(page)} of ${count(pages)}`), h("button", { type: "button", disabled: page >= pages, onclick: () => ctx.set({ page: String(page + 1) }) }, "Farther")] : null);
  }

  /** The fingerprint, folded: what is compared first, and what slop counts. */
  function inWords(shape) {
    if (!shape) return null;
    const words = shape.split(" ");
    return h("details.similar-words", h("summary", `Its shape in ${many(words.length, "word")}`),
      h("p.mono.name", words.slice(0, WORDS_MAX).join(" "), words.length > WORDS_MAX ? " …" : ""),
      h("p.hint", "Each step that is large enough is a word: inc and dec rise and fall, sinc and sdec do it steeply. Series whose words stand in nearly this order are compared; slop says how far words may have moved."));
  }

  function hit(one, at) {
    const name = nameOf(one);
    const parts = [...one.metric.split("."), ...Object.values(one.tags)];
    const out = h("select", { "aria-label": `Leave out a part of ${name}`, onchange: () => leaveOut(out.value) }, h("option", { value: "" }, "leave out…"), [...new Set(parts)].map((part) => h("option", { value: part }, part)));
    return h("section.card.similar-hit", { "aria-label": name, data: { tsuid: one.tsuid } }, h("div.row", h("span.badge", String(at + 1)), h("span.name.cut.grow", { title: name }, name), h("span.quiet", exact(one.score, 4))),
      pictures.make({ name, texts: () => `none:${one.tsuid}`, kind: "tsuid" }),
      h("div.row.wrap", h("button", { type: "button", onclick: () => look(one.tsuid) }, "Search for it"), ctx.writable ? h("button", { type: "button", onclick: () => toast(basket.add({ name, tsuid: one.tsuid })) }, "Collect") : null, out));
  }

  /** The address is another one. */
  function update() {
    const now = `${ctx.route.params} ${ctx.time.zone}`;
    if (now === asked) return;
    asked = now;
    return load();
  }

  return {
    update,
    refresh: load,
    unmount() {
      abort.abort();
      pictures.close();
    },
  };
}

