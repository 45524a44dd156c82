// Sliders, switches and choices: made here, drawn from the state, asking the server for every change.

import { $, copy, make, say } from "./dom.js";
import { TEXT } from "./strings.js";
import { Throttle } from "./throttle.js";
import { toast } from "./toasts.js";

const SLIDERS = [
  { name: "blur", step: 1 },
  { name: "edge", step: 0.05, low: TEXT.edgeLow, high: TEXT.edgeHigh },
  { name: "feather", step: 0.05 },
  { name: "specks", step: 0.05 },
];
const SWITCHES = {
  "look-switches": [["smoothing", "smoothing"], ["mirror", "mirror"]],
  "speed-switches": [["save_power", "savePower"]],
};
const NUDGES = { blur: 5, edge: 2, feather: 5 }; // steps of the slider that one press of a key is
const TIERS = ["auto", "fast", "balanced", "quality"];
const RATES = [10, 15, 20, 24, 25, 30, 50, 60];

export class Controls {
  constructor(set, act) {
    this._set = set;
    this._act = act;
    this._sliders = Object.fromEntries(SLIDERS.map((each) => [each.name, this._slider(each)]));
    this._switches = {};
    for (const [box, names] of Object.entries(SWITCHES))
      for (const [value, text] of names)
        this._switches[value] = this._switch($(box), text, (on) => set({ [value]: on }));
    this._virtual = this._switch($("virtual-switch"), "virtual", (on) => this._turnVirtual(on));
    this._tiers = TIERS.map((tier) => this._tier(tier));
    $("target-fps").addEventListener("change", (e) => set({ target_fps: Number(e.target.value) || null }));
    $("source").addEventListener("change", (e) => set({ source: e.target.value }));
    $("source").addEventListener("focus", () => this._cameras()); // one may have been plugged in meanwhile
    $("keep").addEventListener("click", () => this._keep());
    $("command").addEventListener("click", () => this._command());
    $("cure-copy").addEventListener("click", () => this._copied($("cure-line").textContent));
  }

  open() {
    this._cameras();
  }

  draw(state) {
    this._state = state;
    for (const slider of Object.values(this._sliders)) slider.draw(state);
    for (const [name, input] of Object.entries(this._switches)) input.checked = state[name];
    for (const input of this._tiers) input.checked = input.value === state.tier;
    this._rates(state.target_fps);
    this._sources(state.source);
    this._drawVirtual(state.virtual);
    for (const input of [$("tier"), $("target-fps")]) input.disabled = Boolean(state.fixed);
    $("fixed").hidden = !state.fixed;
    say($("fixed"), state.fixed ?? "");
  }

  /** Back to what the server says, after it has refused something. */
  redraw() {
    if (this._state) this.draw(this._state);
  }

  /** A step of a slider or a switch, from the keyboard. */
  nudge(name, by) {
    if (name in this._sliders) this._sliders[name].nudge(by);
    else this._switches[name].click();
  }

  _slider({ name, step, low, high }) {
    const id = `slider-${name}`;
    const input = make("input", { type: "range", id, step });
    const output = make("output", { for: id });
    const row = make("div", { class: "slider" }, make("label", { for: id, text: TEXT[name] }), output, input);
    if (low) row.append(make("p", { class: "ends", "aria-hidden": "true" }, make("span", { text: low }), make("span", { text: high })));
    $("sliders").append(row);
    const throttle = new Throttle((value) => this._set({ [name]: value }), () => this.redraw());
    let held = false; // while it is dragged the state's echo would pull it back
    const release = () => ((held = false), this.redraw());
    const show = () => {
      const worded = shown(name, Number(input.value), input.disabled);
      say(output, worded);
      input.setAttribute("aria-valuetext", worded);
      const share = (input.value - input.min) / (input.max - input.min);
      input.style.setProperty("--share", `${share * 100}%`);
    };
    const give = () => (show(), throttle.give(Number(input.value)));
    input.addEventListener("pointerdown", () => (held = true));
    input.addEventListener("input", give);
    for (const end of ["pointerup", "pointercancel", "blur"])
      input.addEventListener(end, release);
    return {
      draw: (state) => {
        if (held || throttle.busy) return;
        [input.min, input.max] = rangeOf(name, state);
        input.disabled = name === "blur" && ["colour", "none"].includes(state.background.kind);
        input.value = state[name] ?? 0;
        show();
      },
      nudge: (by) => {
        if (input.disabled) return toast(TEXT.blurNone);
        if (name === "feather" && Number(input.value) >= Number(input.max)) input.value = 0; // after the softest, sharp
        else input.stepUp(by * NUDGES[name]);
        give();
      },
    };
  }

