/**
 * A text box with a list of hits below it, by the combobox pattern: the focus stays in the box, arrows walk the list, Enter
 * takes the marked hit, Esc closes the list first. One request at a time per box: of what is typed while it runs the newest is
 * asked for next.
 */
import { fill, h, marked, uid } from "./dom.js";
import { place } from "./layer.js";

/** How long a newer text waits for the answer to an older one, in ms. */
const SLOW = 250;

/**
 * Turns `input` into a combobox.
 *
 * `source(text, { offset, signal })` gives `{ total, hits: [{ name, … }] }`; `pick(hit, event)` is called with a hit, or with
 * `{ name: text, typed: true }` when Enter is pressed and the list has none (or `free` is set and none is marked).
 * `extra(hit)` gives what stands at the right of a row. `first`: the first hit is marked at once (default). `open`: the list
 * opens on focus with an empty box. `near(text, { signal })` gives `{ hits, why }`, what may be meant where nothing was found. Returns `{ close(), refresh() }`.
 */
export function combobox(input, { source, pick, extra = () => null, label, first = true, free = false, open = false, near = null, none = "Nothing has this in its name." }) {
  const list = h("ul.combo-list", { role: "listbox", id: uid("list"), "aria-label": label ?? input.getAttribute("aria-label"), popover: "manual" });
  input.after(list);
  for (const [name, value] of Object.entries({ role: "combobox", "aria-expanded": "false", "aria-controls": list.id, "aria-autocomplete": "list", autocomplete: "off", autocapitalize: "off", autocorrect: "off", spellcheck: "false" })) input.setAttribute(name, value);
  let hits = [];
  let total = 0;
  let at = -1;
  let asked = null;
  let asking = null;
  let pending = false;

  const isOpen = () => list.matches(":popover-open");
  const close = () => {
    pending = false;
    asking?.abort();
    asking = null;
    if (isOpen()) list.hidePopover();
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
    at = -1;
  };
  const show = () => {
    if (!input.isConnected || document.activeElement !== input) return;
    if (!isOpen()) list.showPopover();
    list.style.minWidth = `${input.offsetWidth}px`;
    place(list, input, { gap: 2 });
    input.setAttribute("aria-expanded", "true");
  };
  const mark = (to) => {
    list.children[at]?.setAttribute("aria-selected", "false");
    at = to;
    const row = list.children[at];
    if (!row) return input.removeAttribute("aria-activedescendant");
    row.setAttribute("aria-selected", "true");
    input.setAttribute("aria-activedescendant", row.id);
    row.scrollIntoView({ block: "nearest" });
  };
  const take = (hit, event) => {
    close();
    pick(hit, event);
  };
  const row = (hit, words) => h("li", {
    role: "option", id: uid("hit"), "aria-selected": "false", title: hit.name.length > 60 ? hit.name : null,
    // The focus must stay in the box.
    onmousedown: (event) => event.preventDefault(),
    onclick: (event) => take(hit, event),
    onmousemove: (event) => { const to = [...list.children].indexOf(event.currentTarget); if (to !== at) mark(to); },
  }, h("span.combo-name", marked(hit.name, words)), h("span.combo-extra", extra(hit)));

  async function ask(text, offset) {
    asking?.abort();
    pending = false;
    const mine = (asking = new AbortController());
    mine.more = offset > 0;
    input.setAttribute("aria-busy", "true");
    try {
      const answer = await source(text, { offset, signal: mine.signal });
      if (asking !== mine || pending) return;
      const words = text.split(/\s+/).filter(Boolean);
      const rows = answer.hits.map((hit) => row(hit, words));
      if (offset === 0) {
        hits = answer.hits;
        total = answer.total;
        fill(list, rows.length ? rows : h("li.combo-note", { role: "presentation" }, text ? none : "There are none yet."));
        list.scrollTop = 0;
        at = -1;
        asked = text;
        show();
        if (first && hits.length && text !== "") mark(0);
        if (!hits.length && text && near) offer(text, words, mine.signal);
      } else {
        hits = [...hits, ...answer.hits];
        list.append(...rows);
      }
    } catch (error) {
      if (asking !== mine || error.kind === "aborted") return;
      hits = [];
      fill(list, h("li.combo-note.bad", { role: "presentation" }, error.message));
      show();
    } finally {
      if (asking === mine) {
        asking = null;
        input.removeAttribute("aria-busy");
        if (pending) later();
      }
    }
  }
  /** What may be meant: below the sentence, and none of it is marked by itself. */
  async function offer(text, words, signal) {
    const found = await near(text, { signal }).catch(() => null);
    if (!found?.hits.length || asked !== text || asking || !isOpen()) return;
    hits = found.hits;
    fill(list, hits.map((hit) => row(hit, words)), h("li.combo-note.above", { role: "presentation" }, `${none} ${found.why}`));
    place(list, input, { gap: 2 });
  }
  /** Asks at once, or when the answer that is awaited is there; one that takes long is given up. */
  const later = () => {
    if (!asking || asking.more) return ask(input.value.trim(), 0);
    if (pending) return;
    pending = true;
    const slow = asking;
    setTimeout(() => { if (pending && asking === slow) ask(input.value.trim(), 0); }, SLOW);
  };

  input.addEventListener("input", () => {
    const typed = input.value.trim();
    if (typed === "" && !open) close();
    else if (typed !== asked || asking || !isOpen()) later();
  });
  input.addEventListener("focus", () => { if (open && !isOpen()) later(); });
  input.addEventListener("click", () => { if (open && !isOpen()) later(); });
  input.addEventListener("blur", () => setTimeout(() => { if (document.activeElement !== input) close(); }, 0));
  list.addEventListener("scroll", () => {
    if (!asking && hits.length < total && list.scrollTop + list.clientHeight > list.scrollHeight - 120) ask(asked, hits.length);
  });
  input.addEventListener("keydown", async (event) => {
    if (event.isComposing) return;
    const opened = isOpen();
    switch (event.key) {
      case "ArrowDown": case "ArrowUp":
        if (event.ctrlKey || event.altKey) return;
        event.preventDefault();
        if (!opened) return later();
        if (hits.length) mark(event.key === "ArrowDown" ? (at + 1) % hits.length : at <= 0 ? hits.length - 1 : at - 1);
        return;
      case "PageDown": case "PageUp":
        if (!opened || !hits.length) return;
        event.preventDefault();
        return mark(Math.max(0, Math.min(hits.length - 1, at + (event.key === "PageDown" ? 10 : -10))));
      case "Escape":
        if (!opened) return;
        event.preventDefault();
        event.stopPropagation();
        return close();
      case "Enter": {
        if (event.ctrlKey || event.metaKey) return;
        const text = input.value.trim();
        event.preventDefault();
        // Enter was faster than the answer: wait for the one that belongs to this text.
        if ((asked !== text || !opened) && text !== "" && !(free && at < 0 && !first)) await ask(text, 0);
        if (input.value.trim() !== text) return;
        const exact = hits.find((hit) => hit.name === text);
        const hit = hits[at] ?? (asked === text ? exact : null);
        if (hit) take(hit, event);
        else if (text !== "") take({ name: text, typed: true }, event);
      }
    }
  });
  return { close, refresh: () => ask(input.value.trim(), 0), list };
}
