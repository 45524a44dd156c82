// A file dropped anywhere on the page, chosen or pasted becomes a background; the server checks and keeps it.

import { $ } from "./dom.js";
import { TEXT } from "./strings.js";
import { toast } from "./toasts.js";

export class Uploads {
  constructor(gallery) {
    this._gallery = gallery;
    this._depth = 0; // dragenter and dragleave come for every element that is crossed
    addEventListener("dragenter", (event) => this._drag(event, +1));
    addEventListener("dragleave", (event) => this._drag(event, -1));
    addEventListener("dragover", (event) => event.preventDefault());
    addEventListener("drop", (event) => this._drop(event));
    addEventListener("paste", (event) => this._take(event.clipboardData.files));
    $("file").addEventListener("change", () => {
      this._take([...$("file").files]);
      $("file").value = "";
    });
  }

  _drag(event, by) {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    this._depth = Math.max(0, this._depth + by);
    $("drop").hidden = this._depth === 0;
  }

  _drop(event) {
    event.preventDefault(); // or the browser would open the file in place of this page
    this._depth = 0;
    $("drop").hidden = true;
    this._take(event.dataTransfer.files);
  }

  /** One after the other; the last one that is taken becomes the background. */
  async _take(files) {
    let item = null;
    for (const file of [...files]) item = (await this._send(file)) ?? item;
    if (!item) return;
    await this._gallery.fetch();
    const { problem } = await this._gallery.choose({ kind: "picture", id: item.id });
    if (!problem) toast(TEXT.added(item.name));
  }

  async _send(file) {
    toast(TEXT.adding(file.name));
    const url = `api/backgrounds?name=${encodeURIComponent(file.name)}`;
    try {
      const answer = await fetch(url, { method: "POST", body: file });
      const item = await answer.json();
      if (!answer.ok) throw new Error(item.error);
      return item;
    } catch (problem) {
      toast(problem instanceof TypeError ? TEXT.brokeOff(file.name) : problem.message, "error");
      return null;
    }
  }
}
