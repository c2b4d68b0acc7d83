// The settings beside the viewer: each change asks the server for the frame anew.
"use strict";

(() => {
  const KEPT = 24; // pictures held by address, so that going back is at once
  const CALM = 120; // ms without a change before the server is asked
  const NOISE = 50; // where the range ends; more is seldom met
  const AGAIN = 250; // ms until one asks again after another page was served first
  const data = JSON.parse(document.getElementById("preview-data").textContent);
  const viewer = document.querySelector("vdiff-viewer");
  const form = document.querySelector("form");
  const state = document.getElementById("state");
  const { n, task, preset, strength, auto, noise } = form.elements;
  const held = new Map(); // address -> blob URL, the oldest first
  let shown = { layers: {}, maps: {} }; // stays on the screen until the next one is there
  let wanted = ""; // frame and settings last asked for
  let asking = new AbortController();
  let timer = 0;
  let measured = null; // { n, noise } of the frame shown last
  let chosen = data.start.noise !== "auto"; // the noise is a number that somebody meant

  const wait = (ms) => new Promise((done) => setTimeout(done, ms));

  // ---- the server

  async function ask(address, signal) {
    for (;;) {
      const reply = await fetch(address, { signal });
      if (reply.ok) return reply;
      if (reply.status !== 409) throw new Error(await reply.text());
      await wait(AGAIN);
    }
  }

  async function picture(address, signal) {
    const url = held.get(address) ?? URL.createObjectURL(await (await ask(address, signal)).blob());
    held.delete(address);
    held.set(address, url);
    for (const [old, gone] of held) {
      if (held.size <= KEPT) break;
      held.delete(old);
      URL.revokeObjectURL(gone);
    }
    return url;
  }

  // ---- what is asked for

  function settings() {
    const given = { strength: strength.value, noise: auto.checked ? "auto" : noise.value };
    if (!data.fixed) Object.assign(given, { task: task.value, preset: preset.value });
    return new URLSearchParams(given).toString();
  }

  /** `kind` is busy, bad or nothing. */
  function tell(text, kind = "") {
    state.textContent = text;
    state.dataset.kind = kind;
    document.body.toggleAttribute("data-busy", kind === "busy");
  }

  /** Give the viewer what it shows now; the promise is kept once it is on the screen. */
  function put(at, entry) {
    shown = entry;
    const stale = at < 0 ? "" : `still showing frame ${at}`;
    const painted = new Promise((done) =>
      viewer.addEventListener("vdiff-paint", done, { once: true }),
    );
    viewer.frames = {
      length: data.length,
      at: (i) => ({ title: `frame ${i}`, note: i === at ? entry.note : stale, ...pictures(entry) }),
    };
    return painted;
  }

  const pictures = ({ layers, maps }) => ({ layers, maps });

  async function show() {
    const at = viewer.index;
    const query = settings();
    const mine = `n=${at}&${query}`;
    if (mine === wanted) return;
    wanted = mine;
    asking.abort();
    asking = new AbortController();
    const { signal } = asking;
    n.value = at;
    delete document.body.dataset.shown;
    const began = performance.now();
    tell("rendering", "busy");
    try {
      const told = await (await ask(`strings?${mine}`, signal)).json();
      for (const id of ["command", "filter", "vapoursynth"])
        document.getElementById(id).textContent = told[id];
      const [before, after] = await Promise.all([
        picture(`before?n=${at}`, signal),
        picture(`after?${mine}`, signal),
      ]);
      signal.throwIfAborted(); // held pictures come without asking
      const note = `${told.seconds.toFixed(3)} s`;
      const layers = { before, after };
      const known = held.get(`change?n=${at}`); // the map stays while settings change
      await put(at, { note, layers, maps: known ? { change: known } : {} });
      signal.throwIfAborted();
      tell(`shown after ${((performance.now() - began) / 1000).toFixed(2)} s`);
      measured = await (await ask(`measured?n=${at}`, signal)).json();
      label();
      const change = await picture(`change?n=${at}`, signal);
      signal.throwIfAborted();
      await put(at, { note, layers, maps: { change } });
      signal.throwIfAborted();
      document.body.dataset.shown = mine;
    } catch (error) {
      if (signal.aborted) return;
      wanted = "";
      const lost = error instanceof TypeError; // fetch's way to say that nobody answers
      tell(lost ? "vdiff preview does not answer; is it still running?" : error.message, "bad");
    }
  }

  // ---- hands

  function offer(select, names, wish) {
    select.replaceChildren(...names.map((name) => new Option(name)));
    if (names.includes(wish)) select.value = wish;
  }

  /** Put a range where it is to be, also between two of its steps. */
  function slide(range, value) {
    range.value = value;
    if (Number(range.value) !== value) {
      range.step = "any";
      range.value = value;
    }
  }

  function label() {
    noise.disabled = auto.checked;
    form.elements["strength-value"].textContent = Number(strength.value).toFixed(2);
    form.elements["noise-value"].textContent = auto.checked ? "auto" : noise.value;
    const told = measured ? `measured in frame ${measured.n}: ${measured.noise.toFixed(1)}` : "";
    document.getElementById("measured").textContent = told;
  }

  function soon() {
    clearTimeout(timer);
    timer = setTimeout(show, CALM);
  }

  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", (event) => {
    if (event.target === task) offer(preset, data.offers[task.value], preset.value);
    if (event.target === noise) chosen = true;
    if (event.target === auto && !chosen && measured) noise.value = measured.noise;
    if (event.target === n) {
      if (n.value !== "" && n.validity.valid) viewer.index = Number(n.value);
      return;
    }
    label();
    soon();
  });
  viewer.addEventListener("vdiff-frame", soon);

  async function copy(button) {
    const source = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(source.textContent);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(source); // the browser forbids it: the user's keys do it
      button.textContent = "Selected";
    }
    setTimeout(() => (button.textContent = "Copy"), 1500);
  }
  for (const button of document.querySelectorAll("[data-copy]"))
    button.addEventListener("click", () => copy(button));

  /** The values of the command line. */
  function begin() {
    const { start } = data;
    chosen = start.noise !== "auto";
    offer(task, Object.keys(data.offers), start.task);
    offer(preset, data.offers[task.value] ?? [], start.preset);
    slide(strength, start.strength);
    auto.checked = !chosen;
    noise.max = Math.max(NOISE, chosen ? start.noise : 0);
    slide(noise, chosen ? start.noise : (measured?.noise ?? 10));
    label();
  }
  document.getElementById("again").addEventListener("click", () => {
    begin();
    soon();
  });

  task.disabled = preset.disabled = data.fixed;
  begin();
  viewer.names = { before: "before", after: "after" };
  viewer.mapNames = { change: "change in time" };
  put(-1, shown);
})();
