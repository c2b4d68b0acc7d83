// The buttons, lists and boxes of <vdiff-viewer>; viewer.js gives them their work.
"use strict";

const vdiffControls = (() => {
  const MODES = { split: "Slider", beside: "Side by side", difference: "Difference" };
  const GAINS = [1, 2, 4, 8, 16, 32];
  const ICONS = {
    previous: "M10 3 5 8l5 5",
    next: "M6 3l5 5-5 5",
    out: "M3 8h10",
    in: "M3 8h10M8 3v10",
    full: "M3 6V3h3M10 3h3v3M13 10v3h-3M6 13H3v-3",
  };
  const HINT = [
    ["←", "→", "divider"],
    ["PgUp", "PgDn", "frame"],
    ["+", "−", "0", "zoom"],
    ["Alt", "arrows", "pan"],
    ["S", "B", "D", "view"],
    ["M", "map"],
    ["Space", "swap"],
    ["Ctrl", "wheel", "zoom"],
  ];

  function element(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
      else made.setAttribute(name, value);
    }
    made.append(...children);
    return made;
  }

  function button(attributes, ...children) {
    return element("button", { type: "button", ...attributes }, ...children);
  }

  function icon(name, label, onclick) {
    const [svg, path] = ["svg", "path"].map((tag) =>
      document.createElementNS("http://www.w3.org/2000/svg", tag),
    );
    svg.setAttribute("viewBox", "0 0 16 16");
    svg.setAttribute("aria-hidden", "true");
    path.setAttribute("d", ICONS[name]);
    svg.append(path);
    return button({ class: "vv-icon", title: label, "aria-label": label, onclick }, svg);
  }

  function group(label, name, ...children) {
    const attributes = { class: `vv-group ${name}`, role: "group", "aria-label": label };
    return element("div", attributes, ...children);
  }

  /** The options of a list, value -> text. */
  function fill(select, texts) {
    const options = Object.entries(texts).map(([value, text]) =>
      element("option", { value }, text),
    );
    select.replaceChildren(...options);
  }

  /** A list or range whose value becomes the property `name`. */
  function chooser(tag, name, label, set, attributes = {}) {
    const event = tag === "select" ? "onchange" : "oninput";
    return element(tag, {
      "aria-label": label,
      [event]: (one) => set(name, one.target.value),
      ...attributes,
    });
  }

  /** The bar above the picture. `act`: set(name, value), zoomBy(direction), zoomOrFit(), fill(). */
  function bar(act) {
    const made = { modes: {} };
    for (const [mode, text] of Object.entries(MODES)) {
      made.modes[mode] = button({ onclick: () => act.set("mode", mode) }, text);
    }
    made.left = chooser("select", "left", "Left version", act.set);
    made.right = chooser("select", "right", "Right version", act.set);
    made.map = chooser("select", "map", "Map laid over the picture", act.set);
    made.opacity = chooser("input", "opacity", "Strength of the map", act.set, {
      type: "range",
      min: "0",
      max: "1",
      step: "0.05",
    });
    made.gain = chooser("select", "gain", "Differences are multiplied by", act.set);
    fill(made.gain, Object.fromEntries(GAINS.map((gain) => [gain, `× ${gain}`])));
    made.zoom = button({
      class: "vv-zoom",
      title: "Fit, or pixel by pixel",
      onclick: act.zoomOrFit,
    });
    made.maps = group("Map", "vv-maps", element("label", {}, "Map", made.map), made.opacity);
    made.gains = group("Difference", "vv-gains", element("label", {}, "Gain", made.gain));
    made.bar = element(
      "div",
      { class: "vv-bar" },
      group("View", "vv-modes", ...Object.values(made.modes)),
      group(
        "Versions",
        "vv-sides",
        made.left,
        element("span", { "aria-hidden": "true" }, "│"),
        made.right,
      ),
      made.gains,
      made.maps,
      group(
        "Zoom",
        "vv-spread",
        icon("out", "Zoom out", () => act.zoomBy(-1)),
        made.zoom,
        icon("in", "Zoom in", () => act.zoomBy(1)),
        icon("full", "Full screen", act.fill),
      ),
    );
    return made;
  }

  /** The stepper below the picture. `act`: set(name, value), step(by). */
  function steps(act) {
    const made = {
      previous: icon("previous", "Previous frame", () => act.step(-1)),
      next: icon("next", "Next frame", () => act.step(1)),
      step: chooser("input", "index", "Frame", act.set, { type: "range", min: "0", step: "1" }),
      caption: element("span", { class: "vv-caption", "aria-live": "polite" }),
    };
    made.steps = element("div", { class: "vv-steps" }, ...Object.values(made));
    return made;
  }

  /** The picture, its divider and what is written on it. */
  function stage() {
    const made = {
      canvas: element("canvas", { role: "img" }),
      divider: element("div", {
        class: "vv-divider",
        role: "slider",
        tabindex: "0",
        "aria-label": "Divider between the two versions",
        "aria-valuemin": "0",
        "aria-valuemax": "100",
        "aria-orientation": "horizontal",
      }),
      readout: element("span", { class: "vv-readout" }),
      wait: element("span", { class: "vv-wait", role: "status", hidden: "" }),
    };
    const tags = ["left", "right"].map((side) =>
      element("span", { class: "vv-tag", "data-side": side }),
    );
    const whole = element("div", { class: "vv-stage" }, ...Object.values(made), ...tags);
    return { ...made, tags, stage: whole };
  }

  function hint() {
    const made = element("div", { class: "vv-hint" });
    for (const words of HINT) {
      const keys = words.slice(0, -1).flatMap((key) => [element("kbd", {}, key), " "]);
      made.append(element("span", {}, ...keys, words.at(-1)), " ");
    }
    return made;
  }

  return { MODES, element, fill, bar, steps, stage, hint };
})();
