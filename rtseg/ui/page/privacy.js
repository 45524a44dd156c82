// The room in a corner: one click explains, a second one confirms, a red banner counts, and it ends by itself.

import { $, say } from "./dom.js";
import { paint } from "./preview.js";
import { TEXT } from "./strings.js";
import { toast } from "./toasts.js";

const CONFIRM = 10_000; // milliseconds within which the server wants the second click

export class Privacy {
  constructor(act) {
    this._act = act;
    this._canvas = $("room");
    this._context = this._canvas.getContext("2d");
    this._until = null;
    this._dialog = $("room-dialog");
    $("room-ask").addEventListener("click", () => (this._until ? this._hide() : this._ask()));
    $("room-hide").addEventListener("click", () => this._hide());
    $("room-no").addEventListener("click", () => this._dialog.close());
    $("room-yes").addEventListener("click", () => this._confirm());
    this._dialog.addEventListener("close", () => clearTimeout(this._late));
    setInterval(() => this._count(), 250);
  }

  draw(state) {
    const before = this._until;
    this._until = state.room_until === null ? null : performance.now() + state.room_until * 1000;
    if (this._until && !before) toast(TEXT.roomOn, "warning");
    if (!this._until && before) toast(TEXT.roomOff);
    this._show();
  }

  lost() {
    this._until = null;
    this._dialog.close();
    this._show();
  }

  /** The inset's own picture; never without the banner. */
  async show(picture) {
    if (!this._until) return;
    await paint(this._canvas, this._context, picture);
    this._show(); // which wipes it if the time has run out meanwhile
  }

  async _ask() {
    this._dialog.showModal();
    const { problem } = await this._act("room");
    if (problem) return this._dialog.close();
    clearTimeout(this._late);
    this._late = setTimeout(() => {
      if (!this._dialog.open) return;
      this._dialog.close();
      toast(TEXT.roomLate);
    }, CONFIRM);
  }

  _confirm() {
    this._dialog.close();
    this._act("room", { confirm: true });
  }

  _hide() {
    this._act("room_off");
  }

  _count() {
    if (!this._until) return;
    if (performance.now() > this._until) {
      this._until = null;
      toast(TEXT.roomOff);
    }
    this._show();
  }

  _show() {
    const on = this._until !== null;
    $("room-banner").hidden = this._canvas.hidden = !on;
    $("room-ask").classList.toggle("danger", on);
    say($("room-text"), on ? TEXT.roomHide : TEXT.room);
    if (on) say($("room-left"), TEXT.roomLeft(Math.ceil((this._until - performance.now()) / 1000)));
    else this._context.clearRect(0, 0, this._canvas.width, this._canvas.height);
  }
}
