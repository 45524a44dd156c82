// The backgrounds to click on: blur, pictures and films, colours, none. One of them has the keyboard's focus (roving).

import { $, icon, make, say } from "./dom.js";
import { TEXT } from "./strings.js";
import { Throttle } from "./throttle.js";
import { toast } from "./toasts.js";

const SWATCHES = ["#ffffff", "#d6d3cd", "#262626", "#1e3a5f", "#14532d", "#7f1d1d", "#c9a227"];
const FIRST_COLOUR = "#262626";
const STEPS = { ArrowLeft: -1, ArrowRight: 1 };

export class Gallery {
  constructor(set) {
    this._set = set;
    this._box = $("gallery");
    this._items = [];
    this._state = null;
    this._focused = "blur"; // the key of the tile that Tab comes to
    this._box.addEventListener("keydown", (event) => this._key(event));
    this._box.addEventListener("focusin", (event) => this._rove(event.target.closest(".tile")));
    this._picker = make("input", { type: "color", "aria-label": TEXT.pick, title: TEXT.pick });
    const colours = new Throttle((value) => set({ background: { kind: "colour", value } }));
    this._picker.addEventListener("input", () => colours.give(this._picker.value));
    $("swatches").append(...SWATCHES.map((value) => this._swatch(value)), this._picker);
    this._build();
  }

  open() {
    this.fetch();
  }

  /** The list anew, as after an upload on any page. */
  async fetch() {
    try {
      const answer = await fetch("api/backgrounds");
      const { items, folder, error } = await answer.json();
      if (error) throw new Error(error);
      this._items = items;
      say($("folder"), TEXT.folder(folder));
    } catch (problem) {
      if (!(problem instanceof TypeError)) toast(problem.message, "error"); // TypeError: no connection, as the veil says
      return;
    }
    this._build();
  }

  draw(state) {
    this._state = state;
    this._wanted = null;
    const key = keyOf(state.background);
    for (const tile of this._box.children) {
      const chosen = tile.dataset.key === key;
      tile.classList.toggle("chosen", chosen);
      tile.firstElementChild.setAttribute("aria-pressed", chosen);
    }
    this._colours(state.background);
  }

  choose(background) {
    this._wanted = keyOf(background);
    return this._set({ background });
  }

  /** The previous or next one, as with the window's keys [ and ]. */
  step(by) {
    const tiles = [...this._box.children].filter((tile) => tile.choose);
    const now = tiles.findIndex((tile) => tile.dataset.key === (this._wanted ?? keyOf(this._state?.background)));
    const next = tiles[(now + by + tiles.length) % tiles.length];
    next.choose();
    next.scrollIntoView({ block: "nearest" });
  }

  _build() {
    const had = this._box.contains(document.activeElement);
    const pictures = this._items.map((item) => this._picture(item));
    this._box.replaceChildren(
      this._plain("blur", "blur", TEXT.blurTile, TEXT.blurLabel, () => this.choose({ kind: "blur" })),
      ...pictures,
      this._plain("colour", "drop", TEXT.colourTile, TEXT.colourTile, () => this._colour()),
      this._plain("none", null, TEXT.noneTile, TEXT.noneLabel, () => this.choose({ kind: "none" })),
      this._add(),
    );
    if (this._state) this.draw(this._state);
    const tile = this._tile(this._focused) ?? this._box.firstElementChild;
    this._rove(tile);
    if (had) tile.firstElementChild.focus();
  }

  _plain(key, drawing, name, label, choose) {
    const face = make("span", { class: `face ${key}` }, ...(drawing ? [icon(drawing)] : []));
    return this._made(key, face, name, label, choose);
  }

  _picture({ id, name, kind, shipped, thumb }) {
    const face = make("span", { class: "face" });
    if (thumb !== false) {
      const src = `api/backgrounds/${encodeURIComponent(id)}/thumb`;
      const picture = make("img", { src, alt: "", loading: "lazy", decoding: "async", draggable: "false" });
      picture.addEventListener("error", () => picture.remove());
      face.append(picture);
    }
    if (kind === "video") face.append(make("span", { class: "film" }, icon("film")));
    const choose = () => this.choose({ kind: "picture", id });
    const tile = this._made(id, face, stem(name), TEXT.tile(stem(name), kind, !shipped), choose);
    if (!shipped) this._removable(tile, id, name);
    return tile;
  }

