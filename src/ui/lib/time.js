/**
 * Times: what OpenTSDB's links and forms may say, read and written in a zone.
 *
 * An instant is a number: milliseconds since the epoch, UTC. A zone is a name of the time zone database (`Europe/Berlin`,
 * `UTC`). Nothing here reads the clock: `now` is always given.
 */

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** Lengths of OpenTSDB's units: a month is 30 days, a year 365. */
export const UNITS = { ms: 1, s: SECOND, m: MINUTE, h: HOUR, d: DAY, w: 7 * DAY, n: 30 * DAY, y: 365 * DAY };

const formatters = new Map();
/** Whether the browser knows this zone. */
export function isZone(zone) {
  try {
    formatter(zone);
    return true;
  } catch {
    return false;
  }
}

function formatter(zone) {
  let found = formatters.get(zone);
  if (!found) {
    found = new Intl.DateTimeFormat("en-US", {
      timeZone: zone, hourCycle: "h23", era: "short", year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit",
    });
    formatters.set(zone, found);
  }
  return found;
}

/** All zones that the browser knows, `UTC` first. */
export function zones() {
  const known = Intl.supportedValuesOf?.("timeZone") ?? [];
  return ["UTC", ...known.filter((zone) => zone !== "UTC")];
}

/** The zone of this computer. */
export const localZone = () => Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

const QUARTER = 15 * MINUTE;
const offsets = new Map();
/** What is added to UTC in `zone` at an instant, in ms. No zone changes within a quarter of an hour, so that is remembered. */
export function offset(ms, zone) {
  if (zone === "UTC") return 0;
  const quarter = Math.floor(ms / QUARTER);
  let known = offsets.get(zone);
  if (!known) offsets.set(zone, (known = new Map()));
  let found = known.get(quarter);
  if (found === undefined) {
    const at = quarter * QUARTER;
    const parts = {};
    for (const { type, value } of formatter(zone).formatToParts(at)) parts[type] = value;
    const year = parts.era === "BC" ? 1 - Number(parts.year) : Number(parts.year);
    const wall = utc(year, Number(parts.month), Number(parts.day), Number(parts.hour), Number(parts.minute), Number(parts.second));
    found = wall - at;
    if (known.size > 20_000) known.clear();
    known.set(quarter, found);
  }
  return found;
}

/** `Date.UTC` that takes years below 100 as they are; months from 1. */
function utc(year, month, day, hour = 0, minute = 0, second = 0, ms = 0) {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, second, ms);
  return date.getTime();
}

/** Calendar and clock of an instant in a zone; `weekday` 0 is Sunday. */
export function parts(ms, zone) {
  const wall = new Date(ms + offset(ms, zone));
  return {
    year: wall.getUTCFullYear(), month: wall.getUTCMonth() + 1, day: wall.getUTCDate(), weekday: wall.getUTCDay(),
    hour: wall.getUTCHours(), minute: wall.getUTCMinutes(), second: wall.getUTCSeconds(), ms: wall.getUTCMilliseconds(),
  };
}

/**
 * The instant of a wall clock time. A time that a zone skips is the one an hour later; of a time that comes twice the
 * first, as Java does. Fields beyond their range carry over: month 13 is January.
 */
export function instant(year, month, day, hour, minute, second, zone, ms = 0) {
  const wall = utc(year, month, day, hour, minute, second, ms);
  const before = offset(wall - DAY, zone);
  const after = offset(wall + DAY, zone);
  if (offset(wall - before, zone) === before) return wall - before;
  if (offset(wall - after, zone) === after) return wall - after;
  return wall - before;
}

const two = (n) => String(n).padStart(2, "0");

/** `2026-11-25 10:00:00`; `precision` is `date`, `minute`, `second` or `ms`. */
export function format(ms, zone, precision = "second") {
  if (!Number.isFinite(ms)) return "";
  const p = parts(ms, zone);
  const date = `${String(p.year).padStart(4, "0")}-${two(p.month)}-${two(p.day)}`;
  if (precision === "date") return date;
  const minute = `${date} ${two(p.hour)}:${two(p.minute)}`;
  if (precision === "minute") return minute;
  const second = `${minute}:${two(p.second)}`;
  return precision === "ms" ? `${second}.${String(p.ms).padStart(3, "0")}` : second;
}

/** With the precision that the instant needs. */
export function formatExact(ms, zone) {
  return format(ms, zone, ms % SECOND ? "ms" : ms % MINUTE ? "second" : "minute");
}

/** `yyyy/MM/dd-HH:mm:ss`, as OpenTSDB's links write it. Of an hour that comes twice these words mean the first: the second is in seconds. */
export function formatLink(ms, zone) {
  const p = parts(ms, zone);
  const second = Math.floor(ms / SECOND);
  if (instant(p.year, p.month, p.day, p.hour, p.minute, p.second, zone) !== second * SECOND) return String(second);
  return `${String(p.year).padStart(4, "0")}/${two(p.month)}/${two(p.day)}-${two(p.hour)}:${two(p.minute)}:${two(p.second)}`;
}

