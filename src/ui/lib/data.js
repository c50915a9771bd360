/**
 * Points for charts: asks `/api/query` and hands the answer to a worker, which reads it and lays series over one time axis.
 *
 * A `Data` belongs to one chart or one page. Each of its slots holds the answer of one query; queries fail one by one.
 */
import { ApiError, request } from "./api.js";
import { GAP, MISSING, forPlot } from "./align.js";

let worker = null;
let calls = 0;
const waiting = new Map();
let owners = 0;

function start() {
  worker = new Worker(new URL("./align.js", import.meta.url), { type: "module" });
  worker.onmessage = ({ data: { id, result, error } }) => {
    const { resolve, reject } = waiting.get(id);
    waiting.delete(id);
    if (error) reject(new ApiError("garbled", error));
    else resolve(result);
  };
  worker.onerror = (event) => {
    for (const { reject } of waiting.values()) reject(new Error(event.message || "The worker of this page ended."));
    waiting.clear();
    worker = null;
  };
}

function ask(message, transfer = []) {
  if (!worker) start();
  return new Promise((resolve, reject) => {
    const id = ++calls;
    waiting.set(id, { resolve, reject });
    worker.postMessage({ ...message, id }, transfer);
  });
}

// It starts while the first question is under way.
start();

export class Data {
  constructor() {
    this.owner = ++owners;
    this.held = new Set();
  }
  name(slot) { return `${this.owner}:${slot}`; }

  /**
   * Asks for `text` (an expression of `kind` `m` or `tsuid`) from `from` to `to` (ms, UTC) and keeps the points under `slot`.
   * `shift` (ms): asks for that much earlier and moves the points forward. `params`: further parameters of `/api/query`.
   *
   * Gives `{ series: [{ metric, tags, aggregateTags, tsuids, annotations, global, count, points, min, max, avg, median, last, lastTime, step }], stats, ms, bytes }`.
   */
  async query(slot, { kind = "m", text, from, to, shift = 0, params = {}, signal, patience }) {
    const begun = performance.now();
    const answer = await request("GET", "api/query", {
      params: { start: Math.floor(from - shift), end: Math.ceil(to - shift), [kind]: text, arrays: true, ms: true, show_tsuids: true, ...params },
      signal, patience, as: "arrayBuffer",
    });
    const result = await ask({ call: "read", slot: this.name(slot), text: answer.body, shift }, [answer.body]);
    this.held.add(slot);
    return { ...result, ms: performance.now() - begun, server: answer.ms, bytes: answer.bytes };
  }

  /** Keeps series that are at hand already, in the form of an answer: `[{ metric, tags, dps: [[time, value]…] }]`. */
  async keep(slot, series) {
    this.held.add(slot);
    return ask({ call: "read", slot: this.name(slot), text: JSON.stringify(series), shift: 0 });
  }

  /**
   * The points of some slots over one time axis: `{ times, columns, added }`, columns in the order of slots and their series, as
   * uPlot wants them: a value, `null` for a gap, `undefined` where a series has no point. `added`: see `align`.
   */
  async align(slots) {
    const { times, columns, added } = await ask({ call: "align", slots: slots.map((slot) => this.name(slot)) });
    return { times, columns: columns.map(forPlot), added };
  }

  drop(slots) {
    const mine = slots.filter((slot) => this.held.delete(slot));
    if (mine.length && worker) ask({ call: "drop", slots: mine.map((slot) => this.name(slot)) });
  }
  close() { this.drop([...this.held]); }
}

export { GAP, MISSING };
