/** Screens of the server, and the drafts of this browser: what was changed and not yet saved is kept until it is saved or given up. */
import * as api from "../../lib/api.js";
import { alike, screenOf, stored } from "./model.js";

const PATH = "api/ui/screens";
const at = (id) => `${PATH}/${encodeURIComponent(id)}`;

export const list = (options) => api.get(PATH, {}, options);
export const read = async (id, options) => screenOf(await api.get(at(id), {}, options));
export const create = (screen) => api.post(PATH, stored(screen));
export const replace = (screen, version = screen.version) => api.put(at(screen.id), { ...stored(screen), version });
export const remove = (id, version) => api.del(at(id), version === undefined ? {} : { version });
export const clone = (id, changes = {}) => api.post(`${at(id)}/clone`, changes);

// ------------------------------------------------------------------ drafts

const KEY = "tsdb.drafts";
const drafts = new Map();
try {
  for (const [id, draft] of Object.entries(JSON.parse(sessionStorage.getItem(KEY) ?? "{}"))) drafts.set(id, { base: screenOf(draft.base), screen: screenOf(draft.screen) });
} catch {
  // No storage, or something else's: drafts live as long as the page then.
}

function keep() {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(Object.fromEntries([...drafts].filter(([, draft]) => isChanged(draft)).map(([id, { base, screen }]) => {
      const plain = (one) => ({ ...stored(one), id: one.id, version: one.version, updated: one.updated });
      return [id, { base: plain(base), screen: plain(screen) }];
    }))));
  } catch {
    // Full or forbidden.
  }
}

const isChanged = ({ base, screen }) => !alike(base, screen);

/** The draft of a screen (`new` for one that is not there yet), if there is one. */
export const draftOf = (id) => drafts.get(id) ?? null;
/** Begins one. */
export function begin(id, base) {
  const draft = { base, screen: screenOf({ ...stored(base), id: base.id, version: base.version, updated: base.updated }) };
  drafts.set(id, draft);
  return draft;
}
/** It was changed: keeps it. */
export const touched = () => keep();
export function drop(id) {
  drafts.delete(id);
  keep();
}
export const changed = (id) => drafts.has(id) && isChanged(drafts.get(id));
export const anyChanged = () => [...drafts.values()].some(isChanged);

/** Nobody closes the window over unsaved changes without being asked. */
addEventListener("beforeunload", (event) => {
  if (anyChanged()) event.preventDefault();
});
