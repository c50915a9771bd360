/**
 * The picture of the page Graph: asks for the points of its queries, draws what came, says what it shows and what went wrong.
 * Functions of the page, whose state they share; loaded while the first metric is being typed.
 */
import { post } from "../../lib/api.js";
import { Chart } from "../../lib/chart.js";
import { Data } from "../../lib/data.js";
import { fill, h, set } from "../../lib/dom.js";
import { count, gnuplot, many, short } from "../../lib/format.js";
import { legend as legendPlace, range as valueRange } from "../../lib/fragment.js";
import { LINES } from "../../lib/palette.js";
import { asksHistograms, downsampleFunction, downsampleText, interval, withDownsample } from "../../lib/query.js";
import * as time from "../../lib/time.js";
import * as model from "./model.js";

/** Most lines of a query that are drawn with the highest and lowest of their points. */
const PEAKS_MAX = 12;

// ------------------------------------------------------------------ points

/** Asks for the points of the queries `wanted`, each by itself. The old picture stays until the new one is there. */
export async function load(page, wanted, bounds, mine, { again, confirmed }) {
  const estimates = await Promise.all(wanted.map(({ query }) => estimate(query, bounds, mine.signal)));
  if (page.asking !== mine) return;
  if (!confirmed && !again && (await tooMuch(page, wanted, estimates))) return page.quiet();
  const shift = model.shiftOf(page.graph.x.shift);
  const answers = await Promise.all(wanted.flatMap(({ query, at }, i) => [0, ...(shift ? [shift] : [])].map((past) => ask(page, query, at, past, bounds, estimates[i], mine.signal))));
  if (page.asking !== mine) return;
  page.quiet();
  if (answers.every(({ error }) => error?.kind === "aborted")) return;
  trouble(page, answers);
  const good = answers.filter(({ error }) => !error);
  if (!good.length) return page.stale("failed");
  await show(page, good, bounds, mine);
  if (good.some((answer) => !answer.peaks && hasPeaks(answer))) await (await import("./peaks.js")).showPeaks(page, good, bounds, mine);
}

/** Whether a query would be very large: then the page has said so, and offers what to do. */
async function tooMuch(page, wanted, estimates) {
  if (page.graph.x.all !== undefined) return false;
  const heavy = wanted.map((one, i) => ({ ...one, estimate: estimates[i] })).find(({ query, at, estimate }) => estimate && (
    model.drawnSeries(query, estimate) > model.SERIES_GUARD || (page.isRaw(at) && estimate.points > model.POINTS_GUARD)));
  if (heavy) (await import("./guard.js")).guard(page, heavy);
  return Boolean(heavy);
}

/**
 * Whether highest and lowest of each point are to be shown: where points were joined by their mean, and each line is one
 * series (of sums the extremes are not known).
 */
export function hasPeaks({ auto, query, series, past }) {
  return auto?.func === "avg" && !past && !query.parsed.rate && series.length > 0 && series.length <= PEAKS_MAX && series.every(({ tsuids }) => tsuids.length === 1);
}

/** One query; gives its answer or its error. */
async function ask(page, query, at, past, bounds, estimate, signal) {
  const downsample = chosenDownsample(page, query, at, bounds, estimate);
  const asked = downsample && !query.parsed.downsample ? withDownsample(query.text, query.kind, downsample) : query.text;
  const params = { show_summary: true };
  if (page.graph.noAnnotations) params.no_annotations = true;
  if (page.graph.globalAnnotations) params.global_annotations = true;
  const slot = `${at}${past ? "p" : ""}`;
  const options = { kind: query.kind, text: asked, from: bounds.from, to: bounds.to, shift: past, params };
  const url = page.ctx.api.address("api/query", { start: Math.floor(bounds.from - past), end: Math.ceil(bounds.to - past), [query.kind]: asked, arrays: true, ms: true, show_tsuids: true, ...params });
  const answer = { at, query, past, slot, url, auto: downsample && !query.parsed.downsample ? downsample : null, downsample: query.parsed.downsample ? downsampleText(query.parsed.downsample) : downsample ? downsampleText(downsample) : null };
  try {
    const found = { ...answer, ...(await page.data.query(slot, { ...options, signal })) };
    // Known to have them: so that a reload does not show them later than the rest.
    if (page.peaked.has(query.text) && hasPeaks(found)) await (await import("./peaks.js")).askPeaks(page, found, bounds, signal);
    return found;
  } catch (error) {
    return { ...answer, series: [], error };
  }
}

