/**
 * Keys. One registry: what is listed by `?` is what works. Never while typing in a box.
 *
 * A key is written as in `KeyboardEvent.key` with `Ctrl+`, `Alt+`, `Shift+` before it (Shift only for named keys), or as
 * two keys with a blank between them: `g e`. `Ctrl` stands for the Command key too.
 */
const bindings = [];
let waiting = null;
let waitingSince = 0;
/** How long the second key of a pair is waited for, in ms. */
const PAIR_WAIT = 1500;

/**
 * Adds keys: `[{ keys: ["r"], help: "Reload", group: "Everywhere", run(event) {…}, typing: false }]`. `typing`: also while a
 * text box has the focus. Returns what takes them away again. Later ones win.
 */
export function add(list) {
  bindings.unshift(...list);
  return () => {
    for (const binding of list) {
      const at = bindings.indexOf(binding);
      if (at >= 0) bindings.splice(at, 1);
    }
  };
}

/** All keys in words, grouped: `[[group, [[keys, help]…]]…]`. */
export function listed() {
  const groups = new Map();
  const seen = new Set();
  for (const { keys, help, group = "Everywhere" } of bindings) {
    if (!help || seen.has(keys.join())) continue;
    seen.add(keys.join());
    if (!groups.has(group)) groups.set(group, []);
    groups.get(group).push([keys, help]);
  }
  return [...groups].sort(([a], [b]) => (a === "Everywhere") - (b === "Everywhere"));
}

/** Whether the focus is where keys are text. */
export function typing(target) {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement) return true;
  return target instanceof HTMLInputElement && !["checkbox", "radio", "button", "submit", "range", "color", "file"].includes(target.type);
}

/** Keys that an element of this kind needs for itself. */
function ownKey(target, key) {
  if (!(target instanceof HTMLElement)) return false;
  const role = target.getAttribute("role") ?? "";
  if (key === " " || key === "Enter") return target.matches("button, a[href], summary, input, label") || ["button", "tab", "option", "menuitem", "treeitem"].includes(role);
  if (key.startsWith("Arrow") || key === "Home" || key === "End") return ["tab", "option", "menuitem", "listbox", "slider", "treeitem", "tree", "grid"].includes(role) || target.matches("input");
  return false;
}

/** The event as text: `Ctrl+Enter`, `?`, `Shift+ArrowLeft`. */
export function named(event) {
  const { key } = event;
  const shift = event.shiftKey && key.length > 1 ? "Shift+" : "";
  return `${event.ctrlKey || event.metaKey ? "Ctrl+" : ""}${event.altKey ? "Alt+" : ""}${shift}${key === " " ? "Space" : key}`;
}

function onKey(event) {
  if (event.defaultPrevented || event.isComposing || ["Shift", "Control", "Alt", "Meta"].includes(event.key)) return;
  const inText = typing(event.target);
  // A menu or a dialog above the page has the keyboard to itself.
  const layered = document.querySelector("dialog[open]") !== null;
  const name = named(event);
  const pair = waiting && event.timeStamp - waitingSince < PAIR_WAIT ? `${waiting} ${name}` : null;
  waiting = null;
  const fits = (binding, text) => binding.keys.includes(text) && (!inText || binding.typing) && (!layered || binding.layered);
  const found = (pair && bindings.find((binding) => fits(binding, pair))) || bindings.find((binding) => fits(binding, name));
  if (found) {
    if (ownKey(event.target, event.key) && !event.ctrlKey && !event.metaKey) return;
    if (found.run(event) !== false) event.preventDefault();
  } else if (!inText && !layered && bindings.some((binding) => binding.keys.some((key) => key.startsWith(`${name} `)))) {
    waiting = name;
    waitingSince = event.timeStamp;
  }
}

/** Begins to listen. */
export function listen() {
  document.addEventListener("keydown", onKey);
}

const WORDS = { ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", Escape: "Esc" };
/** A key as it is printed for people. */
export function printed(key) {
  return key.split(" ").map((one) => (one.length === 1 ? one : one.split("+").map((part) => WORDS[part] ?? part).join("+"))).join(" then ");
}

/**
 * The keys of a row of tabs: arrows go round, Home and End to the ends; what is reached is chosen. Nobody else hears of them:
 * arrows move the range elsewhere.
 */
export function walkTabs(strip, buttons) {
  strip.addEventListener("keydown", (event) => {
    const at = buttons.indexOf(document.activeElement);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    const next = buttons[(to + buttons.length) % buttons.length];
    next.click();
    next.focus();
  });
  // Where not all have room, the chosen one is in sight.
  new MutationObserver(() => {
    const one = buttons.find((button) => button.getAttribute("aria-selected") === "true");
    if (one && strip.scrollWidth > strip.clientWidth) strip.scrollLeft = one.offsetLeft - strip.offsetLeft - (strip.clientWidth - one.offsetWidth) / 2;
  }).observe(strip, { subtree: true, attributeFilter: ["aria-selected"] });
}
