// For sliders and pickers that act while they are dragged: the newest value, at most so often, and always the last one.

const PAUSE = 70; // milliseconds between two values

export class Throttle {
  /** `act` gives a promise; `done` is called when nothing is under way any more. */
  constructor(act, done = () => {}) {
    this._act = act;
    this._done = done;
    this._busy = false;
    this._next = undefined;
  }

  get busy() {
    return this._busy;
  }

  give(value) {
    this._next = value;
    if (!this._busy) this._go();
  }

  async _go() {
    this._busy = true;
    while (this._next !== undefined) {
      const value = this._next;
      this._next = undefined;
      await Promise.all([this._act(value), new Promise((done) => setTimeout(done, PAUSE))]);
    }
    this._busy = false;
    this._done();
  }
}
