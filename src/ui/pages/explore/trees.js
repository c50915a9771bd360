/**
 * Explore, trees: OpenTSDB's trees of series, as `/api/tree` has them.
 *
 * In the address: `tree` (its id) and `branch` (an id in hex).
 */
import { fill, h, text } from "../../lib/dom.js";
import { count, many } from "../../lib/format.js";
import { Latest, Pictures, failure, tree } from "./parts.js";
import { build, interval } from "../../lib/query.js";

/** Leaves that are shown before "more". */
const LEAVES = 60;

export function treesTab(root, ctx) {
  const pick = h("select", { "aria-label": "Tree" });
  const about = h("p.hint");
  const left = h("section.explore-left", { "aria-label": "Branches" });
  const path = h("nav.row.wrap.explore-path", { "aria-label": "Path" });
  const state = h("p.hint", { role: "status" });
  const branches = h("div.row.wrap");
  const leaves = h("ul.explore-list.explore-grid");
  const end = h("div");
  const middle = h("section.explore-middle", { "aria-label": "Branch" }, h("header.explore-head", path, h("span.grow"), state), h("div.explore-results.scroll", branches, leaves, end));
  root.append(h("div.explore-trees", left, middle));

  const pictures = new Pictures(ctx);
  const asking = new Latest();
  const askingTrees = new Latest();
  const trial = trialOf(ctx, () => current());
  const names = tree("Branches", { load: below, choose: ({ key }) => ctx.set({ branch: key }), none: "No branches below." });
  let trees = null;
  let shown = {};
  let now = null;
  let at = "";
  let drawn = LEAVES;

  const params = () => ({ tree: ctx.route.params.get("tree") ?? "", branch: ctx.route.params.get("branch") ?? "" });
  const current = () => trees?.find(({ treeId }) => String(treeId) === params().tree) ?? trees?.[0] ?? null;

  async function below(node) {
    const own = current();
    if (!own) return [];
    try {
      const found = await ctx.api.get("api/tree/branch", node ? { branch: node.key } : { treeid: own.treeId });
      return (found.branches ?? []).map(({ branchId, displayName }) => ({ key: branchId, label: displayName, hint: null, branch: true }));
    } catch (error) {
      if (error.status === 404 && !node) return [];
      throw error;
    }
  }

  async function loadTrees() {
    const before = JSON.stringify(trees);
    try {
      trees = await askingTrees.run((signal) => ctx.api.get("api/tree", {}, { signal })) ?? trees;
    } catch (error) {
      if (trees?.length) return fill(end, failure(error, loadTrees)); // what is there stays
      const missing = error.status === 404;
      fill(left, missing ? h("p.hint", "Trees are not served here.") : failure(error, loadTrees));
      fill(end, h("div.state", h("p.quiet", ctx.writable ? error.message : "A TSD that only reads does not serve trees.")));
      return;
    }
    if (!trees) return;
    if (trees.length === 0) {
      left.hidden = true;
      fill(end, h("div.state", h("h2", "No trees yet"), h("p", "A tree sorts series into branches by rules. Make one by /api/tree or bring one along from OpenTSDB."),
        h("pre.example", { tabindex: "0" }, `curl -d '{"name":"by host"}' ${location.protocol}//${location.host}/api/tree`)));
      return;
    }
    if (JSON.stringify(trees) !== before) {
      left.hidden = false;
      fill(pick, trees.map(({ treeId, name }) => h("option", { value: String(treeId) }, name || `Tree ${treeId}`)));
      fill(left, pick, about, h("div.explore-tree.scroll", names.element), trial.element);
    }
    update();
  }
  pick.addEventListener("change", () => ctx.set({ tree: pick.value, branch: null }));

  async function loadBranch() {
    const own = current();
    const { branch } = params();
    try {
      const found = await asking.run((signal) => ctx.api.get("api/tree/branch", branch ? { branch } : { treeid: own.treeId }, { signal }));
      if (!found) return;
      const before = JSON.stringify(now);
      now = found;
      if (JSON.stringify(found) === before) return drawEnd();
      if (now.branchId !== at) drawn = LEAVES;
      at = now.branchId;
      draw();
    } catch (error) {
      // A branch that could not be asked for again stays.
      if (now && (!branch || now.branchId === branch) && error.status !== 404) return fill(end, failure(error, loadBranch));
      now = null;
      pictures.clear(leaves);
      leaves.replaceChildren();
      branches.replaceChildren();
      path.replaceChildren();
      text(state, "");
      fill(end, error.status !== 404 ? failure(error, loadBranch)
        : branch ? h("div.state", h("h2", "This branch is not here"), h("p.quiet", "It was deleted or built anew, or the link is wrong."), h("button", { type: "button", onclick: () => ctx.set({ branch: null }) }, "To the top of the tree"))
          : h("div.state", h("h2", "This tree is empty"), h("p.quiet", "No series was sorted into it yet. `tsdb uid treesync` sorts those that are there.")));
    }
  }

  function draw() {
    // The path tells names; ids of branches are as long as their depth: the tree's two bytes, then four for each.
    const steps = Object.entries(now.path ?? {}).sort(([a], [b]) => Number(a) - Number(b)).map(([, name]) => name);
    const idOf = (depth) => now.branchId.slice(0, 4 + 8 * depth);
    fill(path, steps.map((name, depth) => [depth ? h("span.quiet", { "aria-hidden": "true" }, "›") : null, depth < steps.length - 1
      ? h("button.link.name", { type: "button", onclick: () => ctx.set({ branch: depth ? idOf(depth) : null }) }, name)
      : h("h2.name", name)]));
    const down = now.branches ?? [];
    const all = now.leaves ?? [];
    text(state, [down.length ? many(down.length, "branch", "branches") : "", all.length || !down.length ? many(all.length, "series", "series") : ""].filter(Boolean).join(", "));
    fill(branches, down.map(({ branchId, displayName }) => h("button.chip", { type: "button", onclick: () => ctx.set({ branch: branchId }) }, h("span.cut.name", displayName))));
    pictures.clear(leaves);
    fill(leaves, all.slice(0, drawn).map(({ displayName, metric, tags, tsuid }) => {
      const whole = `${metric}{${Object.entries(tags ?? {}).map(([key, value]) => `${key}=${value}`).join(", ")}}`;
      return h("li.card.explore-card",
        h("div.explore-card-head", h("a.explore-name.name", { href: ctx.href("graph", { params: { tsuid: `sum:${tsuid}`, start: ctx.time.start, ...(ctx.time.end ? { end: ctx.time.end } : {}) } }), title: whole }, displayName)),
        h("p.quiet.cut.name", { title: whole }, whole),
        pictures.make({ name: whole, kind: "tsuid", texts: (span) => [build({ agg: "sum", downsample: { interval: interval(span, 120), func: "avg" }, tsuids: [tsuid] })] }));
    }));
    drawEnd();
  }
  function drawEnd() {
    const [down, all] = [now.branches ?? [], now.leaves ?? []];
    fill(end, all.length > drawn ? h("button", { type: "button", onclick: () => { drawn += LEAVES; draw(); } }, `Show ${count(Math.min(LEAVES, all.length - drawn))} more of ${count(all.length - drawn)}`)
      : down.length + all.length === 0 ? h("div.state", h("p.quiet", "Nothing in this branch.")) : null);
  }

  function update() {
    if (!trees || trees.length === 0) return;
    const own = current();
    const { branch } = params();
    pick.value = String(own.treeId);
    const wanted = params().tree;
    text(about, wanted && String(own.treeId) !== wanted ? `There is no tree ${wanted}.` : own.description || "");
    about.hidden = about.textContent === "";
    const range = `${ctx.time.start} ${ctx.time.end} ${ctx.time.zone}`;
    if (own.treeId !== shown.tree) names.reload();
    if (own.treeId !== shown.tree || branch !== shown.branch) loadBranch();
    else if (shown.range !== range && now) draw();
    names.select(branch);
    shown = { tree: own.treeId, branch, range };
  }

  loadTrees();
  return {
    update,
    async refresh() {
      pictures.refresh();
      const before = shown.tree;
      await loadTrees();
      // Another tree is asked for by that already.
      if (trees?.length && shown.tree === before) await Promise.all([names.renew(), loadBranch()]);
    },
    close() {
      trial.close();
      asking.stop();
      askingTrees.stop();
      pictures.close();
    },
  };
}