/** Automatic downsampling: one point a pixel, and none while all points are few enough. */
function chosenDownsample(page, query, at, bounds, estimate) {
  if (query.parsed.downsample || page.isRaw(at)) return null;
  const width = Math.max(200, (page.box.clientWidth || 1000) - 70);
  const per = interval(bounds.to - bounds.from, width);
  const perMs = time.duration(per);
  if (estimate?.series > 0 && estimate.points / estimate.series <= 2 * width) return null;
  // Without an estimate: most collectors send every 10 s or less often.
  if (!estimate && perMs < 10_000) return null;
  return { interval: per, func: downsampleFunction(query.parsed), fill: "" };
}

/** What a query would read, or null: then the query itself says what is wrong. */
async function estimate(query, bounds, signal) {
  const json = model.toJson(query);
  if (!json) return null;
  try {
    const answer = await post("api/ui/estimate", { start: Math.floor(bounds.from), end: Math.ceil(bounds.to), queries: [json] }, { signal, patience: 5000 });
    return Number.isFinite(answer?.series) ? answer : null;
  } catch {
    return null;
  }
}

// ------------------------------------------------------------------ picture

/** The chart of the page and what is under it, once. */
export function prepare(page, { Panel }) {
  if (page.chart) return;
  const { ctx } = page;
  page.data = new Data();
  page.chart = new Chart(page.box, {
    theme: ctx.theme.name, zone: ctx.time.zone,
    onzoom: (from, to) => ctx.time.show(from, to),
    onback: () => { if (!ctx.back()) ctx.status("Nothing to go back to."); },
    onevent: (event) => page.note(event),
    onspan: (from, to) => { if (ctx.writable) page.note(null, { from, to }); },
    onmark: (from, to) => page.mark({ from: Math.round(from), to: Math.round(to) }),
    status: ctx.status,
  });
  page.panel = ctx.embedded ? null : new Panel(page.numbers, page);
  if (page.graph.x.mark) page.panel?.choose("changes");
}

/** Lays answers over one time axis and draws them; `again`: more of what is drawn already, which nobody needs to be told. */
export async function show(page, answers, bounds, mine, again = false) {
  const peaked = answers.filter(({ peaks }) => peaks);
  const slots = [...answers.map(({ slot }) => slot), ...peaked.flatMap(({ slot }) => [`${slot}x`, `${slot}n`])];
  const aligned = slots.length ? await page.data.align(slots) : { times: new Float64Array(0), columns: [] };
  const around = peaked.length ? (await import("./peaks.js")).aroundOf(answers, peaked) : new Map();
  if (page.asking !== mine) return;
  page.picture = { answers, bounds: bounds ?? page.ctx.time.bounds(), ...aligned, all: aligned.columns, heat: model.heat(answers, aligned.times, aligned.columns), around, loaded: Date.now() };
  page.failed = null;
  page.redraw();
  if (again) return;
  const { lines, heat } = page.picture;
  const drawn = lines.filter(({ hidden, past }) => !hidden && !past).length;
  const what = [heat ? `heat map of ${many(heat.rows.length, "range")}` : "", drawn ? `${count(drawn)} series` : ""].filter(Boolean).join(" and ");
  page.ctx.status(what ? `${what} drawn` : "No points in this time range.");
}

