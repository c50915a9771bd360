/** Fields of forms: each shows a member of an object and writes it back when it changes. */
import { h } from "../../lib/dom.js";

let names = 0;
const labelled = (label, input, hint, wide) => {
  input.id ||= `field-${++names}`;
  return h("div.form-field", { class: wide ? "wide" : "" }, h("label", { for: input.id }, label), input, hint ? h("span.hint", hint) : null);
};

/** Text. `changed` is called after each change. */
export function textField(label, object, name, changed, { hint, wide, ...props } = {}) {
  return labelled(label, h("input", { type: "text", value: object[name] ?? "", oninput: (event) => { object[name] = event.target.value; changed(); }, ...props }), hint, wide);
}

/** A number, or nothing. */
export function numberField(label, object, name, changed, { hint, whole = false, ...props } = {}) {
  const input = h("input", { type: "text", inputmode: "decimal", size: "6", value: object[name] ?? "", ...props, oninput: () => {
    const words = input.value.trim().replace(",", ".").replace("−", "-");
    const value = words === "" ? null : Number(words);
    const wrong = value !== null && (!Number.isFinite(value) || (whole && (!Number.isInteger(value) || value < (props.min ?? -Infinity) || value > (props.max ?? Infinity))));
    input.setAttribute("aria-invalid", String(wrong));
    if (wrong) return;
    object[name] = value;
    changed();
  } });
  return labelled(label, input, hint);
}

/** One of several: `[[value, text]…]`. */
export function choice(label, object, name, options, changed, { hint, ...props } = {}) {
  const input = h("select", { onchange: () => {
    const found = options.find(([value]) => String(value) === input.value);
    object[name] = found ? found[0] : input.value;
    changed();
  }, ...props }, options.map(([value, words]) => h("option", { value: String(value) }, words)));
  input.value = String(object[name] ?? "");
  return labelled(label, input, hint);
}

/** A switch. */
export function check(label, object, name, changed, props = {}) {
  return h("label.check", h("input", { type: "checkbox", checked: Boolean(object[name]), onchange: (event) => { object[name] = event.target.checked; changed(); }, ...props }), h("span", label));
}
