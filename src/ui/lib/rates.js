/**
 * Samples of numbers over the last minutes, and rates made of counters: what the sparklines of Status draw.
 *
 * Pure: the clock is given. A sample is a plain object of numbers by name.
 */

/** Keeps the samples of the last `span` ms. `every` is the ms between two when all goes well. */
export class History {
  constructor({ span = 15 * 60_000, every = 2000 } = {}) {
    this.span = span;
    this.every = every;
    this.samples = [];
  }

  /** Adds a sample taken at `at` (ms). `life` names the process: when it changes, counters began again at 0. */
  add(at, numbers, life = "") {
    const last = this.samples.at(-1);
    // A clock that was set back would make rates of its own.
    if (last && at <= last.at) this.samples = [];
    this.samples.push({ at, numbers, life });
    while (this.samples[0].at < at - this.span) this.samples.shift();
  }

  /** What a number was: `[{ at, value }]`; null where nothing is known: after a pause, a restart, a sample without it. */
  levels(name) {
    const out = [];
    this.each((sample, before) => {
      if (before && sample.at - before.at > 3 * this.every) out.push({ at: (sample.at + before.at) / 2, value: null });
      out.push({ at: sample.at, value: sample.numbers[name] ?? null });
    });
    return out;
  }

  /** How fast a counter grew, in a second: `[{ at, value }]`, one less than there are samples. */
  rates(name) {
    const out = [];
    this.each((sample, before) => {
      if (!before) return;
      const grown = sample.numbers[name] - before.numbers[name];
      const known = sample.life === before.life && grown >= 0 && sample.at - before.at <= 3 * this.every;
      out.push({ at: sample.at, value: known ? (grown * 1000) / (sample.at - before.at) : null });
    });
    return out;
  }

  each(visit) {
    this.samples.forEach((sample, at) => visit(sample, this.samples[at - 1]));
  }

  /** Ms from the first sample to the last. */
  get age() {
    return this.samples.length < 2 ? 0 : this.samples.at(-1).at - this.samples[0].at;
  }
}

/** Least, greatest and newest of `[{ value }]`, those that are known; all null without any. */
export function extent(points) {
  const known = points.map((point) => point.value).filter((value) => value !== null && Number.isFinite(value));
  if (known.length === 0) return { min: null, max: null, last: null };
  return { min: Math.min(...known), max: Math.max(...known), last: points.at(-1).value };
}

/**
 * The lines of a sparkline as SVG path data in a box of `width` by `height`, zero at its foot: `span` ms end at the right
 * edge. Gaps part it; a lone point is a short dash. Empty without points.
 */
export function sparkline(points, { width, height, span, top = null }) {
  const end = points.at(-1)?.at ?? 0;
  const max = top ?? extent(points).max;
  const scale = max > 0 ? (height - 2) / max : 0;
  let path = "";
  let open = false;
  points.forEach(({ at, value }, place) => {
    if (value === null || at < end - span) {
      open = false;
      return;
    }
    const x = (width - ((end - at) / span) * width).toFixed(1);
    const y = (height - 1 - Math.min(value, max || 0) * scale).toFixed(1);
    const next = points[place + 1];
    if (!open && (next === undefined || next.value === null)) path += `M${x} ${y}h1`;
    else path += `${open ? "L" : "M"}${x} ${y}`;
    open = true;
  });
  return path;
}

/** Hits among all, as percent with one digit, or null before the first. */
export function hitRate(hits, misses) {
  const all = hits + misses;
  return all === 0 ? null : Math.floor((hits / all) * 1000) / 10;
}
