// Runs before the first paint: theme, density and the embedded view, so that nothing flashes or moves. Asks for the files of the page
// that the address names at once, while those of the frame are still on their way.
"use strict";
(() => {
  const root = document.documentElement;
  const page = /^#\/([a-z]+)/.exec(location.hash)?.[1] ?? "graph";
  const graph = ["css/graph.css", "lib/palette.js", "lib/align.js", "pages/graph/model.js", "pages/graph/rows.js"];
  // What draws comes with a link that has something to draw; else while the first metric is being typed.
  const picture = ["pages/graph/picture.js", "pages/graph/panel.js", "lib/chart.js", "lib/chart/draw.js", "lib/data.js", "vendor/uplot/uPlot.esm.js"];
  const draws = /[#&](m|tsuid)=/.test(location.hash);
  const known = (root.dataset.pages ?? "").split(" ");
  for (const file of known.includes(page) ? [`pages/${page}.js`, ...(page === "graph" ? [...graph, ...(draws ? picture : [])] : [])] : []) {
    const link = document.createElement("link");
    const style = file.endsWith(".css");
    link.rel = style ? "preload" : "modulepreload";
    if (style) link.as = "style";
    link.href = new URL(file, document.currentScript.src).href;
    document.head.append(link);
  }
  // Behind that: the browser may take a while to open its storage.
  const stored = (name) => {
    try { return localStorage.getItem("tsdb." + name); } catch { return null; }
  };
  const word = (name, allowed) => {
    try { const value = JSON.parse(stored(name) ?? "null"); return allowed.includes(value) ? value : null; } catch { return null; }
  };
  const theme = word("theme", ["light", "dark"]);
  if (theme) root.dataset.theme = theme;
  root.dataset.density = word("density", ["compact", "roomy"]) ?? "compact";
  if (/(^|[#&?])x\.embed(&|=|$)/.test(location.hash)) root.dataset.embed = "";
})();