  _add() {
    const tile = this._made("+", make("span", { class: "face add" }, icon("add")), TEXT.addShort, TEXT.add, null);
    tile.firstElementChild.addEventListener("click", () => $("file").click());
    return tile;
  }

  _made(key, face, name, label, choose) {
    const chosen = choose ? { "aria-pressed": "false" } : {};
    const button = make(
      "button",
      { type: "button", tabindex: "-1", "aria-label": label, title: label, ...chosen },
      face,
      make("span", { class: "name", text: name }),
    );
    if (choose) button.addEventListener("click", choose);
    const tile = make("div", { class: "tile", data: { key } }, button);
    tile.choose = choose;
    return tile;
  }

  _removable(tile, id, name) {
    const remove = () => this._remove(id, name);
    const label = TEXT.removeLabel(name);
    const button = { type: "button", class: "remove", tabindex: "-1", "aria-label": label, title: label };
    tile.append(make("button", { ...button, on: { click: remove } }, icon("close")));
    tile.firstElementChild.setAttribute("aria-keyshortcuts", "Delete");
    tile.remove_ = remove;
  }

  _remove(id, name) {
    const dialog = $("remove-dialog");
    say($("remove-title"), TEXT.removeTitle(name));
    $("remove-no").onclick = () => dialog.close();
    $("remove-yes").onclick = async () => {
      dialog.close();
      const answer = await fetch(`api/backgrounds/${encodeURIComponent(id)}`, { method: "DELETE" }).catch(() => null);
      const problem = answer?.ok ? null : ((await answer?.json().catch(() => null))?.error ?? TEXT.problem);
      toast(problem ?? TEXT.removed(name), problem ? "error" : "info");
      this.fetch();
    };
    dialog.showModal();
  }

  _colour() {
    const present = this._state?.background;
    this.choose({ kind: "colour", value: present?.kind === "colour" ? present.value : FIRST_COLOUR });
  }

  _swatch(value) {
    const label = TEXT.swatch(value);
    const button = make("button", { type: "button", class: "swatch", "aria-label": label, title: label, data: { value } });
    button.style.setProperty("--colour", value);
    button.addEventListener("click", () => this.choose({ kind: "colour", value }));
    return button;
  }

  _colours(background) {
    const on = background.kind === "colour";
    $("swatches").hidden = !on;
    if (!on) return;
    this._tile("colour").style.setProperty("--colour", background.value);
    if (document.activeElement !== this._picker) this._picker.value = background.value;
    for (const swatch of $("swatches").querySelectorAll("button"))
      swatch.setAttribute("aria-pressed", swatch.dataset.value === background.value.toLowerCase());
  }

  _tile(key) {
    return [...this._box.children].find((tile) => tile.dataset.key === key);
  }

  _rove(tile) {
    if (!tile) return;
    this._focused = tile.dataset.key;
    for (const other of this._box.children) other.firstElementChild.tabIndex = other === tile ? 0 : -1;
  }

  _key(event) {
    const tiles = [...this._box.children];
    const now = tiles.indexOf(event.target.closest(".tile"));
    const columns = tiles.filter((tile) => tile.offsetTop === tiles[0].offsetTop).length;
    const by = { ...STEPS, ArrowUp: -columns, ArrowDown: columns }[event.key];
    const to = { Home: 0, End: tiles.length - 1 }[event.key] ?? (by === undefined ? undefined : now + by);
    if (event.key === "Delete") tiles[now]?.remove_?.();
    else if (to === undefined) return;
    else tiles[to]?.firstElementChild.focus();
    event.preventDefault();
  }
}

function keyOf(background) {
  return background?.id !== undefined ? background.id : background?.kind;
}

function stem(name) {
  return name.replace(/\.[^.]+$/, "");
}
