// What keys do to a <vdiff-viewer>.
"use strict";

const vdiffKeys = (() => {
  const ARROWS = {
    ArrowLeft: [-1, 0],
    ArrowRight: [1, 0],
    ArrowUp: [0, -1],
    ArrowDown: [0, 1],
  };
  const STEPS = { pageup: -1, pagedown: 1, ",": -1, ".": 1 };
  const ENDS = { home: 0, end: 1 };
  const MODES = { s: "split", b: "beside", d: "difference" };

  /** Arrows move the divider; with Alt they move the view. */
  function arrow(event, viewer, onDivider) {
    const [along, across] = ARROWS[event.key];
    if (event.altKey) return () => viewer.pan(0.05 * along, 0.05 * across);
    if (viewer.mode !== "split" || (across && !onDivider)) return null;
    const step = (along || -across) * (event.shiftKey ? 0.1 : 0.01);
    return () => viewer.set("split", Math.round(100 * (viewer.split + step)) / 100);
  }

  function nextMap(viewer) {
    const names = ["", ...Object.keys(viewer.mapNames)];
    viewer.map = names[(names.indexOf(viewer.map) + 1) % names.length];
  }

  function action(event, viewer, onDivider) {
    if (event.key in ARROWS) return arrow(event, viewer, onDivider);
    const key = event.key.toLowerCase();
    if (key in STEPS) return () => viewer.set("index", viewer.index + STEPS[key]);
    if (key in ENDS) return onDivider ? () => viewer.set("split", ENDS[key]) : null;
    if (key in MODES) return () => viewer.set("mode", MODES[key]);
    return {
      "+": () => viewer.zoomBy(1),
      "=": () => viewer.zoomBy(1),
      "-": () => viewer.zoomBy(-1),
      0: () => viewer.set("zoom", 0),
      1: () => viewer.set("zoom", 1),
      m: () => nextMap(viewer),
      f: () => viewer.fillScreen(),
      " ": () => viewer.swap(),
    }[key];
  }

  return (event, viewer, divider) => {
    const own = event.target.matches("select, input") && event.key in ARROWS;
    if (event.ctrlKey || event.metaKey || own) return;
    if (event.target.matches("button, select") && event.key === " ") return;
    const act = action(event, viewer, event.target === divider);
    if (!act) return;
    event.preventDefault();
    act();
  };
})();
