// <vdiff-viewer>: two versions of a frame under a divider that is dragged or keyed.
//
//   const viewer = document.querySelector("vdiff-viewer");
//   viewer.names = { before: "noisy.mkv", after: "restored.mp4" };     // layers, in order
//   viewer.mapNames = { change: "Change since the frame before" };     // grey maps, if any
//   viewer.frames = [{ title: "frame 12", note: "0:00.480", layers: { before: URL, after: URL },
//                      maps: { change: URL } }];
//
// Properties, to be read and set; each set redraws:
//   frames    array, or any object with `length` and `at(i)`; URLs are loaded when shown. Setting
//             it again keeps everything else; the old picture stays until the new one is there.
//   names, mapNames   name -> text for people. Layers of a frame have one size; maps any.
//   index     0.. of the frame shown         left, right   names of layers
//   mode      split | beside | difference    split         0..1, where the divider is
//   zoom      0 fits, else CSS pixels a pixel of the picture
//   map       name of a map, or ""           opacity       0..1 of the map
//   gain      what differences are multiplied by
// Methods: swap(), pan(along, across), zoomBy(direction), fillScreen().
//
// Events, which bubble: `vdiff-frame` (detail: index, frame) when another frame is asked for;
// `vdiff-paint` when it is on the screen. The attribute `data-shown` is the index on the screen.
// Keys are told below the picture. Needs theme.css, viewer.css, pictures.js, paint.js, controls.js,
// keys.js.
"use strict";