/** Draws what is at hand. */
export function redraw(page, colours = false) {
  const { graph, picture } = page;
  const { answers, bounds } = picture;
  const max = graph.x.all !== undefined ? Infinity : model.LINES_MAX;
  Object.assign(picture, model.lines(answers, { type: model.typeOf(graph), max, hidden: page.hidden }));
  picture.notes = graph.noAnnotations ? [] : model.events(answers);
  picture.events = graph.x.notes ? picture.notes.filter((note) => model.noteFits(graph.x.notes, note)) : picture.notes;
  // Tables take columns by the line's number.
  picture.columns = picture.all;
  // What stands around the picture comes first: it decides how large the picture is, which is then drawn once.
  keyBox(page);
  page.rows.results(page.graph.queries.map((query, at) => {
    const mine = answers.filter((one) => one.at === at && !one.past);
    const error = page.errors?.get(at) ?? null;
    return { error, lines: picture.lines.filter((line) => line.at === at && !line.past), downsample: mine[0]?.auto ?? null };
  }));
  page.panel?.update();
  const axis = (label, form, limits, log) => {
    const values = limits ? valueRange(limits) : null;
    return { label: label || undefined, format: gnuplot(form) ?? undefined, min: values?.min ?? undefined, max: values?.max ?? undefined, log };
  };
  const names = picture.metrics.join(", ");
  page.chart.set({
    theme: page.ctx.theme.name, zone: page.ctx.time.zone, times: picture.times, columns: picture.lines.map(({ column }) => picture.all[column]), lines: picture.lines, heat: picture.heat,
    range: { from: bounds.from, to: bounds.to }, events: picture.events, spans: [model.markOf(graph)].filter(Boolean), envelopes: envelopes(page),
    normal: page.normal, left: axis(graph.ylabel || (page.normal ? "% of its own range" : null), graph.yformat, graph.yrange, graph.ylog), right: axis(graph.y2label, graph.y2format, graph.y2range, graph.y2log),
    label: `Graph of ${names || "nothing"}`, description: describe(page), empty: "",
  });
  hints(page);
  page.state();
  if (colours) page.toolsState();
  page.ctx.retitle();
}

/** Between which values each line's points lay, for kinds of lines where that can be shaded. */
function envelopes(page) {
  const { lines, around, all } = page.picture;
  if (!around.size || page.normal || !["line", "smooth", "steps", "linespoint"].includes(model.typeOf(page.graph))) return [];
  return lines.map(({ column }, line) => ({ line, found: around.get(column) })).filter(({ found }) => found).map(({ line, found }) => ({ line, high: all[found.high], low: all[found.low] }));
}

function describe(page) {
  const { lines, bounds, total } = page.picture;
  const { zone } = page.ctx.time;
  const shown = lines.filter(({ hidden, past }) => !hidden && !past);
  const ends = `${time.format(bounds.from, zone, "minute")} to ${time.format(bounds.to, zone, "minute")}, ${zone}`;
  const { heat } = page.picture;
  const map = heat ? `Heat map of ${many(heat.rows.length, "range")} from ${heat.rows[0].label} to ${heat.rows[heat.rows.length - 1].label}, highest count ${short(heat.most, 4)}; ` : "";
  if (!shown.length) return `${map || "No lines; "}${ends}.`;
  const min = Math.min(...shown.map(({ series }) => series.min ?? Infinity));
  const max = Math.max(...shown.map(({ series }) => series.max ?? -Infinity));
  const names = shown.slice(0, 5).map(({ label }) => label).join(", ");
  return `${map}${many(shown.length, "series", "series")}${total > shown.length ? ` of ${total}` : ""}: ${names}${shown.length > 5 ? " and more" : ""}; ${ends}; lowest ${short(min, 4)}, highest ${short(max, 4)}. Arrow keys walk along the points, Enter keeps a read-out.`;
}

/** The legend in the picture that links ask for by `key`. */
function keyBox(page) {
  const place = page.graph.nokey || !page.graph.key ? (page.ctx.embedded && !page.graph.nokey ? { place: "out bottom center", box: false, horiz: true } : null) : legendPlace(page.graph.key);
  page.key.hidden = !place;
  page.frame.dataset.key = place?.place ?? "";
  if (!place) return;
  page.key.classList.toggle("boxed", place.box);
  page.key.classList.toggle("horiz", place.horiz);
  const names = LINES[page.ctx.theme.name];
  const { lines } = page.picture;
  fill(page.key, lines.slice(0, 40).map((line) => h("li", { title: line.name }, h("span.swatch", { class: line.past || line.dash?.[0] > 3 ? "dash-1" : line.dash ? "dash-2" : "", style: { color: line.faint ? "var(--quiet)" : names[line.color] } }), h("span.name.cut", line.label))),
    lines.length > 40 ? h("li.quiet", `and ${lines.length - 40} more`) : null);
}

// ------------------------------------------------------------------ states

