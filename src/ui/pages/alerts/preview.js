/** A rule's message as each channel would send it: of what a test found, or of an example. Nothing is sent. */
import { fill, h } from "../../lib/dom.js";
import { SECOND, format } from "../../lib/time.js";
import { faultsOf } from "./parts.js";

/** What an example tells of. */
const EXAMPLES = [["a critical alert", "alert", "critical"], ["a warning", "alert", "warning"], ["its end", "recovery", "critical"], ["that nobody took it", "escalation", "critical"], ["a group that is gone", "unknown", "unknown"]];

const place = ({ field, line, column, message }) => h("li", h("b.name", [field, line && `line ${line}`, column && `column ${column}`].filter(Boolean).join(", "), ": "), message);

function channel({ name, type, parts, error }) {
  return h("section", h("h3.name", `${name} (${type})`),
    error ? h("p.bad", "It would send nothing:") : null, error ? h("ul.bad", place(error)) : null,
    !error && !parts.length ? h("p.hint", "A data point, without words.") : null,
    parts.map((part) => part.name === "html" ? h("details", h("summary", "html"), h("pre.message-part", { tabindex: "0", "aria-label": `html of ${name}` }, part.text)) : [h("div.quiet", part.name), h("pre.message-part", { tabindex: "0", "aria-label": `${part.name} of ${name}` }, part.text)]));
}

/** `{ element, show(what, line) }`: `what` names a rule or holds a text, as for a test; `line` is one of a test's. */
export function previews(ctx, signal) {
  const kinds = h("select", { "aria-label": "Example", onchange: () => ask() }, EXAMPLES.map(([label], at) => h("option", { value: String(at) }, label)));
  const head = h("h2", "Message");
  const about = h("p.hint");
  const body = h("div.message-parts");
  const choice = h("label.row", h("span.quiet", "An example of"), kinds);
  const element = h("section.card", { hidden: true, "aria-label": "Messages" }, h("div.row.wrap", head, h("span.grow"), choice), about, body);
  let shown = null;
  let newest = null;

  async function ask() {
    const mine = (newest = {});
    const { what, line } = shown;
    const [, kind, level] = EXAMPLES[Number(kinds.value)];
    try {
      const answer = await ctx.api.post("api/alerts/preview", { ...what, sample: line ?? { kind, level } }, { signal });
      if (mine !== newest) return;
      head.textContent = `Message of ${answer.rule}`;
      fill(body, answer.errors.length ? h("div.bad", { role: "alert" }, "Templates fail; what stands in for them is below:", h("ul", answer.errors.map(place))) : null,
        answer.channels.length ? answer.channels.map(channel) : [h("p.warn", "The rule names no channel for this: nobody would be told. It would say:"), h("pre.message-part", { tabindex: "0", "aria-label": "Message" }, `${answer.notice.title}\n\n${[answer.notice.note, answer.notice.text].filter(Boolean).join("\n\n")}`)],
        answer.cut ? h("p.hint", "There are more channels.") : null);
    } catch (error) {
      if (error.kind === "aborted" || mine !== newest) return;
      fill(body, h("p.bad", error.message), faultsOf(error));
    }
  }

  return {
    element,
    show(what, line = null) {
      shown = { what, line };
      element.hidden = false;
      choice.hidden = Boolean(line);
      about.textContent = line ? `As it would have been sent at ${format(line.at * SECOND, ctx.time.zone)}. Nothing is sent.` : "Nothing of this happened, and nothing is sent.";
      element.scrollIntoView?.({ block: "nearest" });
      return ask();
    },
  };
}