(() => {
  const { MODES, element, fill } = vdiffControls;
  const ZOOMS = [0.25, 0.5, 1, 2, 3, 4, 6, 8, 12, 16];

  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

  class Viewer extends HTMLElement {
    #state = {
      frames: [],
      names: {},
      mapNames: {},
      index: 0,
      left: "",
      right: "",
      mode: "split",
      split: 0.5,
      zoom: 0,
      map: "",
      opacity: 0.75,
      gain: 8,
    };
    #centre = null; // of the view in the picture, shares of its size; null is its middle
    #pictures = new vdiffPictures();
    #made = new Map(); // differences and coloured maps of what is shown
    #shown = null; // { index, left, right, map } on the screen
    #request = 0;
    #painting = 0;
    #parts = null;

    connectedCallback() {
      if (this.#parts) return;
      this.#parts = this.#build();
      this.addEventListener("keydown", (event) => vdiffKeys(event, this, this.#parts.divider));
      document.addEventListener("fullscreenchange", () => this.#paintSoon());
      new ResizeObserver(() => this.#paintSoon()).observe(this.#parts.stage);
      this.#update();
    }

    get size() {
      const picture = this.#shown?.left ?? this.#shown?.right;
      return picture ? [picture.naturalWidth, picture.naturalHeight] : [16, 9];
    }

    set(name, value) {
      const state = this.#state;
      state[name] = value;
      if (name === "names") {
        const known = Object.keys(value);
        if (!(state.left in value)) state.left = known[0] ?? "";
        if (!(state.right in value)) state.right = known[1] ?? state.left;
      }
      if (name === "mapNames" && !(state.map in value)) state.map = "";
      state.index = clamp(Math.round(state.index) || 0, 0, Math.max(0, state.frames.length - 1));
      state.split = clamp(Number(state.split) || 0, 0, 1);
      state.opacity = clamp(Number(state.opacity) || 0, 0, 1);
      state.gain = Number(state.gain) || 1;
      if (!(state.mode in MODES)) state.mode = "split";
      if (name === "zoom" && !value) this.#centre = null;
      if (this.#parts) this.#update(name === "frames" || name === "index");
    }

    get(name) {
      return this.#state[name];
    }

    #build() {
      const act = {
        set: (name, value) => this.set(name, value),
        step: (by) => this.set("index", this.index + by),
        zoomBy: (direction) => this.zoomBy(direction),
        zoomOrFit: () => this.set("zoom", this.zoom ? 0 : 1),
        fill: () => this.fillScreen(),
      };
      const parts = {
        ...vdiffControls.bar(act),
        ...vdiffControls.stage(),
        ...vdiffControls.steps(act),
      };
      this.#listen(parts.stage);
      this.append(parts.bar, parts.stage, parts.steps, vdiffControls.hint());
      return parts;
    }

    // ---- what is there to see

    #update(another = false) {
      const { names, mapNames, frames, mode, left, right, map, opacity, gain, index } = this.#state;
      const parts = this.#parts;
      const listing = JSON.stringify([names, mapNames]);
      if (parts.listing !== listing) {
        parts.listing = listing;
        fill(parts.left, names);
        fill(parts.right, names);
        fill(parts.map, { "": "none", ...mapNames });
      }
      [parts.left.value, parts.right.value, parts.map.value] = [left, right, map];
      [parts.opacity.value, parts.gain.value] = [opacity, gain];
      for (const [name, button] of Object.entries(parts.modes)) {
        button.setAttribute("aria-pressed", String(name === mode));
      }
      parts.maps.hidden = Object.keys(mapNames).length === 0;
      parts.opacity.hidden = !map;
      parts.gains.hidden = mode !== "difference";
      parts.divider.hidden = mode !== "split";
      parts.step.max = Math.max(0, frames.length - 1);
      parts.step.value = index;
      parts.previous.disabled = index <= 0;
      parts.next.disabled = index >= frames.length - 1;
      parts.steps.hidden = frames.length < 2 && !frames.at(0)?.title;
      const frame = frames.at(index);
      parts.step.setAttribute("aria-valuetext", frame?.title ?? "");
      const caption = [element("b", {}, frame?.title ?? "")];
      if (frame?.note) caption.push(element("span", {}, ` · ${frame.note}`));
      parts.caption.replaceChildren(...caption);
      if (another && frame) this.#tell("vdiff-frame", { index, frame });
      this.#load();
    }

    async #load() {
      const { frames, index, left, right, map } = this.#state;
      const frame = frames.at(index);
      const request = (this.#request += 1);
      if (!frame) return;
      const wait = this.#parts.wait;
      const slow = setTimeout(() => {
        wait.textContent = "loading";
        wait.hidden = false;
      }, 250);
      const urls = [frame.layers[left], frame.layers[right], map && frame.maps?.[map]];
      try {
        const found = await Promise.all(urls.map((url) => (url ? this.#pictures.get(url) : null)));
        if (request !== this.#request) return;
        const changed = !this.#shown || found.some((one, i) => one !== this.#shown.pictures[i]);
        if (changed) this.#made.clear();
        this.#shown = { index, pictures: found, left: found[0], right: found[1], map: found[2] };
        this.#parts.stage.style.aspectRatio = this.size.join(" / ");
        wait.hidden = true;
        this.#paintSoon();
      } catch {
        if (request !== this.#request) return;
        wait.textContent = "this picture cannot be shown";
        wait.hidden = false;
      } finally {
        clearTimeout(slow);
      }
    }

    // ---- drawing

    #paintSoon() {
      cancelAnimationFrame(this.#painting);
      this.#painting = requestAnimationFrame(() => this.#paint());
    }

    #paint() {
      if (!this.#shown?.left && !this.#shown?.right) return;
      const { canvas, stage, divider, zoom, tags } = this.#parts;
      const ratio = window.devicePixelRatio || 1;
      const [width, height] = [stage.clientWidth, stage.clientHeight];
      [canvas.width, canvas.height] = [Math.round(width * ratio), Math.round(height * ratio)];
      const context = canvas.getContext("2d");
      context.scale(ratio, ratio);
      for (const pane of this.#panes(width, height)) this.#paintPane(context, pane, ratio);
      divider.style.left = `${100 * this.split}%`;
      divider.setAttribute("aria-valuenow", String(Math.round(100 * this.split)));
      divider.setAttribute(
        "aria-valuetext",
        `${Math.round(100 * this.split)} % ${this.names[this.left] ?? ""}`,
      );
      zoom.textContent = this.zoom ? `${Math.round(100 * this.zoom)} %` : "Fit";
      this.#labels(canvas, tags);
      stage.dataset.hand = this.mode === "split" && !this.zoom ? "split" : this.zoom ? "pan" : "";
      this.dataset.shown = String(this.#shown.index);
      this.#tell("vdiff-paint", { index: this.#shown.index });
    }

    #labels(canvas, tags) {
      const [left, right] = ["left", "right"].map((side) => {
        const name = this.names[this[side]] ?? "";
        return this.#shown[side] || !name ? name : `${name}: has no such frame`;
      });
      const difference = this.mode === "difference";
      tags[0].textContent = difference ? `|${left} − ${right}| × ${this.gain}` : left;
      tags[1].textContent = difference ? "" : right;
      const title = this.#state.frames.at(this.#shown.index)?.title ?? "";
      canvas.setAttribute(
        "aria-label",
        `${title}: ${tags
          .map((tag) => tag.textContent)
          .filter(Boolean)
          .join(" beside ")}`,
      );
    }

    /** What is drawn where: picture, box of the pane, and the part of it that is painted. */
    #panes(width, height) {
      const { left, right } = this.#shown ?? {};
      const whole = { x: 0, width, height };
      if (this.mode === "difference")
        return [{ ...whole, picture: this.#difference(), from: 0, to: width }];
      if (this.mode === "beside") {
        const half = width / 2;
        return [left, right].map((picture, i) => ({
          x: i * half,
          width: half,
          height,
          picture,
          from: i * half,
          to: (i + 1) * half - 1 + i,
        }));
      }
      const at = width * this.split;
      return [
        { ...whole, picture: left, from: 0, to: at },
        { ...whole, picture: right, from: at, to: width },
      ];
    }

    #paintPane(context, pane, ratio) {
      if (!pane.picture || pane.to <= pane.from) return;
      const box = this.#box(pane);
      context.save();
      context.beginPath();
      context.rect(pane.from, 0, pane.to - pane.from, pane.height);
      context.clip();
      context.imageSmoothingEnabled = box.scale * ratio < 2;
      context.imageSmoothingQuality = "high";
      context.drawImage(pane.picture, box.x, box.y, box.width, box.height);
      if (this.map && this.#shown.map) {
        context.globalAlpha = this.opacity;
        context.imageSmoothingEnabled = true;
        context.drawImage(this.#coloured(), box.x, box.y, box.width, box.height);
      }
      context.restore();
    }

    /** Where the whole picture lies, in CSS pixels of the stage. */
    #box(pane) {
      const [width, height] = this.size;
      const fit = Math.min(pane.width / width, pane.height / height);
      const scale = this.zoom || fit;
      const shares = [
        [pane.width, width],
        [pane.height, height],
      ].map(([room, length], axis) => {
        const free = Math.max(0, 1 - room / (length * scale)) / 2;
        return clamp(this.#centre?.[axis] ?? 0.5, 0.5 - free, 0.5 + free);
      });
      return {
        scale,
        x: pane.x + pane.width / 2 - shares[0] * width * scale,
        y: pane.height / 2 - shares[1] * height * scale,
        width: width * scale,
        height: height * scale,
        centre: shares,
      };
    }

    #difference() {
      const { left, right } = this.#shown ?? {};
      if (!left || !right) return null;
      const make = () => vdiffPaint.difference(left, right, this.gain);
      return this.#once(`difference ${this.gain}`, make);
    }

    #coloured() {
      return this.#once("map", () => vdiffPaint.coloured(this.#shown.map));
    }

    #once(key, make) {
      if (!this.#made.has(key)) this.#made.set(key, make());
      return this.#made.get(key);
    }

    // ---- hands

    #listen(stage) {
      let drag = null;
      const at = (event) => {
        const box = stage.getBoundingClientRect();
        return [event.clientX - box.left, event.clientY - box.top];
      };
      stage.addEventListener("pointerdown", (event) => {
        if (event.button) return;
        const [x, y] = at(event);
        const onDivider =
          this.mode === "split" &&
          (Math.abs(x - this.split * stage.clientWidth) <= 22 || !this.zoom);
        if (!onDivider && !this.zoom) return;
        drag = onDivider ? { divider: true } : { x, y, centre: this.#box(this.#paneAt(x)).centre };
        stage.setPointerCapture(event.pointerId);
        if (onDivider) {
          this.#parts.divider.focus({ preventScroll: true });
          this.set("split", x / stage.clientWidth);
        } else stage.dataset.hand = "panning";
        event.preventDefault();
      });
      stage.addEventListener("pointermove", (event) => {
        const [x, y] = at(event);
        this.#read(x, y);
        if (drag?.divider) this.set("split", x / stage.clientWidth);
        else if (drag) {
          const [width, height] = this.size.map((length) => length * this.zoom);
          this.#moveTo([
            drag.centre[0] - (x - drag.x) / width,
            drag.centre[1] - (y - drag.y) / height,
          ]);
        }
      });
      for (const end of ["pointerup", "pointercancel"]) {
        stage.addEventListener(end, () => {
          drag = null;
          this.#paintSoon();
        });
      }
      stage.addEventListener("pointerleave", () => {
        this.#parts.readout.textContent = "";
      });
      stage.addEventListener("dblclick", (event) => this.#zoomTo(this.zoom ? 0 : 2, ...at(event)));
      stage.addEventListener(
        "wheel",
        (event) => {
          if (!event.ctrlKey && !event.metaKey) return; // the page scrolls
          event.preventDefault();
          this.zoomBy(event.deltaY < 0 ? 1 : -1, ...at(event));
        },
        { passive: false },
      );
    }

    // ---- the same for whoever has buttons or keys of his own

    /** Show the left version at the right, and the other way round. */
    swap() {
      const { left, right } = this.#state;
      this.#state.left = right;
      this.set("right", left);
    }

    #paneAt(x) {
      const panes = this.#panes(this.#parts.stage.clientWidth, this.#parts.stage.clientHeight);
      return panes.find((pane) => x < pane.to) ?? panes.at(-1);
    }

    /** Zoom in (1) or out (-1) a step, around (x, y) of the stage or its middle. */
    zoomBy(direction, x, y) {
      const now = this.zoom || this.#box(this.#paneAt(0)).scale;
      const steps = direction > 0 ? ZOOMS : ZOOMS.toReversed();
      const next = steps.find((zoom) => direction * (zoom - now) > 1e-3);
      if (next) this.#zoomTo(next, x, y);
    }

    /** Zoom and keep the place under (x, y), or the middle, where it is. */
    #zoomTo(zoom, x = null, y = null) {
      const pane = this.#paneAt(x ?? 0);
      const box = this.#box(pane);
      const at = [x ?? pane.x + pane.width / 2, y ?? pane.height / 2];
      const place = [(at[0] - box.x) / box.width, (at[1] - box.y) / box.height];
      const middle = [pane.x + pane.width / 2, pane.height / 2];
      this.#centre = zoom
        ? place.map((share, axis) => share - (at[axis] - middle[axis]) / (this.size[axis] * zoom))
        : null;
      this.set("zoom", zoom);
    }

    /** Move the view by shares of the picture. */
    pan(along, across) {
      const centre = this.#box(this.#paneAt(0)).centre;
      this.#moveTo([centre[0] + along, centre[1] + across]);
    }

    #moveTo(centre) {
      this.#centre = centre;
      this.#centre = this.#box(this.#paneAt(0)).centre;
      this.#paintSoon();
    }

    /** Fill the screen, or stop to. */
    fillScreen() {
      if (document.fullscreenElement) document.exitFullscreen();
      else this.requestFullscreen?.().catch(() => {});
    }

    /** Code values under the pointer, of both versions. */
    #read(x, y) {
      const readout = this.#parts.readout;
      const pictures = [this.#shown?.left, this.#shown?.right].filter(Boolean);
      if (!pictures.length) return;
      const box = this.#box(this.#paneAt(x));
      const [column, row] = [
        Math.floor((x - box.x) / box.scale),
        Math.floor((y - box.y) / box.scale),
      ];
      const [width, height] = this.size;
      if (column < 0 || row < 0 || column >= width || row >= height) {
        readout.textContent = "";
        return;
      }
      const read = pictures.map((picture, i) => {
        const all = this.#once(`samples ${i}`, () => vdiffPaint.samples(picture, width, height));
        return all.data.slice(4 * (row * width + column), 4 * (row * width + column) + 3).join(" ");
      });
      readout.textContent = `${column},${row}   ${read.join("  →  ")}`;
    }

    #tell(name, detail) {
      this.dispatchEvent(new CustomEvent(name, { bubbles: true, detail }));
    }
  }

  for (const name of [
    "frames",
    "names",
    "mapNames",
    "index",
    "left",
    "right",
    "mode",
    "split",
    "zoom",
    "map",
    "opacity",
    "gain",
  ]) {
    Object.defineProperty(Viewer.prototype, name, {
      get() {
        return this.get(name);
      },
      set(value) {
        this.set(name, value);
      },
    });
  }
  customElements.define("vdiff-viewer", Viewer);
})();
