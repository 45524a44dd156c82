// Pause, snapshot and recording; the badge in the header says which of it is so.

import { $, say } from "./dom.js";
import { TEXT } from "./strings.js";
import { toast } from "./toasts.js";

export class Actions {
  constructor(act) {
    this._act = act;
    this._state = null;
    $("pause").addEventListener("click", () => act("pause", { on: !this._state?.paused }));
    $("record").addEventListener("click", () => this._record(this._state?.recording === null));
    $("snapshot").addEventListener("click", () => this._told(act("snapshot"), TEXT.saved));
    this.lost();
  }

  draw(state) {
    this._state = state;
    const { paused } = state;
    $("pause").classList.toggle("on", paused);
    $("pause-icon").setAttribute("href", paused ? "#i-play" : "#i-pause");
    say($("pause-text"), paused ? TEXT.resume : TEXT.pause);
    say($("pause-more"), paused ? TEXT.resumeMore : TEXT.pauseMore);
    const recording = state.recording !== null;
    $("record").classList.toggle("on", recording);
    $("record").querySelector("use").setAttribute("href", recording ? "#i-stop" : "#i-record");
    say($("record-text"), recording ? TEXT.stop : TEXT.record);
    this._badge(paused ? "paused" : recording ? "recording" : "live");
  }

  lost() {
    this._state = null;
    this._badge("away");
  }

  _record(on) {
    this._told(this._act("record", { on }), on ? TEXT.recordingTo : TEXT.recorded);
  }

  async _told(asked, words) {
    const { text } = await asked;
    if (text) toast(words(text));
  }

  _badge(what) {
    $("badge").className = `badge ${what}`;
    say($("badge"), TEXT[what]);
    document.title = what === "live" ? TEXT.title : TEXT.titled(TEXT[what]);
  }
}
