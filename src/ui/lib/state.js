/** The line beside a page's title that says how things are, in a colour and in words. */
import { fill, h } from "./dom.js";

/** `{ element, say(kind, sentence) }`; `kind` is `good`, `warn`, `bad` or nothing. What was said already is not said again. */
export function stateLine() {
  const element = h("p.worker-state.row", { role: "status" });
  return {
    element,
    say(kind, sentence) {
      element.className = `worker-state row ${kind}`;
      if (element.dataset.said === sentence) return;
      element.dataset.said = sentence;
      fill(element, sentence ? h("span.dot", { "aria-hidden": "true" }) : null, h("span", sentence));
    },
  };
}
