/**
 * Highest and lowest of points that were joined by their mean: asked for once the picture stands, shaded around its lines.
 */
import { withDownsample } from "../../lib/query.js";
import * as model from "./model.js";
import { hasPeaks, show } from "./picture.js";

/** Asks for the highest and the lowest; an answer without them is as good as before. */
export async function askPeaks(page, answer, bounds, signal) {
  const { query, slot, auto } = answer;
  const ask = (func, name) => page.data.query(`${slot}${name}`, { kind: query.kind, text: withDownsample(query.text, query.kind, { ...auto, func }), from: bounds.from, to: bounds.to, signal });
  const [high, low] = await Promise.all([ask("max", "x"), ask("min", "n")]).catch(() => []);
  if (!high || !low || high.series.length !== answer.series.length || low.series.length !== answer.series.length) return;
  answer.peaks = { high: high.series, low: low.series };
  page.peaked.add(query.text);
}

/** For queries that had no extremes with their first answer. */
export async function showPeaks(page, answers, bounds, mine) {
  const lacking = answers.filter((answer) => !answer.peaks && hasPeaks(answer));
  if (!lacking.length) return;
  await Promise.all(lacking.map((answer) => askPeaks(page, answer, bounds, mine.signal)));
  if (page.asking === mine && lacking.some(({ peaks }) => peaks)) await show(page, answers, bounds, mine, true);
}

/**
 * Where the extremes of a line's points are: from its column to those of its highest and lowest. The true extremes take the place
 * of those of the means in what tables show.
 */
export function aroundOf(answers, peaked) {
  const begins = new Map();
  let column = 0;
  for (const { slot, series } of answers) {
    begins.set(slot, column);
    column += series.length;
  }
  const around = new Map();
  for (const { slot, series, peaks } of peaked) {
    const count = series.length;
    const places = (list) => new Map(list.map((one, i) => [model.fullName(one), i]));
    const [high, low] = [places(peaks.high), places(peaks.low)];
    series.forEach((one, i) => {
      const name = model.fullName(one);
      if (!high.has(name) || !low.has(name)) return;
      around.set(begins.get(slot) + i, { high: column + high.get(name), low: column + count + low.get(name) });
      one.max = peaks.high[high.get(name)].max;
      one.min = peaks.low[low.get(name)].min;
    });
    column += 2 * count;
  }
  return around;
}