  _switch(box, name, change) {
    const more = TEXT[`${name}More`];
    const input = make("input", { type: "checkbox", role: "switch", class: "switch" });
    input.addEventListener("change", () => change(input.checked));
    box.append(make("label", { class: "switched" }, make("span", {}, TEXT[name], make("small", { text: more })), input));
    return input;
  }

  _tier(value) {
    const input = make("input", { type: "radio", name: "tier", value, class: "offscreen" });
    input.addEventListener("change", () => this._set({ tier: value }));
    $("tier").append(make("label", {}, input, make("span", { text: TEXT.tiers[value] })));
    return input;
  }

  _rates(chosen) {
    const rates = [...new Set([...RATES, ...(chosen ? [chosen] : [])])].sort((a, b) => a - b);
    options($("target-fps"), [["", TEXT.targetOff], ...rates.map((fps) => [fps, TEXT.targetAtLeast(fps)])], chosen ?? "");
  }

  async _cameras() {
    try {
      this._known = (await (await fetch("api/cameras")).json()).items ?? [];
    } catch {
      return; // no connection: the veil says so
    }
    if (this._state) this._sources(this._state.source);
  }

  _sources(present) {
    const known = (this._known ?? []).map(({ id, name }) => [id, name]);
    if (present != null && !known.some(([id]) => id === present)) known.unshift([present, present]);
    options($("source"), known, present ?? "");
  }

  _drawVirtual({ on, name, problem, cure }) {
    this._virtual.checked = on;
    say(this._virtual.parentElement.querySelector("small"), on && name ? TEXT.virtualOn(name) : TEXT.virtualMore);
    $("cure").hidden = !problem;
    say($("problem"), (problem ?? "").replace(`; run: ${cure}`, "")); // which is shown below, to be copied
    $("cure-line").parentElement.hidden = !cure;
    say($("cure-line"), cure ?? "");
  }

  async _turnVirtual(on) {
    const { text } = await this._act("virtual", { on });
    if (text) toast(text);
  }

  async _keep() {
    const { text } = await this._act("keep");
    if (text) toast(TEXT.kept(text));
  }

  async _command() {
    const { text } = await this._act("copy");
    if (!text) return;
    $("command-box").hidden = false;
    say($("command-line"), text);
    this._copied(text);
  }

  async _copied(text) {
    const done = await copy(text);
    toast(done ? TEXT.copied : TEXT.copyYourself, done ? "info" : "warning");
  }
}

/** Give a select its options only where they differ: an open list is not taken away. */
function options(select, pairs, chosen) {
  const wanted = JSON.stringify(pairs);
  if (select.dataset.given !== wanted) {
    select.replaceChildren(...pairs.map(([value, text]) => make("option", { value, text })));
    select.dataset.given = wanted;
  }
  select.value = chosen;
}

function rangeOf(name, { ranges, background }) {
  const [low, high] = ranges[name];
  return name === "blur" && background.kind === "picture" ? [0, high] : [low, high]; // a picture may be sharp
}

function shown(name, value, disabled) {
  if (disabled || (value === 0 && name !== "edge")) return TEXT.off;
  if (name === "specks") return `${value.toFixed(2)} %`;
  return name === "blur" ? String(value) : `${name === "edge" && value > 0 ? "+" : ""}${value.toFixed(2)}`;
}
