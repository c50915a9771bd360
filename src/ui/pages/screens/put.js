/** From the Graph page: what it shows, as a panel of a screen. */
import { fill, h } from "../../lib/dom.js";
import { range } from "../../lib/fragment.js";
import { dialog, toast } from "../../lib/layer.js";
import { choice, textField } from "./fields.js";
import { panelOf, screenOf } from "./model.js";
import * as store from "./store.js";

/** How often a screen that others change at the same time is read again. */
const ATTEMPTS = 3;

/** A panel of a graph (`readGraph` of `lib/fragment.js`): its queries, axes, legend and comparison. */
export function panelOfGraph(graph, title) {
  const axis = (name) => {
    const limits = graph[`${name}range`] ? range(graph[`${name}range`]) : null;
    return { label: graph[`${name}label`] ?? "", min: limits?.min ?? null, max: limits?.max ?? null, log: Boolean(graph[`${name}log`]) };
  };
  const kind = ["area", "stacked", "points"].find((one) => (graph.x.type ?? graph.style ?? "").includes(one)) ?? "line";
  const queries = graph.queries.filter(({ kind: one, text }) => one === "m" && text !== "").slice(0, 20).map(({ text, right }) => ({ m: text, axis: right ? "right" : "left" }));
  return panelOf({ title: title.slice(0, 200), kind, queries, left: axis("y"), right: axis("y2"), legend: !graph.nokey, compare: graph.x.shift ?? "" });
}

/** Asks which screen, and puts the panel at its end. */
export async function putOnScreen(ctx, panel) {
  let screens = [];
  try {
    screens = await store.list();
  } catch (error) {
    return toast(error.message, { kind: "bad" });
  }
  const draft = { title: panel.title, id: screens[0]?.id ?? "", name: "" };
  const fault = h("p.field-error", { role: "alert" });
  const name = textField("Name of the new screen", draft, "name", () => {}, { maxlength: "120", wide: true });
  const show = () => { name.hidden = draft.id !== ""; };
  const handle = dialog("Put on a screen", (own) => h("form.settings-form", { onsubmit: async (event) => {
    event.preventDefault();
    if (draft.id === "" && draft.name.trim() === "") return fill(fault, "A screen must have a name.");
    try {
      own.close(await put({ ...panel, title: draft.title }, draft));
    } catch (error) {
      fill(fault, error.message);
    }
  } },
  h("div.form-grid", choice("Screen", draft, "id", [...screens.map((one) => [one.id, `${one.folder ? `${one.folder} / ` : ""}${one.name}`]), ["", "A new screen"]], show), textField("Title", draft, "title", () => {}, { wide: true, maxlength: "200" })),
  h("div.form-grid", name), fault,
  h("div.buttons", h("button", { type: "button", onclick: () => own.close() }, "Cancel"), h("button.primary", { type: "submit" }, "Put"))));
  show();
  const done = await handle.closed;
  if (done) toast(`It is on ${done.name} now.`, { action: { label: "Open", run: () => ctx.go("screens", { id: done.id }) } });
}

async function put(panel, { id, name }) {
  if (id === "") return { id: (await store.create(screenOf({ name, panels: [panel] }))).id, name };
  for (let attempt = 1; ; attempt++) {
    const screen = await store.read(id);
    screen.panels.push(panel);
    try {
      await store.replace(screen);
      return { id, name: screen.name };
    } catch (error) {
      // Somebody saved between reading and writing: the panel goes to what they saved.
      if (error.status !== 409 || attempt === ATTEMPTS) throw error;
    }
  }
}
