// Runs before the first paint: theme, density and the embedded view, so that nothing flashes or moves.
"use strict";
(() => {
  const root = document.documentElement;
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
