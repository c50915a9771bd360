import { SECOND } from "../../lib/time.js";

/**
 * The times in which a group was bad, out of the lines of a test: `[{ name, from, to, level }]` in ms, in the order of their
 * beginning. A change of the level ends one and begins the next; what did not end lasts until `end` (seconds).
 */
export function badTimes(lines, end) {
  const open = new Map();
  const out = [];
  const close = (name, at) => {
    const one = open.get(name);
    if (one) out.push({ ...one, to: at * SECOND });
    open.delete(name);
  };
  for (const { what, name, at, level } of lines) {
    if (!["opened", "worse", "better", "normal", "closed"].includes(what)) continue;
    close(name, at);
    if (what !== "normal" && what !== "closed") open.set(name, { name, from: at * SECOND, level });
  }
  for (const name of [...open.keys()]) close(name, end);
  return out.sort((a, b) => a.from - b.from);
}
