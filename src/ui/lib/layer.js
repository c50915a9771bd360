/**
 * What lies over the page: pop-ups at a button, dialogs, short notes. Esc and a click elsewhere close the topmost; the focus
 * goes back to where it was. Built on the browser's own `popover` and `<dialog>`.
 */
import { h, icon, fill, uid } from "./dom.js";

/** Puts `layer` below `anchor` (above if there is no room), inside the window. */
export function place(layer, anchor, { align = "start", gap = 4 } = {}) {
  const at = anchor.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = layer;
  const right = document.documentElement.clientWidth - 8;
  let left = align === "end" ? at.right - width : at.left;
  left = Math.max(8, Math.min(left, right - width));
  const below = innerHeight - at.bottom - gap - 8;
  const above = at.top - gap - 8;
  const up = height > below && above > below;
  layer.style.left = `${left}px`;
  layer.style.top = up ? `${Math.max(8, at.top - gap - height)}px` : `${at.bottom + gap}px`;
  layer.style.maxHeight = `${Math.max(120, up ? above : below)}px`;
}

/**
 * Opens a pop-up at `anchor` with `content` (nodes); returns `{ element, close() }`. A second call with the same anchor
 * closes it. `label` is its name for screen readers; the first field or button in it gets the focus unless `focus` is false.
 */
export function popup(anchor, content, { label, align = "start", role = "dialog", focus = true, onclose, className = "" } = {}) {
  if (anchor.popupOpen) {
    anchor.popupOpen.close();
    return anchor.popupOpen;
  }
  const element = h("div.layer", { popover: "auto", role, "aria-label": label, class: className }, content);
  document.body.append(element);
  const handle = {
    element,
    close: () => element.matches(":popover-open") && element.hidePopover(),
    place: () => place(element, anchor, { align }),
  };
  const replace = () => handle.place();
  element.addEventListener("toggle", (event) => {
    if (event.newState !== "closed") return;
    const inside = element.contains(document.activeElement) || document.activeElement === document.body;
    anchor.setAttribute("aria-expanded", "false");
    // After this turn: the click that closed it may be one at the anchor, which must not open it again.
    setTimeout(() => { anchor.popupOpen = null; }, 0);
    removeEventListener("resize", replace);
    element.remove();
    if (inside) anchor.focus?.();
    onclose?.();
  });
  element.showPopover();
  anchor.setAttribute("aria-expanded", "true");
  anchor.popupOpen = handle;
  handle.place();
  addEventListener("resize", replace);
  if (focus) (element.querySelector("[autofocus]") ?? element.querySelector("input, select, button, a[href], [tabindex='0']"))?.focus();
  return handle;
}

/** A menu of actions at a button: `[{ label, icon?, hint?, run(), href?, checked?, disabled? } | "-"]`. Arrow keys move. */
export function menu(anchor, items, { label, align = "end" } = {}) {
  const rows = items.filter(Boolean).map((item) => {
    if (item === "-") return h("hr");
    const role = item.checked === undefined ? "menuitem" : "menuitemcheckbox";
    const props = { role, tabindex: "-1", "aria-checked": item.checked === undefined ? null : String(item.checked), "aria-disabled": item.disabled ? "true" : null };
    const inner = [h("span.menu-icon", item.checked ? icon("check") : item.icon ? icon(item.icon) : null), h("span.grow", item.label), item.hint ? h("span.quiet", item.hint) : null];
    if (item.href) return h("a.menu-item", { ...props, href: item.href, target: item.target, download: item.download, onclick: () => handle.close() }, inner);
    return h("button.menu-item", { ...props, type: "button", onclick: () => { if (item.disabled) return; handle.close(); item.run(); } }, inner);
  });
  const handle = popup(anchor, rows, { label, role: "menu", align, focus: false, className: "menu" });
  const list = rows.filter((row) => row.tagName !== "HR");
  list[0]?.focus();
  handle.element.addEventListener("keydown", (event) => {
    const at = list.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: list.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    list[(to + list.length) % list.length]?.focus();
  });
  return handle;
}

/**
 * A dialog in the middle; returns `{ element, close(value), closed }`, `closed` being a promise of that value. `content` may
 * be a function that gets the handle.
 */
export function dialog(title, content, { className = "" } = {}) {
  const before = document.activeElement;
  const heading = h("h2", title);
  heading.id = uid("dialog"); // one dialog may ask above another
  const element = h("dialog", { "aria-labelledby": heading.id, class: className });
  let finish;
  const handle = { element, close: (value) => { handle.value = value; element.close(); }, closed: new Promise((resolve) => { finish = resolve; }) };
  const shut = h("button.icon-button", { type: "button", "aria-label": "Close", title: "Close (Esc)", onclick: () => handle.close() }, icon("close"));
  const body = h("div.dialog-body");
  fill(body, typeof content === "function" ? content(handle) : content);
  element.append(h("header.dialog-head", heading, shut), body);
  element.addEventListener("click", (event) => { if (event.target === element) handle.close(); });
  element.addEventListener("close", () => {
    element.remove();
    before?.focus?.();
    finish(handle.value);
  });
  document.body.append(element);
  element.showModal();
  element.querySelector("[autofocus]")?.focus();
  return handle;
}

/** Asks before something that cannot be undone; a promise of yes or no. */
export async function confirm(title, sentence, yes = "Delete") {
  const handle = dialog(title, (own) => [
    h("p", sentence),
    h("div.buttons", h("button", { type: "button", onclick: () => own.close(false), autofocus: true }, "Cancel"), h("button.danger", { type: "button", onclick: () => own.close(true) }, yes)),
  ]);
  return (await handle.closed) === true;
}

let shown = null;
/** A short note at the foot of the page, gone after some seconds. */
export function toast(message, { kind = "", action = null } = {}) {
  shown?.remove();
  const note = h("div.toast", { class: kind, role: kind === "bad" ? "alert" : "status" }, h("span", message));
  if (action) note.append(h("button.link", { type: "button", onclick: () => { note.remove(); action.run(); } }, action.label));
  shown = note;
  document.body.append(note);
  setTimeout(() => note.remove(), action ? 10_000 : 4000);
}
