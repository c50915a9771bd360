// What the home page loads: it keeps the frame of OpenTSDB's page, so that OpenTSDB's own files work in a static root.
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  for (const image of document.images) image.remove();
  document.title = "tsdb";
  const main = document.getElementById("queryuimain");
  const title = document.createElement("h1");
  title.textContent = "tsdb";
  const about = document.createElement("p");
  about.textContent = "A time series database that speaks the protocols of OpenTSDB 2.4.";
  const list = document.createElement("ul");
  for (const path of ["/api/version", "/api/stats", "/api/aggregators", "/api/suggest?type=metrics", "/logs", "/metrics"]) {
    const link = document.createElement("a");
    link.href = link.textContent = path;
    const item = document.createElement("li");
    item.append(link);
    list.append(item);
  }
  main.append(title, about, list);
});
