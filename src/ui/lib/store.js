/**
 * What the browser remembers for a person: theme, density, zone choice, history of queries. Nothing that a link needs.
 * Works without local storage (private windows, blocked cookies): then it is forgotten when the page closes.
 */
const PREFIX = "tsdb.";
const memory = new Map();

/** The value kept under `name`, or `fallback`. */
export function load(name, fallback = null) {
  if (memory.has(name)) return memory.get(name);
  try {
    const text = localStorage.getItem(PREFIX + name);
    return text === null ? fallback : JSON.parse(text);
  } catch {
    return fallback;
  }
}

/** Keeps a value that JSON can hold; `null` forgets it. */
export function save(name, value) {
  memory.set(name, value);
  try {
    if (value === null) localStorage.removeItem(PREFIX + name);
    else localStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch {
    // Full or forbidden: memory has it.
  }
}
