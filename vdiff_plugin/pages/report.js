// Ties the viewer and the plots of a report together.
"use strict";

(() => {
  const read = (name) => JSON.parse(document.getElementById(name).textContent);
  const shown = read("viewer-data");
  const viewer = document.querySelector("vdiff-viewer");
  const frames = shown.frames ?? [];
  const plots = vdiffPlots(document.getElementById("plots"), read("plots-data"), {
    marks: frames.map((frame) => frame.n),
    onpick(n) {
      const gaps = frames.map((frame) => Math.abs(frame.n - n));
      viewer.index = gaps.indexOf(Math.min(...gaps));
    },
  });
  viewer.addEventListener("vdiff-frame", (event) => plots.show(event.detail.frame.n));
  for (const name of ["names", "mapNames", "left", "right", "frames", "index"]) {
    if (name in shown) viewer[name] = shown[name];
  }
})();
