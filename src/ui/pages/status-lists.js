/**
 * The lists of Status: running queries with a stop, the log with its filters, the settings. Each makes a tab:
 * `make(panel, ctx, { signal })` returns `{ tick(), route?(route), update?(status), close?() }`; `tick` loads.
 */
import { fill, h, icon, set, text } from "../lib/dom.js";
import { bytes, count, many } from "../lib/format.js";
import { toast } from "../lib/layer.js";
import { format, span } from "../lib/time.js";

/** Lines of the log that are asked for. */
const LINES = 500;

const LEVELS = [["", "All levels"], ["error", "Errors"], ["warn", "Warnings and worse"], ["info", "Informations and worse"], ["debug", "Debug and worse"]];

function problem(place, error) {
  if (error.kind === "aborted") return;
  fill(place, h("p.banner.bad", icon("warn"), h("span", error.message)));
}

const head = (...names) => h("thead", h("tr", names.map((name) => h("th", { scope: "col", class: name.startsWith("#") ? "number" : "" }, name.replace("#", "")))));

// ------------------------------------------------------------------ queries

export function queriesTab(panel, ctx, { signal }) {
  const trouble = h("div");
  const body = h("tbody");
  const running = h("h2", "Running now");
  const none = h("p.quiet", "No query runs right now.");
  const ended = h("tbody");
  const endedBox = h("section.status-list", h("h2", "Ended lately"), h("div.scroll", { tabindex: "0", role: "region", "aria-label": "Ended queries" },
    h("table", head("Ended", "#Took", "Answer", "#Times", "Query"), ended)));
  const runningBox = h("div.scroll", { tabindex: "0", role: "region", "aria-label": "Running queries", hidden: true },
    h("table", head("Since", "From", "#Rows", "#Points", "#Bytes", "Query", "Action"), body));
  panel.append(trouble, h("section.status-list", running, none, runningBox), endedBox);
  const rows = new Map(); // id -> { row, cells }

  function draw({ queries, may_stop: mayStop }) {
    text(running, queries.length ? `Running now: ${count(queries.length)}` : "Running now");
    none.hidden = queries.length > 0;
    runningBox.hidden = queries.length === 0;
    for (const [id, { row }] of rows) if (!queries.some((query) => query.id === id)) { row.remove(); rows.delete(id); }
    for (const query of queries) {
      let known = rows.get(query.id);
      if (!known) {
        known = line(query, mayStop);
        rows.set(query.id, known);
        body.append(known.row);
      }
      known.draw(query);
    }
  }

  function line({ id, user, query }, mayStop) {
    const as = (unit) => h("td.number", { data: { as: unit } });
    const [since, read, points, size] = [h("td.nowrap"), as("rows"), as("points"), h("td.number")];
    const button = h("button.danger", { type: "button", onclick: () => stop(id, button), disabled: !mayStop, title: mayStop ? "Stop this query" : "Queries are stopped from the TSD's own machine, or with tsd.http.query.allow_stop" }, "Stop");
    set(button, { "aria-label": `Stop the query of ${user}` });
    const row = h("tr", since, h("td.name.nowrap", user), read, points, size, h("td.status-query", h("code.name.cut", { title: query }, query)), h("td", button));
    return {
      row,
      draw(now) {
        text(since, span(now.since_ms));
        text(read, count(now.rows));
        text(points, count(now.cells));
        text(size, bytes(now.bytes));
        if (now.stopping) {
          button.disabled = true;
          text(button, "Stopping");
        }
      },
    };
  }

  async function stop(id, button) {
    button.disabled = true;
    text(button, "Stopping");
    try {
      await ctx.api.post(`api/ui/queries/stop?id=${id}`, undefined, { signal });
      ctx.status("The query is stopped.");
    } catch (error) {
      if (error.kind === "aborted") return;
      if (error.status === 404) {
        ctx.status("It had ended already.");
        return;
      }
      button.disabled = false;
      text(button, "Stop");
      toast([error.message, error.details].filter(Boolean).join(". "), { kind: "bad" });
    }
  }

  let lastEnded = "";
  function drawEnded(list) {
    endedBox.hidden = list.length === 0;
    const key = list.map((one) => `${one.end} ${one.times}`).join();
    if (key === lastEnded) return;
    lastEnded = key;
    fill(ended, list.map((one) => {
      const query = words(one.query, ctx.time.zone);
      const fine = one.status === 200;
      return h("tr", h("td.nowrap", format(one.end, ctx.time.zone)), h("td.number", span(one.end - one.start)),
        h("td.nowrap", { class: fine ? "good" : "bad", title: fine ? null : one.exception }, fine ? "answered" : `${one.status} ${one.exception}`.slice(0, 60)),
        h("td.number", { data: { as: one.times === 1 ? "time" : "times" } }, count(one.times)),
        h("td.status-query", h("code.name.cut", { title: query }, query)));
    }));
  }

  return {
    async tick() {
      try {
        const now = await ctx.api.get("api/ui/queries", {}, { signal });
        trouble.replaceChildren();
        draw(now);
        drawEnded(now.ended);
      } catch (error) {
        problem(trouble, error);
      }
    },
  };
}

