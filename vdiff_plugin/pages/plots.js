// Lines over the frames of a clip, one plot a metric, with one cursor through all of them.
//
//   const plots = vdiffPlots(element, data, { marks: [0, 40], onpick: (n) => {} });
//   plots.show(40);   // the frame that is shown elsewhere
//
// data: { length, step, times, names, metrics: [{ title, unit, digits, meaning, better,
//         lines: [{ mean, low?, high? } | null, ...] }] }; a point stands for `step` frames.
// The first name is the reference. Needs theme.css and the colours of report.css.
"use strict";

const vdiffPlots = (() => {
  const SPACE = "http://www.w3.org/2000/svg";
  const [HEIGHT, TOP, BOTTOM, LEFT, RIGHT] = [170, 12, 24, 56, 14];

  function shape(tag, attributes = {}, ...children) {
    const made = document.createElementNS(SPACE, tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  }

  function element(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  }

  /** Round numbers between two bounds, about `count` of them. */
  function ticks(low, high, count) {
    const rough = (high - low) / count || 1;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= rough);
    const found = [];
    for (let at = Math.ceil(low / step - 1e-9) * step; at <= high + step * 1e-9; at += step)
      found.push(at);
    return { found, digits: Math.max(0, -Math.floor(Math.log10(step) + 1e-9)) };
  }

  function clock(seconds) {
    const whole = Math.floor(seconds / 60);
    return `${whole}:${(seconds - 60 * whole).toFixed(2).padStart(5, "0")}`;
  }

  class Plot {
    constructor(data, metric, shared) {
      Object.assign(this, { data, metric, shared });
      this.svg = shape("svg", { class: "plot", role: "img", "aria-label": this.label() });
      this.readout = element("p", { class: "plot-readout", "aria-live": "polite" });
      const arrow = { higher: "higher is better", lower: "lower is better", "": "" }[metric.better];
      const title = element(
        "h3",
        {},
        metric.title,
        element("small", {}, [metric.unit, arrow].filter(Boolean).join(" · ")),
      );
      const box = element(
        "div",
        {
          class: "plot-box",
          tabindex: "0",
          role: "group",
          "aria-label": `${metric.title}: arrows move the cursor, Enter shows the frame`,
        },
        this.svg,
      );
      this.card = element(
        "article",
        { class: "card plot-card", title: "" },
        element("div", { class: "plot-head" }, title, this.readout),
        box,
      );
      this.card.removeAttribute("title");
      this.listen(box);
      new ResizeObserver(() => this.draw()).observe(box);
    }

    label() {
      const parts = this.metric.lines.map((line, i) => {
        const known = line?.mean.filter((value) => value !== null) ?? [];
        if (!known.length) return "";
        return `${this.data.names[i]} from ${Math.min(...known)} to ${Math.max(...known)}`;
      });
      return `${this.metric.title} over ${this.data.length} frames: ${parts.filter(Boolean).join("; ")}`;
    }

    range() {
      const all = this.metric.lines.flatMap((line) =>
        line ? [...(line.low ?? line.mean), ...(line.high ?? [])] : [],
      );
      const known = all.filter((value) => value !== null);
      if (!known.length) return [0, 1];
      const [low, high] = [Math.min(...known), Math.max(...known)];
      const room = (high - low) * 0.08 || Math.abs(high) * 0.02 || 0.5;
      return [low - room, high + room];
    }

    x(point) {
      const last = Math.max(1, this.data.times.length - 1);
      return LEFT + (this.width - LEFT - RIGHT) * (this.data.times.length > 1 ? point / last : 0.5);
    }

    y(value) {
      const [low, high] = this.bounds;
      return TOP + (HEIGHT - TOP - BOTTOM) * (1 - (value - low) / (high - low));
    }

    draw() {
      this.width = Math.max(200, this.svg.clientWidth);
      this.bounds = this.range();
      this.svg.setAttribute("viewBox", `0 0 ${this.width} ${HEIGHT}`);
      this.cursor = shape("g", { class: "plot-cursor" });
      this.here = shape("line", { class: "plot-here", y1: TOP, y2: HEIGHT - BOTTOM });
      this.svg.replaceChildren(
        ...this.grid(),
        ...this.bands(),
        ...this.lines(),
        ...this.marks(),
        this.here,
        this.cursor,
      );
      this.show(this.shared.shown);
      this.point(this.shared.at);
    }

    grid() {
      const rows = ticks(...this.bounds, 4);
      const made = rows.found.flatMap((value) => [
        shape("line", {
          class: "plot-grid",
          x1: LEFT,
          x2: this.width - RIGHT,
          y1: this.y(value),
          y2: this.y(value),
        }),
        shape(
          "text",
          { class: "plot-text", x: LEFT - 8, y: this.y(value) + 4, "text-anchor": "end" },
          value.toFixed(rows.digits),
        ),
      ]);
      const columns = ticks(0, this.data.length - 1, Math.max(2, Math.floor(this.width / 110)));
      for (const n of columns.found.filter(Number.isInteger)) {
        made.push(
          shape(
            "text",
            {
              class: "plot-text",
              x: this.x(n / this.data.step),
              y: HEIGHT - 6,
              "text-anchor": "middle",
            },
            String(n),
          ),
        );
      }
      return made;
    }

    lines() {
      return this.metric.lines.flatMap((line, i) => {
        if (!line) return [];
        let path = "";
        line.mean.forEach((value, point) => {
          if (value === null) return;
          const joined = point > 0 && line.mean[point - 1] !== null;
          path += `${joined ? "L" : "M"}${this.x(point).toFixed(1)} ${this.y(value).toFixed(1)}`;
        });
        return [shape("path", { class: "plot-line", "data-version": i - 1, d: path })];
      });
    }

    bands() {
      return this.metric.lines.flatMap((line, i) => {
        if (!line?.low) return [];
        const points = line.low
          .map((value, point) => [point, value, line.high[point]])
          .filter((one) => one[1] !== null);
        const edge = [
          ...points.map(([at, low]) => [at, low]),
          ...points.toReversed().map(([at, , high]) => [at, high]),
        ];
        return [
          shape("polygon", {
            class: "plot-band",
            "data-version": i - 1,
            points: edge
              .map(([at, value]) => `${this.x(at).toFixed(1)},${this.y(value).toFixed(1)}`)
              .join(" "),
          }),
        ];
      });
    }

    marks() {
      const y = HEIGHT - BOTTOM;
      return this.shared.marks.map((n) => {
        const x = this.x(n / this.data.step);
        return shape("path", {
          class: "plot-mark",
          d: `M${x - 4} ${y + 5}L${x} ${y - 1}L${x + 4} ${y + 5}Z`,
        });
      });
    }

    /** Mark the frame that the viewer shows. */
    show(n) {
      if (!this.here || n === null) return;
      const x = this.x(n / this.data.step);
      this.here.setAttribute("x1", x);
      this.here.setAttribute("x2", x);
    }

    /** Point at a point of the lines, or at none. */
    point(at) {
      if (!this.cursor) return;
      this.cursor.replaceChildren();
      if (at === null) {
        this.readout.textContent = "";
        return;
      }
      this.cursor.append(
        shape("line", { x1: this.x(at), x2: this.x(at), y1: TOP, y2: HEIGHT - BOTTOM }),
      );
      const n = at * this.data.step;
      const frames =
        this.data.step > 1
          ? `frames ${n}–${Math.min(n + this.data.step, this.data.length) - 1}`
          : `frame ${n}`;
      const told = [
        element("span", { class: "plot-when" }, `${frames} · ${clock(this.data.times[at])}`),
      ];
      this.metric.lines.forEach((line, i) => {
        const value = line?.mean[at] ?? null;
        if (value === null) return;
        this.cursor.append(
          shape("circle", { "data-version": i - 1, cx: this.x(at), cy: this.y(value), r: 4 }),
        );
        told.push(
          element(
            "span",
            { class: "plot-value" },
            element("i", { class: "swatch", "data-version": i - 1 }),
            `${value.toFixed(this.metric.digits)}`,
          ),
        );
      });
      this.readout.replaceChildren(...told);
    }

    listen(box) {
      const last = this.data.times.length - 1;
      const near = (event) => {
        const share =
          (event.clientX - this.svg.getBoundingClientRect().left - LEFT) /
          (this.width - LEFT - RIGHT);
        return Math.round(Math.min(Math.max(share, 0), 1) * last);
      };
      box.addEventListener("pointermove", (event) => this.shared.point(near(event)));
      box.addEventListener("pointerleave", () => this.shared.point(null));
      box.addEventListener("click", (event) => this.shared.onpick(near(event) * this.data.step));
      box.addEventListener("blur", () => this.shared.point(null));
      box.addEventListener("keydown", (event) => {
        const at = this.shared.at ?? Math.round((this.shared.shown ?? 0) / this.data.step);
        const big = event.shiftKey ? 10 : 1;
        const to = { ArrowLeft: at - big, ArrowRight: at + big, Home: 0, End: last }[event.key];
        if (to !== undefined) this.shared.point(Math.min(Math.max(to, 0), last));
        else if (event.key === "Enter") this.shared.onpick(at * this.data.step);
        else return;
        event.preventDefault();
      });
    }
  }

  return (root, data, { marks = [], onpick = () => {} } = {}) => {
    const shared = { marks, onpick, at: null, shown: null, point: null };
    const plots = data.metrics.map((metric) => new Plot(data, metric, shared));
    shared.point = (at) => {
      shared.at = at;
      for (const plot of plots) plot.point(at);
    };
    const legend = data.names.map((name, i) =>
      element("span", {}, element("i", { class: "swatch", "data-version": i - 1 }), name),
    );
    root.replaceChildren(
      element(
        "div",
        { class: "legend" },
        ...legend,
        element("span", { class: "plot-hint" }, "▲ frames shown above · click goes there"),
      ),
      ...plots.map((plot) => plot.card),
    );
    return {
      show(n) {
        shared.shown = n;
        for (const plot of plots) plot.show(n);
      },
    };
  };
})();
