// How it runs: figures twice a second, and a small moving plot of milliseconds by stage.

import { $, make, say } from "./dom.js";
import { TEXT } from "./strings.js";

const KEPT = 120; // figures in the plot, two a second
const ROUND = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000]; // milliseconds at the top of the plot
const FIGURES = [
  ["fps", (f) => f.fps?.toFixed(0)],
  ["latency", (f) => f.latency_ms?.toFixed(0)],
  ["cpu", (f) => f.cpu?.toFixed(0)],
  ["shown", (f) => f.shown.toFixed(0)],
];
const SPOKEN_EVERY = 10; // figures between two descriptions of the plot

export class Stats {
  constructor() {
    this._kept = [];
    this._names = [];
    this._told = 0;
    this._canvas = $("plot");
    this._figures = FIGURES.map(([name, of]) => {
      const value = make("dd", { text: TEXT.unknown });
      const label = make("dt", { text: TEXT[name], title: TEXT[`${name}Label`] });
      $("figures").append(make("div", {}, value, label));
      return { value, of };
    });
    new ResizeObserver(() => this._plot()).observe(this._canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this._plot());
  }

  /** Figures as the server sends them, and the rate of this page. */
  add(figures, shown) {
    for (const { value, of } of this._figures) say(value, of({ ...figures, shown }) ?? TEXT.unknown);
    const { camera, tier, provider, status } = figures;
    $("trouble").hidden = !status;
    say($("trouble"), status ?? "");
    const size = camera?.width ? `${camera.width}×${camera.height}` : null;
    say($("runs-on"), [camera?.name, size, tier, provider].filter(Boolean).join(" · "));
    this._kept.push(figures.stages ?? {});
    if (this._kept.length > KEPT) this._kept.shift();
    this._legend();
    if (!document.hidden) this._plot();
  }

  lost() {
    $("trouble").hidden = true;
    for (const { value } of this._figures) say(value, TEXT.unknown);
    this._kept = [];
  }

  toggle() {
    $("plot-box").hidden = !$("plot-box").hidden;
  }

  _legend() {
    const names = [...new Set(this._kept.flatMap(Object.keys))];
    const now = this._kept.at(-1);
    if (names.join() !== this._names.join()) {
      this._names = names;
      const entry = (name, k) => make("li", { class: `stage-${k % 6}` }, make("span"), word(name), make("b"));
      $("legend").replaceChildren(...names.map(entry));
    }
    [...$("legend").children].forEach((li, k) => say(li.lastChild, (now[names[k]] ?? 0).toFixed(1)));
    if (this._told++ % SPOKEN_EVERY) return;
    const parts = names.map((name) => `${word(name)} ${(now[name] ?? 0).toFixed(1)}`).join(", ");
    this._canvas.setAttribute("aria-label", TEXT.plotNow(total(now).toFixed(1), parts));
  }

  _plot() {
    const { canvas, context, width, height } = sharp(this._canvas);
    if (!width || $("plot-box").hidden) return;
    const most = Math.max(...this._kept.map(total), 0);
    const top = ROUND.find((ms) => ms >= most * 1.15) ?? most;
    const style = getComputedStyle(canvas);
    context.clearRect(0, 0, width, height);
    const x = (k) => width - ((this._kept.length - 1 - k) * width) / (KEPT - 1);
    const y = (ms) => height - 1 - (ms / top) * (height - 4);
    const below = this._kept.map(() => 0);
    this._names.forEach((name, colour) => {
      context.beginPath();
      this._kept.forEach((stages, k) => context.lineTo(x(k), y(below[k])));
      for (let k = this._kept.length - 1; k >= 0; k--) {
        below[k] += this._kept[k][name] ?? 0;
        context.lineTo(x(k), y(below[k]));
      }
      context.fillStyle = style.getPropertyValue(`--stage-${colour % 6}`);
      context.fill();
    });
    context.fillStyle = style.getPropertyValue("--soft");
    context.font = `11px ${style.fontFamily}`;
    context.fillText(`${top} ${TEXT.ms}`, 6, 14);
  }
}

/** The canvas at the screen's own pixels, drawn on in CSS pixels. */
function sharp(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const ratio = devicePixelRatio;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return { canvas, context, width, height };
}

function total(stages) {
  return Object.values(stages).reduce((sum, ms) => sum + ms, 0);
}

function word(stage) {
  return TEXT.stages[stage] ?? stage;
}