/** Where the rules would put a series, and why: `{ element, close() }`. */
function trialOf(ctx, current) {
  const asking = new Latest();
  const input = h("input.mono.grow", { type: "text", "aria-label": "TSUID of a series", placeholder: "TSUID", autocomplete: "off", spellcheck: "false", required: true });
  const told = h("div", { role: "status" });
  async function run(event) {
    event.preventDefault();
    const tsuid = input.value.trim().toUpperCase();
    const own = current();
    if (!tsuid || !own) return input.focus();
    try {
      const answer = await asking.run((signal) => ctx.api.get("api/tree/test", { treeid: own.treeId, tsuids: tsuid }, { signal }));
      const found = answer?.[tsuid] ?? Object.values(answer ?? {})[0];
      if (!found) return;
      // Branch in branch, down to the leaf.
      const steps = [];
      let leaf;
      for (let at = found.branch; at; at = at.branches?.[0]) {
        steps.push(at.displayName);
        leaf = at.leaves?.[0]?.displayName ?? leaf;
      }
      fill(told, h("p.name", found.meta ? `${found.meta.metric.name} {${pairs(found.meta.tags)}}` : null),
        leaf ? h("p.name.good", [...steps, leaf].join(" › ")) : h("p.warn", "It would not be put anywhere."),
        h("ol.explore-trial", (found.messages ?? []).map((line) => h("li.name", line))));
    } catch (error) {
      fill(told, h("p.bad", error.message));
    }
  }
  return {
    element: h("details.explore-by-tags", h("summary", "Try a series"), h("form.row", { onsubmit: run }, input, h("button", { type: "submit" }, "Try")), told),
    close: () => asking.stop(),
  };
}

/** Names and values, which stand in a list by turns, as `host=web01, dc=lga`. */
const pairs = (tags) => tags.flatMap(({ name }, at) => (at % 2 ? [] : [`${name}=${tags[at + 1]?.name ?? ""}`])).join(", ");
