/** Answers for panels: one request a query, few at a time, nothing asked for twice in a round. */
import { asksRanges, downsampleFunction, interval, parse, withDownsample } from "../../lib/query.js";
import { asked, letter } from "./model.js";

/** Requests at a time: browsers open six connections to a host, and other parts of the page need one too. */
const AT_ONCE = 4;
/** Points of a line that are asked for at most, however wide the panel is. */
const POINTS_MAX = 2000;
/** Series of a panel that are drawn; more are told, not drawn. */
export const SERIES_MAX = 100;

/** Runs tasks in the order they came, few at a time. */
export class Queue {
  constructor(most = AT_ONCE) {
    this.most = most;
    this.running = 0;
    this.waiting = [];
  }
  /** The promise of `task()`; rejected if `signal` ends it before its turn. */
  run(task, signal) {
    return new Promise((resolve, reject) => {
      const entry = { task, resolve, reject, signal };
      this.waiting.push(entry);
      signal?.addEventListener("abort", () => {
        const at = this.waiting.indexOf(entry);
        if (at >= 0) this.waiting.splice(at, 1);
        reject(Object.assign(new Error("Given up."), { kind: "aborted" }));
      }, { once: true });
      this.next();
    });
  }
  next() {
    while (this.running < this.most && this.waiting.length) {
      const { task, resolve, reject } = this.waiting.shift();
      this.running++;
      task().then(resolve, reject).finally(() => { this.running--; this.next(); });
    }
  }
}

/** What is asked for: a round is one range for all panels, so equal queries of two panels are one request. */
export class Round {
  constructor(api, queue, { from, to }) {
    Object.assign(this, { api, queue, from, to, known: new Map() });
    this.abort = new AbortController();
  }
  /** Series of an expression: `[{ metric, tags, aggregateTags, aggregator, times, values, annotations }]`, times in ms. */
  query(m, from, to) {
    const key = `${from} ${to} ${m}`;
    let found = this.known.get(key);
    if (!found) {
      const { signal } = this.abort;
      const params = [["start", Math.floor(from)], ["end", Math.ceil(to)], ["m", m], ["arrays", true], ["ms", true], ["global_annotations", true]];
      found = this.queue.run(() => this.api.get("api/query", params, { signal }), signal).then((answer) => answer.map((one) => seriesOf(one, m)));
      this.known.set(key, found);
    }
    return found;
  }
  stop() {
    this.abort.abort();
  }
}

function seriesOf({ metric, tags, aggregateTags, dps, annotations = [], globalAnnotations = [] }, m) {
  const times = new Array(dps.length);
  const values = new Array(dps.length);
  for (let at = 0; at < dps.length; at++) {
    times[at] = dps[at][0];
    const value = dps[at][1];
    values[at] = typeof value === "number" && Number.isFinite(value) ? value : null;
  }
  return { metric, tags, aggregateTags, ranges: asksRanges(parse(m)), aggregator: m.slice(0, m.indexOf(":")), times, values, annotations: [...annotations, ...globalAnnotations] };
}

/** The query with a downsampling that fits the width, unless it has its own. */
export function sized(m, span, width) {
  const parts = parse(m);
  if (parts.error || parts.downsample) return m;
  const every = interval(span, Math.min(POINTS_MAX, Math.max(60, width)));
  return every === "1s" ? m : withDownsample(m, "m", { interval: every, func: downsampleFunction(parts), fill: "" });
}

/**
 * Everything of a panel: `{ series, problems, asked }`. A series has `query` (its place), `axis`, `earlier` (of the
 * comparison) and is transformed; `problems` are `[{ at, message, status }]`, one a query that failed.
 */
export async function load(round, panel, screen, values, { from, to, width, shift = 0 }) {
  const letters = new Set();
  const { compile } = panel.queries.some(({ expression }) => expression.trim()) ? await import("./expression.js") : {};
  const programs = panel.queries.map(({ expression }) => {
    if (!expression.trim()) return null;
    const program = compile(expression);
    program.letters?.forEach((name) => letters.add(name));
    return program;
  });
  const problems = [];
  const wanted = panel.queries.map((query, at) => ({ query, at })).filter(({ query, at }) => query.m !== "" && (!query.hidden || letters.has(letter(at))));
  const texts = new Map(wanted.map(({ query, at }) => [at, asked(query.m, screen, values)]));
  const ask = (offset) => Promise.all(wanted.map(async ({ at }) => {
    const m = texts.get(at);
    const parts = parse(m);
    if (parts.error) {
      if (offset === 0) problems.push({ at, message: parts.error });
      return [at, []];
    }
    try {
      return [at, await round.query(sized(m, to - from, width), from - offset, to - offset)];
    } catch (error) {
      if (error.kind === "aborted") throw error;
      if (offset === 0) problems.push({ at, message: error.message, status: error.status, kind: error.kind, details: error.details });
      return [at, []];
    }
  }));
  const rounds = await Promise.all([0, ...(shift ? [shift] : [])].map(async (offset) => ({ offset, answers: new Map(await ask(offset)) })));
  const series = [];
  for (const { offset, answers } of rounds) {
    for (const { query, at } of wanted) {
      if (query.hidden) continue;
      const program = programs[at];
      if (program?.error) {
        if (offset === 0) problems.push({ at, message: `${query.expression}: ${program.error}` });
        continue;
      }
      for (const one of answers.get(at)) {
        const done = program ? transformed(one, program, answers) : one;
        series.push({ ...done, query: at, axis: query.axis, pane: query.pane, earlier: offset, times: offset ? done.times.map((t) => t + offset) : done.times });
      }
    }
  }
  return { series, problems, asked: texts };
}

/** The series under an expression. `A` is the series of the first query with the same tags, or its only one. */
function transformed(one, program, answers) {
  const others = new Map(program.letters.map((name) => [name, lookup(partner(one, answers.get(name.charCodeAt(0) - 65) ?? []))]));
  let at = 0;
  const scope = { v: 0, t: 0, letter: (name) => others.get(name)?.(one.times[at]) ?? NaN };
  const values = one.values.map((value, place) => {
    at = place;
    scope.v = value ?? NaN;
    scope.t = one.times[place] / 1000;
    return program.run(scope);
  });
  return { ...one, values };
}

function partner(one, list) {
  if (list.length === 1) return list[0];
  const equal = (a, b) => a === undefined || b === undefined || a === b;
  return list.find(({ tags }) => Object.entries(tags).every(([name, value]) => one.tags[name] === value)) ??
    list.find(({ tags }) => [...new Set([...Object.keys(tags), ...Object.keys(one.tags)])].every((name) => equal(tags[name], one.tags[name])));
}

/** Values by time: times are asked for in ascending order. */
function lookup(series) {
  if (!series) return () => NaN;
  let at = 0;
  return (time) => {
    if (at > 0 && series.times[at - 1] >= time) at = 0;
    while (at < series.times.length && series.times[at] < time) at++;
    return series.times[at] === time ? series.values[at] ?? NaN : NaN;
  };
}
