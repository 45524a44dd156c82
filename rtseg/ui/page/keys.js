// Single keys, the same as in rtseg's window; `?` shows them. They rest while somebody types or a dialog is open.

import { $, make } from "./dom.js";
import { TEXT } from "./strings.js";

const HELD = "+=-_[],."; // may be held down
const SWITCH = "rtseg-keys"; // of this browser alone: whoever speaks to the computer turns single keys off

export class Keys {
  constructor(gallery, controls, stats) {
    const click = (id) => () => $(id).click();
    this._keys = {
      b: click("pause"),
      " ": click("pause"),
      "[": () => gallery.step(-1),
      "]": () => gallery.step(+1),
      "+": () => controls.nudge("blur", +1),
      "=": () => controls.nudge("blur", +1),
      "-": () => controls.nudge("blur", -1),
      _: () => controls.nudge("blur", -1),
      ",": () => controls.nudge("edge", -1),
      ".": () => controls.nudge("edge", +1),
      f: () => controls.nudge("feather", +1),
      m: () => controls.nudge("mirror"),
      s: () => controls.nudge("smoothing"),
      p: click("snapshot"),
      r: click("record"),
      i: click("room-ask"),
      t: () => stats.toggle(),
      "?": () => this._help(),
      h: () => this._help(),
    };
    for (const [key, does] of TEXT.keys)
      $("keys").append(make("div", {}, make("dt", {}, make("kbd", { text: key })), make("dd", { text: does })));
    $("help").addEventListener("click", () => this._help());
    $("help-close").addEventListener("click", () => $("help-dialog").close());
    $("keys-on").checked = localStorage.getItem(SWITCH) !== "off";
    $("keys-on").addEventListener("change", (e) => localStorage.setItem(SWITCH, e.target.checked ? "on" : "off"));
    addEventListener("keydown", (event) => this._press(event));
  }

  _help() {
    $("help-dialog").showModal();
  }

  _press(event) {
    const { key, target } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.repeat && !HELD.includes(key)) return;
    if (document.querySelector("dialog[open]") || !$("keys-on").checked) return;
    if (target.matches("select, input:not([type=range], [type=checkbox], [type=radio])")) return;
    if (key === " " && target !== document.body) return; // it presses what has the focus
    const act = this._keys[key.toLowerCase()];
    if (!act) return;
    event.preventDefault();
    act();
  }
}
