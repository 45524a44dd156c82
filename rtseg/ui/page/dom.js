// The few lines that every module needs to find, make and change elements.

export const $ = (id) => document.getElementById(id);

/** An element with its attributes and children. `class`, `text`, `data` and `on` are taken as what they are. */
export function make(tag, { text, data = {}, on = {}, ...attributes } = {}, ...children) {
  const el = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) el.setAttribute(name, "");
    else if (value !== false && value != null) el.setAttribute(name, value);
  }
  Object.assign(el.dataset, data);
  for (const [event, act] of Object.entries(on)) el.addEventListener(event, act);
  if (text != null) el.textContent = text;
  el.append(...children);
  return el;
}

/** One of the drawings in index.html. */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

/** Set a text only where it differs, so that screen readers and the layout are left alone. */
export function say(el, text) {
  if (el.textContent !== text) el.textContent = text;
}

/** Copy a text; false where the browser does not let us, as on plain http from another machine. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = make("textarea", { class: "offscreen", readonly: true, "aria-hidden": "true" });
    area.value = text;
    (document.querySelector("dialog[open]") ?? document.body).append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}
