// Messages in a corner, spoken by screen readers: what went well goes by itself, errors stay until dismissed.

import { $, icon, make } from "./dom.js";
import { TEXT } from "./strings.js";

const STAYS = { info: 5000, warning: 9000 }; // milliseconds
const MOST = 4;

export function toast(text, level = "info") {
  const shown = $("toasts");
  const same = [...shown.children].find((el) => el.dataset.text === text);
  same?.remove();
  const close = make(
    "button",
    { type: "button", class: "quiet", "aria-label": TEXT.dismiss, on: { click: () => el.remove() } },
    icon("close"),
  );
  const role = level === "error" ? "alert" : null; // the others are spoken when there is a pause: aria-live
  const el = make("div", { class: `toast ${level}`, data: { text } }, make("p", { role, text }), close);
  shown.append(el);
  while (shown.children.length > MOST) shown.firstElementChild.remove();
  if (STAYS[level]) leave(el, STAYS[level]);
}

/** Take it away after a while, but not from under a pointer or the keyboard's focus. */
function leave(el, after) {
  setTimeout(() => (el.matches(":hover, :focus-within") ? leave(el, 1000) : el.remove()), after);
}
