/**
 * Elements, and what else the browser gives: clipboard, files, memory. Text is only ever set as text: no function here takes
 * markup, so no name of a metric can become any.
 */

/**
 * Makes an element: `h("button.quiet", { title: "Close", onclick: close }, icon("close"), "Close")`.
 *
 * `tag` is a name with classes. Of `props`, functions named `on…` become listeners, `class` adds classes, `style` takes an
 * object (custom properties too), `data` an object for `dataset`; `true` sets a bare attribute; `null`, `undefined` and
 * `false` leave one out. Children may be nodes, texts, numbers, nested lists, or nothing.
 */
export function h(tag, props, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name || "div");
  if (classes.length) element.className = classes.join(" ");
  if (props && (typeof props !== "object" || props instanceof Node || Array.isArray(props))) {
    children.unshift(props);
  } else if (props) {
    set(element, props);
  }
  append(element, children);
  return element;
}

/** Sets properties as `h` does. */
export function set(element, props) {
  for (const [key, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) element.removeAttribute(key);
    else if (typeof value === "function" && key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "class") element.classList.add(...String(value).split(" ").filter(Boolean));
    else if (key === "style") for (const [rule, text] of Object.entries(value)) element.style.setProperty(rule, text);
    else if (key === "data") Object.assign(element.dataset, value);
    else if (key === "value" && "value" in element) element.value = value;
    else if (key === "checked") element.checked = Boolean(value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  return element;
}

function append(element, children) {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    if (Array.isArray(child)) append(element, child);
    else element.append(child instanceof Node ? child : String(child));
  }
}

/** Replaces all children. */
export function fill(element, ...children) {
  element.replaceChildren();
  append(element, children);
  return element;
}

/** Replaces all children if their text form changed: keeps focus and selection where nothing did. */
export function text(element, value) {
  if (element.textContent !== value) element.textContent = value;
  return element;
}

/** `text` with the parts that match `words` in `<mark>`. */
export function marked(value, words) {
  const lower = value.toLowerCase();
  const hits = [];
  for (const word of words) {
    const at = word ? lower.indexOf(word.toLowerCase()) : -1;
    if (at >= 0) hits.push([at, at + word.length]);
  }
  hits.sort((a, b) => a[0] - b[0]);
  const out = [];
  let done = 0;
  for (const [from, to] of hits) {
    if (from < done) continue;
    out.push(value.slice(done, from), h("mark", value.slice(from, to)));
    done = to;
  }
  out.push(value.slice(done));
  return out.filter((part) => part !== "");
}

/** The name of a series, which may go on in the next line behind its parts: where there is room for none, it is not cut in a word. */
export const breakable = (name) => name.split(/([.,{]+)/).flatMap((piece, at) => (at % 2 ? [piece, h("wbr")] : [piece]));

let ids = 0;
/** A fresh element id. */
export const uid = (what = "e") => `${what}-${++ids}`;

const ICONS = {
  close: "M4 4l8 8M12 4l-8 8",
  expand: "M6 2.5H2.5V6M10 2.5h3.5V6M6 13.5H2.5V10M10 13.5h3.5V10",
  grip: "M6 3.5h.01M10 3.5h.01M6 8h.01M10 8h.01M6 12.5h.01M10 12.5h.01",
  plus: "M8 3v10M3 8h10",
  minus: "M3 8h10",
  left: "M10 3L5 8l5 5",
  right: "M6 3l5 5-5 5",
  down: "M4 6l4 4 4-4",
  search: "M7 12A5 5 0 107 2a5 5 0 000 10zM11 11l3.5 3.5",
  play: "M5 3.2v9.6L13 8z",
  pause: "M5.5 3.5v9M10.5 3.5v9",
  sun: "M8 11a3 3 0 100-6 3 3 0 000 6zM8 1.5v1.5M8 13v1.5M1.5 8H3M13 8h1.5M3.4 3.4l1 1M11.6 11.6l1 1M12.6 3.4l-1 1M4.4 11.6l-1 1",
  moon: "M13 9.5A5.5 5.5 0 016.5 3a5.5 5.5 0 106.5 6.5z",
  eye: "M1.5 8S4 3.5 8 3.5 14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8zM8 10a2 2 0 100-4 2 2 0 000 4z",
  hidden: "M1.5 8S4 3.5 8 3.5 14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8zM3 13L13 3",
  more: "M3.5 8h.01M8 8h.01M12.5 8h.01",
  menu: "M2.5 4h11M2.5 8h11M2.5 12h11",
  reload: "M13 8a5 5 0 11-1.5-3.5M13 2v3h-3",
  share: "M6 4H3.5v8.5H12V10M8.5 2.5h5v5M13 3L7 9",
  note: "M3 2.5h10v8l-3 3H3zM10 13.5v-3h3",
  clock: "M8 14A6 6 0 108 2a6 6 0 000 12zM8 4.5V8l2.5 1.5",
  help: "M8 14A6 6 0 108 2a6 6 0 000 12zM6.3 6.2a1.8 1.8 0 113 1.4C8.5 8.2 8 8.6 8 9.4M8 11.6v.1",
  table: "M2.5 3h11v10h-11zM2.5 6.3h11M2.5 9.6h11M6.5 3v10",
  pin: "M5.5 2.5h5M6 2.5v4L4 9h8l-2-2.5v-4M8 9v5",
  undo: "M4.5 3L2 5.5 4.5 8M2 5.5h7a4 4 0 010 8H6",
  trash: "M2.5 4h11M6 4V2.5h4V4M4 4l.6 9.5h6.8L12 4",
  copy: "M5.5 5.5h8v8h-8zM3.5 10.5h-1v-8h8v1",
  warn: "M8 2L1.5 13.5h13zM8 6.5v3M8 11.4v.1",
  check: "M3 8.5l3.2 3L13 4.5",
  lines: "M2 3v10h12M4 10l3-3 2 2 4-5",
  compare: "M2 11c2-5 4-5 6-2s4 2 6-3M2 7c2-5 4-4 6-1",
};

/** A small picture, hidden from screen readers: the button around it has the name. */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("class", ["more", "grip"].includes(name) ? "icon thick" : "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[name] ?? "");
  svg.append(path);
  return svg;
}

/** A button that shows a picture only; `label` is its name and its title. */
export function iconButton(name, label, onclick, props = {}) {
  return h("button.icon-button", { type: "button", "aria-label": label, title: label, onclick, ...props }, icon(name));
}

/** Copies a text; tells whether that worked. */
export async function copy(value) {
  try {
    await navigator.clipboard.writeText(value);
    return true;
  } catch {
    // Not allowed, or no secure context (plain http on another host): the old way.
    const area = h("textarea.unseen", { readonly: true });
    area.value = value;
    document.body.append(area);
    const before = document.activeElement;
    area.select();
    let done = false;
    try { done = document.execCommand("copy"); } catch { done = false; }
    area.remove();
    before?.focus?.();
    return done;
  }
}

/** Offers a text as a file. */
export function download(name, type, value) {
  const url = URL.createObjectURL(new Blob([value], { type }));
  const link = h("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

// ------------------------------------------------------------------ memory

// What the browser remembers for a person: theme, density, zone choice, history of queries. Nothing that a link needs.
// Works without local storage (private windows, blocked cookies): then it is forgotten when the page closes.
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
