// The one connection to rtseg: it comes back by itself, and tells its listeners what it hears.

const WAITS = [250, 500, 1000, 2000]; // milliseconds before each new try; the last one again and again
const SILENCE = 8000; // milliseconds without a word, of two a second, after which the server is taken for lost
const ROOM = 1; // the first byte of a picture that holds the room; 0 is the composite

/** Calls, all optional: onState, onStats, onMessage, onBackgrounds, onComposite, onRoom, onOpen, onLost(why). */
export class Live {
  constructor(listener) {
    this._listener = listener;
    this._waiting = new Map(); // id -> what to do with the answer
    this._id = 0;
    this._tries = 0;
    this._heard = 0;
    setInterval(() => this._listen(), 1000);
  }

  connect() {
    const url = new URL("live", location.href);
    url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(url);
    socket.binaryType = "arraybuffer";
    socket.onmessage = (event) => this._hear(event.data);
    socket.onopen = () => {
      this._tries = 0;
      this._heard = performance.now();
      this._listener.onOpen?.();
    };
    socket.onclose = () => this._lost(socket);
    this._socket = socket;
  }

  get open() {
    return this._socket?.readyState === WebSocket.OPEN;
  }

  /** Ask for the next picture. */
  ready() {
    this._send({ type: "ready" });
  }

  size(width) {
    this._send({ type: "size", width });
  }

  /** Change values; resolves to the answer's text, throws an Error with the server's words. */
  set(values) {
    return this._ask({ type: "set", values });
  }

  /** `room`, `snapshot` and so on; resolves and throws like `set`. */
  do(action, more = {}) {
    return this._ask({ type: "do", action, ...more });
  }

  _ask(message) {
    const id = ++this._id;
    return new Promise((resolve, reject) => {
      if (!this._send({ ...message, id })) return reject(new Lost());
      this._waiting.set(id, { resolve, reject });
    });
  }

  _send(message) {
    if (this.open) this._socket.send(JSON.stringify(message));
    return this.open;
  }

  _hear(data) {
    this._heard = performance.now();
    if (data instanceof ArrayBuffer) {
      const picture = new Blob([new Uint8Array(data, 1)], { type: "image/jpeg" });
      const isRoom = new Uint8Array(data, 0, 1)[0] === ROOM;
      return isRoom ? this._listener.onRoom?.(picture) : this._listener.onComposite?.(picture);
    }
    const message = JSON.parse(data);
    if (message.type === "answer") return this._answer(message);
    const name = { state: "onState", stats: "onStats", message: "onMessage", backgrounds: "onBackgrounds" }[message.type];
    this._listener[name]?.(message);
  }

  _answer({ to, error, text }) {
    const asked = this._waiting.get(to);
    this._waiting.delete(to);
    if (error) asked?.reject(new Error(error));
    else asked?.resolve(text);
  }

  _listen() {
    if (this.open && performance.now() - this._heard > SILENCE && !document.hidden) {
      this._lost(this._socket, "silent");
    }
  }

  _lost(socket, why = "lost") {
    if (socket !== this._socket) return;
    this._socket = null;
    socket.onmessage = socket.onclose = null;
    socket.close();
    for (const { reject } of this._waiting.values()) reject(new Lost());
    this._waiting.clear();
    this._listener.onLost?.(why);
    this._again();
  }

  /** Try again after a while, unless the server says that this page is not let in. */
  async _again() {
    const wait = WAITS[Math.min(this._tries++, WAITS.length - 1)];
    await new Promise((done) => setTimeout(done, wait));
    try {
      if ((await fetch("api/state")).status === 403) {
        this._listener.onLost?.("refused");
        return this._again();
      }
    } catch {
      return this._again(); // nobody there yet
    }
    this.connect();
  }
}

/** A call that was under way when the connection went: the veil says so already. */
export class Lost extends Error {}