/** A query in one line: its range, then each part as `agg:downsample:metric{tags}`. */
function words(query, zone) {
  if (typeof query !== "object" || query === null) return String(query);
  if (query.tooLongToKeep) return `A question of ${bytes(query.tooLongToKeep)}, too long to be kept`;
  const part = (sub) => {
    const filters = (sub.filters ?? []).map((one) => `${one.tagk}=${one.type}(${one.filter})`).join(",");
    return [sub.aggregator, sub.downsample, sub.rate ? "rate" : null, `${sub.metric ?? (sub.tsuids ?? []).join(",")}${filters ? `{${filters}}` : ""}`].filter(Boolean).join(":");
  };
  const time = (given) => (/^\d{9,13}$/.test(given) ? format(Number(given) * (String(given).length > 10 ? 1 : 1000), zone) : given ?? "");
  return `${time(query.start)}${query.end ? ` to ${time(query.end)}` : ""}  ${(query.queries ?? []).map(part).join("  ")}`;
}

// ------------------------------------------------------------------ log

export function logTab(panel, ctx, { signal }) {
  const level = h("select", { "aria-label": "Level", onchange: () => ctx.set({ level: level.value || null }) }, LEVELS.map(([value, label]) => h("option", { value }, label)));
  const filter = h("input.grow", { type: "search", placeholder: "Words in the lines", "aria-label": "Words in the lines" });
  const found = h("span.quiet", { role: "status" });
  const trouble = h("div");
  const body = h("tbody");
  let typing = 0;
  filter.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => ctx.set({ q: filter.value.trim() || null }, { push: false }), 200);
  });
  panel.append(h("div.row.wrap.status-filter", level, filter, found), trouble, h("div.scroll.status-log", { tabindex: "0", role: "region", "aria-label": "Lines of the log" },
    h("table", head("Time", "Level", "Where", "What"), body)));
  let asked = {};
  let before = "";

  const draw = ({ lines, kept }) => {
    text(found, `${many(lines.length, "line")} of the last ${count(kept)}`);
    const key = JSON.stringify([lines.length, lines[0], lines.at(-1), asked]);
    if (key === before) return;
    before = key;
    if (lines.length === 0) {
      fill(body, h("tr", h("td.quiet", { colspan: "4" }, kept === 0 ? "The log is empty." : "No line has this. Words are looked for in the whole line.")));
      return;
    }
    fill(body, lines.map((one) => h("tr", { class: `level-${/^[A-Z]+$/.test(one.level) ? one.level.toLowerCase() : "other"}` },
      h("td.nowrap.mono", one.time === null ? "" : format(one.time * 1000, ctx.time.zone)), h("td.level", one.level), h("td.quiet.nowrap", one.target), h("td.name.status-message", one.message))));
  };

  async function load() {
    try {
      const answer = await ctx.api.get("api/ui/logs", { ...asked, max: LINES }, { signal });
      trouble.replaceChildren();
      draw(answer);
    } catch (error) {
      problem(trouble, error);
    }
  }

  return {
    route({ params }) {
      const next = { level: params.get("level") ?? "", q: params.get("q") ?? "" };
      const changed = next.level !== asked.level || next.q !== asked.q;
      asked = next;
      level.value = next.level;
      if (document.activeElement !== filter) filter.value = next.q;
      if (changed) load();
    },
    tick: load,
    close: () => clearTimeout(typing),
  };
}

// ------------------------------------------------------------------ settings

export function settingsTab(panel, ctx, { signal }) {
  const filter = h("input.grow", { type: "search", placeholder: "Words in names, values and help", "aria-label": "Words in names, values and help" });
  const only = h("input", { type: "checkbox" });
  const found = h("span.quiet", { role: "status" });
  const origin = h("p.hint.name");
  const trouble = h("div");
  const body = h("tbody");
  panel.append(h("div.row.wrap.status-filter", filter, h("label.check", only, "Only what was set"), found), origin, trouble,
    h("div.scroll.status-log", { tabindex: "0", role: "region", "aria-label": "Settings" }, h("table", head("Setting", "Value", "Default", "Set in", "What it does"), body)));
  let all = null;

  function draw() {
    if (!all) return;
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const shown = all.settings.filter((one) => (!only.checked || one.place !== null)
      && words.every((word) => `${one.key} ${one.value} ${one.help ?? ""} ${one.place ?? ""}`.toLowerCase().includes(word)));
    text(origin, all.origin);
    text(found, `${many(shown.length, "setting")} of ${count(all.settings.length)}`);
    if (shown.length === 0) {
      fill(body, h("tr", h("td.quiet", { colspan: "5" }, only.checked ? "Nothing was set: all are defaults." : "No setting has this.")));
      return;
    }
    fill(body, shown.map((one) => {
      const state = { ignored: "has no effect here", foreign: "means nothing here" }[one.state];
      return h("tr", { class: one.place ? "set" : "" }, h("td.nowrap", h("code", one.key)), h("td.name.status-value", one.value === "" ? h("span.quiet", "empty") : one.value),
        h("td.quiet.name.status-value", one.default === "" ? "empty" : one.default ?? "–"), h("td.nowrap", one.place ?? h("span.quiet", "default")),
        h("td.status-message", one.help ?? "", state ? h("span.warn", ` It ${state}${one.note ? `: ${one.note}` : ""}.`) : null));
    }));
  }
  filter.addEventListener("input", draw);
  only.addEventListener("change", draw);

  return {
    async tick() {
      if (all) return; // settings do not change while a TSD runs
      try {
        all = await ctx.api.get("api/ui/config", {}, { signal });
        trouble.replaceChildren();
        draw();
      } catch (error) {
        problem(trouble, error);
      }
    },
  };
}
