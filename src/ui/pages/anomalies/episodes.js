/**
 * When which series was anomalous, out of what happened and what is anomalous now; and which were in a span of time. No
 * elements, no requests.
 */
import { nameOf } from "../../lib/format.js";
import { SECOND } from "../../lib/time.js";

/** Changes with which an anomaly is over. */
const OVER = new Set(["closed", "normal", "forgotten"]);

/** The tags of a series. Alerts of detectors are told apart by the metric, too, which stands among their tags. */
export const ownTags = ({ metric, tags }) => Object.entries(tags ?? {}).filter(([key, value]) => key !== "metric" || value !== metric).sort(([a], [b]) => (a < b ? -1 : 1));

/** What tells series apart. */
export const keyOf = (one) => JSON.stringify([one.metric, ...ownTags(one)]);

/** The name of an event's series. */
export const seriesOf = (one) => nameOf({ metric: one.metric, tags: Object.fromEntries(ownTags(one)) });

/**
 * `[{ key, series, from, to, now }]`, times in ms: an entry a time that a series was anomalous. `events` are those of
 * `/api/anomalies/history`, the newest first; `rows` those of `/api/anomalies`, of which each lasts until `now`.
 */
export function episodes(events, rows, now) {
  const incidents = new Map();
  for (const event of events) {
    const known = incidents.get(event.incident) ?? { key: keyOf(event), series: event, from: event.start * SECOND, to: null };
    if (OVER.has(event.change)) known.to = Math.min(known.to ?? Infinity, event.at * SECOND);
    incidents.set(event.incident, known);
  }
  const current = new Map(rows.map((row) => [keyOf(row), row]));
  const past = [...incidents.values()].filter(({ key, to }) => to !== null || !current.has(key))
    // Without an end, and not listed any more: its worker has not said so yet. What is known is that it began.
    .map((one) => ({ ...one, to: one.to ?? one.from, now: null }));
  return [...past, ...rows.map((row) => ({ key: keyOf(row), series: row, from: row.since * SECOND, to: now, now: row }))];
}

/** The series that were anomalous between two times, longest first: `[{ key, series, ms, now }]`. */
export function ranked(list, from, to) {
  const found = new Map();
  for (const { key, series, from: began, to: ended, now } of list) {
    if (began > to || ended < from) continue;
    const one = found.get(key) ?? { key, series, ms: 0, now: null };
    one.ms += Math.max(0, Math.min(ended, to) - Math.max(began, from));
    one.now ??= now;
    found.set(key, one);
  }
  return [...found.values()].sort((a, b) => b.ms - a.ms || (a.key < b.key ? -1 : 1));
}
