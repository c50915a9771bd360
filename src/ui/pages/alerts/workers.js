/** The workers: who judges, how far they are, what they cannot do. */
import { fill, h } from "../../lib/dom.js";
import { count, many } from "../../lib/format.js";
import { SECOND, span } from "../../lib/time.js";
import { aged, tableOf } from "./parts.js";

export function workersTab(panel, ctx, tools) {
  const box = h("div");
  panel.append(box);
  return {
    title: () => "Workers · Alerts",
    async load() {
      const { now, workers } = await ctx.api.get("api/alerts/workers", {}, { signal: tools.signal });
      const troubles = workers.flatMap(({ worker, status }) => [...(status?.faults ?? []), ...Object.entries(status?.troubles ?? {}).map(([rule, why]) => `${rule}: ${why}`)].map((what) => [worker, what]));
      tools.say(troubles.length || !workers.length ? "warn" : "good", workers.length ? `${many(workers.length, "worker")}${troubles.length ? `, ${many(troubles.length, "trouble")}` : ""}` : "No worker: start one with “tsdb tsd --worker”, or “tsdb worker” beside HBase.");
      fill(box, workers.length ? tableOf("Workers", ["Worker", "Seen", "Up for", "Rules", "Checked", "Groups", "Open", "Waiting", "Round took", "Rounds", "Late"], workers.map(({ worker, lease, status }) => h("tr",
        h("td.name", worker), h("td", aged(lease.at, ctx.time.zone)), h("td.nowrap", span((now - lease.started) * SECOND)), h("td.number", count(lease.rule_count)), h("td.number", count(status?.checked)), h("td.number", count(status?.groups)),
        h("td.number", count(status?.open)), h("td.number", count(status?.waiting)), h("td.number", status ? `${span(status.took_ms)} of ${span(lease.round_ms)}` : "–"), h("td.number", count(lease.rounds)), h("td.number", count(lease.late))))) : h("div.state", h("p.quiet", "Rules are judged and series are watched by workers. None runs.")),
      troubles.length ? h("section.card", h("h2", "What they cannot do"), h("ul", troubles.map(([worker, what]) => h("li.name", h("span.quiet", `${worker}: `), what)))) : null);
    },
  };
}
