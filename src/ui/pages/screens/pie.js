/**
 * Shares of a whole: a ring with the sum in its middle, and beside it each part as name, number and share. The list says
 * everything; the ring shows it. Loaded with the first panel that shows one.
 */
import { fill, h } from "../../lib/dom.js";
import { many, value as exact } from "../../lib/format.js";
import { GROUND, LINES, looks as looksOf } from "../../lib/palette.js";
import { printer, word } from "./kinds.js";
import { BY, levelOf, reduce } from "./model.js";

const SVG = "http://www.w3.org/2000/svg";
/** Radii of the ring, in hundredths of half its box. */
const [OUTER, INNER] = [98, 58];
/** Colours that come again are told apart by how strong they are: plain, long dashes, short dashes. */
const STRENGTHS = [1, 0.6, 0.35];

/**
 * Parts of a whole out of rows `{ value }`: `{ parts, rest, total, below }`. `parts` are the `limit` largest, each with its
 * `share`, the largest first; `rest` sums up the others (`{ value, share, count }` or null). Values below zero are no parts
 * of a whole: `below` counts them.
 */
export function shares(rows, limit) {
  const sorted = rows.filter(({ value }) => value >= 0).sort((a, b) => b.value - a.value);
  const total = sorted.reduce((sum, { value }) => sum + value, 0);
  const share = (value) => (total > 0 ? value / total : 0);
  const parts = sorted.slice(0, limit).map((row) => ({ ...row, share: share(row.value) }));
  const others = sorted.slice(limit);
  const sum = others.reduce((all, { value }) => all + value, 0);
  return { parts, rest: others.length ? { value: sum, share: share(sum), count: others.length } : null, total, below: rows.length - sorted.length };
}

/** A share for people: one digit behind the point, and never 0 or 100 where it is not all of it. */
export function percent(share) {
  if (share > 0 && share < 0.001) return "<0.1 %";
  if (share < 1 && share > 0.999) return ">99.9 %";
  return `${(100 * share).toFixed(1).replace(/\.0$/, "")} %`;
}

/** A part of the ring between two shares of the circle, from the top with the clock. */
export function arc(from, to) {
  const point = (share, radius) => `${(100 + radius * Math.sin(2 * Math.PI * share)).toFixed(2)} ${(100 - radius * Math.cos(2 * Math.PI * share)).toFixed(2)}`;
  // A whole circle has its end where it begins: it is drawn as two halves.
  if (to - from > 0.9999) return `${arc(0, 0.5)}${arc(0.5, 1)}`;
  const large = to - from > 0.5 ? 1 : 0;
  return `M${point(from, OUTER)}A${OUTER} ${OUTER} 0 ${large} 1 ${point(to, OUTER)}L${point(to, INNER)}A${INNER} ${INNER} 0 ${large} 0 ${point(from, INNER)}Z`;
}

export function pie(box, { series, names, panel, looks, theme }) {
  const rows = series.map((one, at) => ({ name: names[at], value: reduce(one.values, panel.by), look: looks[at] })).filter(({ value }) => value !== null);
  const { parts, rest, total, below } = shares(rows, panel.limit);
  // Of very many series only some have a colour of their own: then the parts that are shown share the colours.
  if (parts.some(({ look }) => look.faint)) {
    const own = looksOf(parts.map(({ name }, at) => `${at} ${name}`));
    parts.forEach((part, at) => { part.look = own[at]; });
  }
  const print = printer(panel);
  const all = [...parts.map((part) => ({ ...part, color: part.look.faint ? GROUND[theme].faint : LINES[theme][part.look.color], strength: STRENGTHS[part.look.dash ? (part.look.dash[0] > 2 ? 1 : 2) : 0], title: `${part.name}: ${exact(part.value)}` })),
    ...(rest ? [{ ...rest, name: `${rest.count} more`, color: GROUND[theme].quiet, strength: 0.5, title: `${rest.count} more: ${exact(rest.value)}`, rest: true }] : [])];
  const none = all.length ? "All parts are zero: there are no shares." : "Nothing is above zero: there are no shares.";
  const describe = total > 0
    ? `Shares of ${print(total)} by ${BY[panel.by]}: ${all.slice(0, 5).map((part) => `${part.name} ${percent(part.share)}`).join(", ")}${all.length > 5 ? " …" : ""}.`
    : none;
  const slices = total > 0 ? drawn(all, theme) : [];
  const list = h("ol.pie-list", all.map((part, at) => {
    const light = (on) => slices.forEach((slice, n) => slice.classList.toggle("faded", on && n !== at));
    return h("li", { title: part.title, onpointerenter: () => light(true), onpointerleave: () => light(false) },
      h("span.series-color", { style: { "--series": part.color, opacity: String(part.strength) }, "aria-hidden": "true" }), h("span.name.cut.grow", { class: part.rest ? "quiet" : "" }, part.name),
      part.rest ? null : word(levelOf(part.value, panel.thresholds)), h("span.pie-value", print(part.value)), h("b.pie-share", total > 0 ? percent(part.share) : "–"));
  }));
  const notes = [total > 0 ? null : none, below ? `${many(below, "series", "series")} below zero: no part of a whole, left out.` : null].filter(Boolean);
  fill(box, h("div.pie.fill", slices.length ? ring(slices, describe, print(total)) : null,
    h("div.scroll.pie-side", { tabindex: "0", role: "group", "aria-label": `Shares by ${BY[panel.by]}` }, list, notes.map((note) => h("p.hint.more-rows", note)))));
  return { destroy() {}, describe };
}

/** The parts that can be seen, as paths in the order of the list. */
function drawn(parts, theme) {
  let from = 0;
  return parts.map(({ share, color, strength, title }) => {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", share > 0 ? arc(from, Math.min(1, from + share)) : "");
    path.setAttribute("fill", color);
    path.setAttribute("fill-opacity", String(strength));
    path.setAttribute("stroke", GROUND[theme].ground);
    const name = document.createElementNS(SVG, "title");
    name.textContent = `${title} (${percent(share)})`;
    path.append(name);
    from += share;
    return path;
  });
}

function ring(slices, label, sum) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 200 200");
  svg.setAttribute("class", "pie-ring");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", label);
  const middle = document.createElementNS(SVG, "text");
  for (const [name, value] of [["x", "100"], ["y", "100"], ["text-anchor", "middle"], ["dominant-baseline", "central"]]) middle.setAttribute(name, value);
  // It stays within the ring, whatever the unit is.
  middle.style.fontSize = `${Math.min(28, 150 / Math.max(4, sum.length))}px`;
  middle.textContent = sum;
  svg.append(...slices, middle);
  return svg;
}
