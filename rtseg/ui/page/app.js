// Joins the parts. What is shown comes from the server's last state message; the page keeps no truth of its own.

import { Actions } from "./actions.js";
import { Controls } from "./controls.js";
import { Gallery } from "./gallery.js";
import { Keys } from "./keys.js";
import { Preview } from "./preview.js";
import { Privacy } from "./privacy.js";
import { Lost, Live } from "./socket.js";
import { Stats } from "./stats.js";
import { fill } from "./strings.js";
import { toast } from "./toasts.js";
import { Uploads } from "./uploads.js";

fill(document);

const live = new Live({
  onState: (state) => parts.forEach((part) => part.draw?.(state)),
  onStats: (figures) => stats.add(figures, preview.rate()),
  onMessage: ({ text, level }) => toast(text, level),
  onBackgrounds: () => gallery.fetch(),
  onComposite: (picture) => preview.show(picture),
  onRoom: (picture) => privacy.show(picture),
  onOpen: () => parts.forEach((part) => part.open?.()),
  onLost: (why) => parts.forEach((part) => part.lost?.(why)),
});

/** What every control calls: the change is asked for, and what the server refuses is said in its own words. */
async function set(values) {
  return attempt(live.set(values));
}

async function act(action, more) {
  return attempt(live.do(action, more));
}

async function attempt(asked) {
  try {
    return { text: await asked };
  } catch (problem) {
    if (!(problem instanceof Lost)) toast(problem.message, "error");
    controls.redraw();
    return { problem };
  }
}

const preview = new Preview(live);
const stats = new Stats();
const privacy = new Privacy(act);
const gallery = new Gallery(set);
const controls = new Controls(set, act);
const actions = new Actions(act);
const uploads = new Uploads(gallery);
const keys = new Keys(gallery, controls, stats);
const parts = [preview, stats, privacy, gallery, controls, actions, uploads, keys];

live.connect();