/** The zone's distance from UTC at an instant: `+01:00`. */
export function offsetText(ms, zone) {
  const minutes = Math.round(offset(ms, zone) / MINUTE);
  const size = Math.abs(minutes);
  return `${minutes < 0 ? "−" : "+"}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

const RELATIVE = /^(\d+)\s*(ms|[smhdwny])(?:[-\s]+ago)$/i;
const DATE = /^(\d{4})[/-](\d{1,2})[/-](\d{1,2})(?:[-\sT]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.](\d{1,3}))?)?)?(Z?)$/;
const CLOCK = /^(\d{1,2}):(\d{2})(?::(\d{2}))?$/;

/** A duration such as `10m`, `1w`, `500ms`: its ms, or null. */
export function duration(text) {
  const found = /^(\d+)(ms|[smhdwny])$/i.exec(String(text).trim());
  if (!found || Number(found[1]) === 0) return null;
  return Number(found[1]) * UNITS[found[2].toLowerCase()];
}

/**
 * Reads a time: `1h-ago`, `1h ago`, `now`, `2026/11/25-10:00:00`, `2026/11/25`, `2026-11-25 10:00`, `10:00` (today in the
 * zone), epoch seconds (also `1234567890.123`) or milliseconds. `{ ms, relative }`, or `{ error }` in words.
 */
export function parse(text, zone, now) {
  const value = String(text).trim();
  if (value === "") return { error: "a time is missing" };
  if (value.toLowerCase() === "now") return { ms: now, relative: true };
  const ago = RELATIVE.exec(value);
  if (ago) return { ms: now - Number(ago[1]) * UNITS[ago[2].toLowerCase()], relative: true };
  if (/^\d+(\.\d{1,3})?$/.test(value)) {
    const number = Number(value);
    // As OpenTSDB: more than ten digits are milliseconds.
    return { ms: value.split(".")[0].length > 10 ? Math.floor(number) : Math.round(number * 1000), relative: false };
  }
  const date = DATE.exec(value);
  if (date) {
    const [year, month, day, hour, minute, second] = date.slice(1, 7).map((part) => Number(part ?? 0));
    const ms = Number((date[7] ?? "0").padEnd(3, "0"));
    if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 59) return { error: `"${value}" is no date` };
    return { ms: instant(year, month, day, hour, minute, second, date[8] ? "UTC" : zone, ms), relative: false };
  }
  const clock = CLOCK.exec(value);
  if (clock && Number(clock[1]) <= 24 && Number(clock[2]) < 60) {
    const today = parts(now, zone);
    return { ms: instant(today.year, today.month, today.day, Number(clock[1]), Number(clock[2]), Number(clock[3] ?? 0), zone), relative: false };
  }
  return { error: `"${value}" is no time: write 1h-ago, 10:00 or 2026/11/25-10:00` };
}

/** The same time in words that the server and OpenTSDB read: relative ones in their form, dates as `yyyy/MM/dd-HH:mm:ss`. */
export function serverText(text, zone, now) {
  const value = String(text).trim();
  const ago = RELATIVE.exec(value);
  if (ago) return `${ago[1]}${ago[2].toLowerCase()}-ago`;
  if (value.toLowerCase() === "now" || value === "" || /^\d+(\.\d+)?$/.test(value)) return value;
  const read = parse(value, zone, now);
  return read.error ? value : formatLink(read.ms, zone);
}

/** A length of time in words, at most two parts: `1 h 30 min`, `12 s`, `3 d`. */
export function span(ms) {
  const size = Math.abs(ms);
  if (size < SECOND) return `${Math.round(size)} ms`;
  const steps = [["y", UNITS.y], ["w", UNITS.w], ["d", DAY], ["h", HOUR], ["min", MINUTE], ["s", SECOND]];
  const first = steps.findIndex(([, length]) => size >= length);
  const [unit, length] = steps[first];
  const whole = Math.floor(size / length);
  const next = steps[first + 1];
  const rest = next ? Math.floor((size - whole * length) / next[1]) : 0;
  // A second part says nothing once the first is large.
  return rest && whole < 10 ? `${whole} ${unit} ${rest} ${next[0]}` : `${whole} ${unit}`;
}

/** How long ago, in words: `just now`, `40 s ago`, `3 d ago`. */
export function ago(ms, now) {
  const size = now - ms;
  if (size < -SECOND) return `in ${span(-size)}`;
  return size < 2 * SECOND ? "just now" : `${span(size).split(" ").slice(0, 2).join(" ")} ago`;
}

/** The shortest of OpenTSDB's durations for a length: `90000` is `90s`, `3600000` is `1h`. */
export function durationText(ms) {
  for (const unit of ["w", "d", "h", "m", "s"]) if (ms % UNITS[unit] === 0 && ms >= UNITS[unit]) return `${ms / UNITS[unit]}${unit}`;
  return `${ms}ms`;
}

/** Distances of time ticks up to a day, in ms. */
const STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, SECOND, 2 * SECOND, 5 * SECOND, 10 * SECOND, 15 * SECOND, 30 * SECOND, MINUTE, 2 * MINUTE, 5 * MINUTE,
  10 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR];

/**
 * Instants of ticks for a range, at most `count`, on round times of the zone, and the kind of their texts:
 * `{ at: [ms…], step, kind }`; `kind` is `ms`, `second`, `minute`, `day`, `month` or `year`.
 */
export function ticks(from, to, zone, count) {
  const span = Math.max(1, to - from);
  const wanted = span / Math.max(1, count);
  const step = STEPS.find((candidate) => candidate >= wanted);
  const at = [];
  if (step) {
    // On the wall clock, so that 6 h ticks stand at 0, 6, 12, 18 in every zone; each with the offset of its own instant.
    let wall = Math.ceil((from + Math.min(offset(from, zone), offset(to, zone))) / step) * step;
    for (let guard = 0; guard < 2000; guard++, wall += step) {
      const both = [...new Set([-DAY, DAY].map((side) => wall - offset(wall + side, zone)))];
      // In an hour that comes twice there are two; one that is left out has the tick behind it.
      const there = both.filter((ms) => ms + offset(ms, zone) === wall);
      const found = there.length ? there : both.slice(0, 1);
      if (Math.min(...found) > to) break;
      at.push(...found.filter((ms) => ms >= from && ms <= to && !at.includes(ms)));
    }
    return { at: at.sort((a, b) => a - b), step, kind: step < SECOND ? "ms" : step < MINUTE ? "second" : "minute" };
  }
  const start = parts(from, zone);
  const days = [1, 2, 4, 7, 14].find((n) => n * DAY >= wanted);
  if (days) {
    // Weeks begin on Mondays; other distances count from the first of the month, so that they stay put while the range moves.
    const weekly = days >= 7;
    let { year, month, day } = start;
    if (weekly) day -= (start.weekday + 6) % 7;
    for (let guard = 0; guard < 2000; guard++) {
      const ms = instant(year, month, day, 0, 0, 0, zone);
      if (ms > to) break;
      const shown = parts(ms, zone);
      if (ms >= from && (weekly || (shown.day - 1) % days === 0) && (weekly || days === 1 || shown.day < 30)) at.push(ms);
      day += weekly ? days : 1;
    }
    return { at, step: days * DAY, kind: "day" };
  }
  const months = [1, 2, 3, 6, 12, 24, 60, 120, 600].find((n) => n * 30.5 * DAY >= wanted) ?? 1200;
  let month = Math.floor((start.year * 12 + start.month - 1) / months) * months;
  for (let guard = 0; guard < 2000; guard++, month += months) {
    const ms = instant(Math.floor(month / 12), (month % 12) + 1, 1, 0, 0, 0, zone);
    if (ms > to) break;
    if (ms >= from) at.push(ms);
  }
  return { at, step: months * 30 * DAY, kind: months < 12 ? "month" : "year" };
}

const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** Texts of ticks: the first and each one that begins a day (or a year) say so in a second line. */
export function tickTexts({ at, kind, step }, zone) {
  let before = null;
  return at.map((ms) => {
    const p = parts(ms, zone);
    const clock = `${two(p.hour)}:${two(p.minute)}`;
    const date = `${DAYS[p.weekday]} ${two(p.day)} ${MONTHS[p.month - 1]}`;
    const newDay = !before || before.day !== p.day || before.month !== p.month || before.year !== p.year;
    const newYear = !before || before.year !== p.year;
    before = p;
    switch (kind) {
      case "ms": return [`${clock.slice(3)}:${two(p.second)}.${String(p.ms).padStart(3, "0")}`, newDay ? `${date} ${clock.slice(0, 2)} h` : ""];
      case "second": return [`${clock}:${two(p.second)}`, newDay ? date : ""];
      case "minute": return [clock, newDay ? date : ""];
      case "day": return [step >= 7 * DAY ? `${two(p.day)} ${MONTHS[p.month - 1]}` : `${DAYS[p.weekday]} ${two(p.day)}`, newYear ? String(p.year) : p.day === 1 || step < 7 * DAY && p.day < 4 ? MONTHS[p.month - 1] : ""];
      case "month": return [MONTHS[p.month - 1], newYear ? String(p.year) : ""];
      default: return [String(p.year), ""];
    }
  });
}
