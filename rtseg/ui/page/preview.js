// The large picture: asks for a frame, draws it, asks for the next; veiled while there is none.

import { $, say } from "./dom.js";
import { TEXT } from "./strings.js";

const RATE_OVER = 2000; // milliseconds over which the page's own rate is counted
const REASONS = { lost: TEXT.lost, silent: TEXT.silent, refused: TEXT.refused };

export class Preview {
  constructor(live) {
    this._live = live;
    this._canvas = $("preview");
    this._context = this._canvas.getContext("2d");
    this._times = [];
    new ResizeObserver(() => this._size()).observe(this._canvas);
    document.addEventListener("visibilitychange", () => this._next());
  }

  open() {
    say($("veil-text"), TEXT.noFrame);
    this._width = null;
    this._asked = false;
    this._size();
    this._next();
  }

  lost(why) {
    $("veil").hidden = false;
    $("veil").classList.toggle("still", why === "refused");
    say($("veil-text"), REASONS[why]);
    this._times = [];
  }

  draw(state) {
    $("curtain").hidden = !state.paused;
    $("on-air").hidden = state.recording === null;
  }

  /** Draw a JPEG and ask for the next one. */
  async show(picture) {
    this._asked = false;
    try {
      await paint(this._canvas, this._context, picture);
      if (!this._live.open) return;
      $("veil").hidden = true;
      this._times.push(performance.now());
    } finally {
      this._next();
    }
  }

  /** Pictures a second that were drawn here. */
  rate() {
    const now = performance.now();
    this._times = this._times.filter((time) => now - time < RATE_OVER);
    return (this._times.length * 1000) / RATE_OVER;
  }

  _next() {
    if (document.hidden || this._asked || !this._live.open) return; // nobody looks: no picture is made
    this._asked = true;
    this._live.ready();
  }

  _size() {
    const width = Math.round(this._canvas.clientWidth * Math.min(devicePixelRatio, 2));
    if (!width || width === this._width) return;
    this._width = width;
    this._live.size(width);
  }
}

/** Draw a JPEG into a canvas of its size. */
export async function paint(canvas, context, picture) {
  const bitmap = await createImageBitmap(picture);
  if (canvas.width !== bitmap.width || canvas.height !== bitmap.height) {
    canvas.width = bitmap.width;
    canvas.height = bitmap.height;
  }
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
}
