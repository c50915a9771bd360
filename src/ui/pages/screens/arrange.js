/** Moving panels by drag and drop: a panel's handle is dragged onto another panel, and takes its place. */

/** `move(from, to)` is called with places among the panels of `grid`. */
export function arrange(grid, { move, editing }) {
  let dragged = null;
  const panels = () => [...grid.querySelectorAll(":scope > .panel")];
  const over = (event) => event.target.closest?.(".grid > .panel") ?? null;
  const clear = () => { for (const one of grid.querySelectorAll(".drop-before, .drop-after, .dragged")) one.classList.remove("drop-before", "drop-after", "dragged"); };
  const half = (event, panel) => {
    const at = panel.getBoundingClientRect();
    return event.clientX > at.left + at.width / 2;
  };
  const on = {
    dragstart(event) {
      const panel = event.target.closest?.(".panel-handle") ? over(event) : null;
      if (!panel || !editing()) return;
      dragged = panel;
      panel.classList.add("dragged");
      event.dataTransfer.effectAllowed = "move";
      event.dataTransfer.setData("text/plain", "");
      event.dataTransfer.setDragImage(panel, 20, 12);
    },
    dragover(event) {
      const panel = over(event);
      if (!dragged || !panel) return;
      event.preventDefault();
      event.dataTransfer.dropEffect = "move";
      for (const one of grid.querySelectorAll(".drop-before, .drop-after")) one.classList.remove("drop-before", "drop-after");
      if (panel !== dragged) panel.classList.add(half(event, panel) ? "drop-after" : "drop-before");
    },
    drop(event) {
      const panel = over(event);
      if (!dragged || !panel) return;
      event.preventDefault();
      const all = panels();
      const from = all.indexOf(dragged);
      const at = all.indexOf(panel) + (half(event, panel) ? 1 : 0);
      clear();
      dragged = null;
      move(from, at > from ? at - 1 : at);
    },
    dragend() {
      clear();
      dragged = null;
    },
  };
  for (const [name, listener] of Object.entries(on)) grid.addEventListener(name, listener);

}