/** Errors of single queries: at their rows, and in a banner with a way to try again. */
function trouble(page, answers) {
  const bad = answers.filter(({ error }) => error && error.kind !== "aborted");
  page.errors = new Map(bad.map(({ at, error, past }) => [at, past ? `Comparison: ${error.message}` : error.message]));
  fill(page.banners);
  if (!bad.length) return;
  const reached = bad.every(({ error }) => error.kind === "http");
  const all = bad.length === answers.length;
  const first = bad[0].error;
  const what = first.kind === "offline" ? "The server does not answer." : first.kind === "slow" ? first.message : first.status === 503 || first.status === 429 ? `The server refuses for now: ${first.message}` : all && bad.length === 1 ? first.message : all ? `No query has an answer: ${first.message}` : `${bad.length} of ${answers.length} queries failed: ${first.message}`;
  page.banner("bad", reached || first.kind !== "offline" ? what : `${navigator.onLine === false ? "This computer is offline." : what}`, { label: "Try again", run: () => page.load({ again: true }) });
  page.ctx.error(what);
  const unknown = bad.find(({ error, query }) => /^No such name for 'metrics'/.test(error.message) && query.parsed.metric);
  if (unknown) page.later(import("./nothing.js"), (nothing) => nothing.meant(page, unknown));
  page.rows.results(page.graph.queries.map((query, at) => ({ error: page.errors.get(at) ?? null, lines: page.picture?.lines?.filter((line) => line.at === at && !line.past) ?? [], downsample: page.picture?.answers?.find((one) => one.at === at)?.auto ?? null })));
}

/** The line over the picture: what it shows, how old it is. */
export function state(page) {
  const { answers, lines = [], bounds } = page.picture;
  const shown = lines.filter(({ past, hidden }) => !past && !hidden).length;
  const points = answers.reduce((sum, { series }) => sum + series.reduce((more, { points: n }) => more + n, 0), 0);
  const words = [...(shown || !page.picture.heat ? [many(shown, "line")] : []), many(points, "point")];
  const down = [...new Set(answers.map(({ downsample }) => downsample).filter(Boolean))];
  if (down.length) words.push(down.join(", "));
  if (answers.some(({ peaks }) => peaks)) words.push("lowest to highest shaded");
  const { notes = [], events = [] } = page.picture;
  if (page.graph.x.notes && notes.length) words.push(`${events.length} of ${many(notes.length, "note")}: ${page.graph.x.notes}`);
  const shift = model.shiftOf(page.graph.x.shift);
  if (shift) words.push(`with ${time.span(shift)} before`);
  if (page.picture.heat) words.push(`heat map: ${page.ctx.theme.name === "dark" ? "lighter" : "darker"} is more, up to ${short(page.picture.heat.most)}`);
  const old = Date.now() - page.picture.loaded;
  const stale = page.failed || page.ctx.time.paused || (page.ctx.time.every && old > 3000 * page.ctx.time.every);
  page.box.classList.toggle("stale", Boolean(page.failed));
  fill(page.said, stale ? h("span.dot.warn", { title: "old data" }) : null,
    stale ? h("span.warn", `${page.failed ? `${page.failed === "stopped" ? "Stopped" : "Reload failed"}; ` : page.ctx.time.paused ? "Paused; " : ""}data of ${time.ago(page.picture.loaded, Date.now())}`) : null, stale ? " · " : null, words.join(" · "),
    h("span.unseen", ` from ${time.format(bounds.from, page.ctx.time.zone)}`));
  page.back.disabled = !page.ctx.zoomed();
}

/** Under the banners of errors: what else should be known of this picture. */
function hints(page) {
  for (const old of page.banners.querySelectorAll(".hint-banner")) old.remove();
  const { lines, total, answers } = page.picture;
  const add = (kind, message, ...actions) => page.banners.append(set(page.makeBanner(kind, message, ...actions), { class: "hint-banner" }));
  const present = lines.filter(({ past }) => !past).length;
  if (total > present) add("", `The ${present} lines with the highest values of ${count(total)} are drawn.`, { label: "Draw all", run: () => page.setX("all", "", { push: false }) });
  if (page.chart.skipped) add("warn", `${many(page.chart.skipped, "value")} at or below 0 cannot be shown on a logarithmic axis.`);
  const empty = answers.filter(({ past, series }) => !past && series.every(({ count: n }) => n === 0));
  const full = answers.filter((one) => !one.past && !empty.includes(one) && one.query.parsed?.metric && !asksHistograms(one.query.parsed));
  full.forEach(({ query }) => page.plain.add(query.parsed.metric));
  if (empty.length && empty.length === answers.filter(({ past }) => !past).length) page.later(import("./nothing.js"), (nothing) => nothing.empty(page, empty[0]));
  else for (const { query } of empty) add("", `${query.text}: no points in this time range.`);
}
