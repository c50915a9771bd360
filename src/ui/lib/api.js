/**
 * Requests to this TSD. Answers are JSON; every failure is an `ApiError` with a sentence for people.
 */

/** Where the TSD answers: the page may live below any prefix, the files always at `PREFIX/s/ui/VERSION/`. */
export const ROOT = new URL("../../../../", import.meta.url);

/** How long an answer may take, in ms, unless the caller says otherwise. */
const PATIENCE = 120_000;

/**
 * What went wrong.
 *
 * | kind | meaning |
 * | --- | --- |
 * | `http` | the server answered: `status` and its own sentence in `message` |
 * | `offline` | nobody answered: no network, or the server is gone |
 * | `slow` | no answer in time |
 * | `aborted` | given up by the caller: not to be shown |
 * | `garbled` | an answer that is no JSON: something else listens there |
 */
export class ApiError extends Error {
  constructor(kind, message, { status = 0, details = null, body = null } = {}) {
    super(message);
    this.name = "ApiError";
    this.kind = kind;
    this.status = status;
    this.details = details;
    this.body = body;
  }
}

// ------------------------------------------------------------------ whether anybody answers

let there = true;
const listeners = new Set();
function reach(now) {
  if (now === there) return;
  there = now;
  for (const listener of listeners) listener(now);
}
/** Calls `listener(there)` when the server stops to answer and when it answers again. A proxy's word for it is no answer. */
export const onReach = (listener) => listeners.add(listener);

/** Address of a path of this TSD with parameters: an object, or a list of pairs; lists of values repeat the name. */
export function address(path, params) {
  const url = new URL(path.replace(/^\//, ""), ROOT);
  const pairs = params instanceof Array ? params : Object.entries(params ?? {});
  const query = [];
  for (const [name, value] of pairs) {
    for (const one of value instanceof Array ? value : [value]) {
      if (one === null || one === undefined || one === false) continue;
      query.push(one === true ? encodeURIComponent(name) : `${encodeURIComponent(name)}=${encodeURIComponent(one)}`);
    }
  }
  if (query.length) url.search = query.join("&");
  return url.href;
}

/** The sentence of an error answer: the API's form, the old pages' form, or the status. */
function sentence(status, text) {
  try {
    const body = JSON.parse(text);
    const error = body.error ?? body;
    const message = typeof body.err === "string" ? body.err.split("\n")[0] : error.message;
    if (typeof message === "string") return { message, details: error.details ?? null, body };
  } catch {
    // A page of a proxy, or nothing.
  }
  const known = { 401: "This needs a log-in.", 403: "This is not allowed.", 404: "There is no such thing here.", 413: "Too large for this server.",
    429: "Too many requests.", 502: "The proxy gets no answer from the server.", 503: "The server is too busy.", 504: "The server did not answer in time." };
  return { message: known[status] ?? `The server answered with status ${status}.`, details: null, body: null };
}

/**
 * Sends a request and gives the answer's text: `{ text, status, headers, ms, bytes }`; with `as: "arrayBuffer"` its bytes as `body`.
 * Options: `params`, `body` (sent as JSON), `signal`, `patience` in ms, `headers`.
 */
export async function request(method, path, { params, body, signal, patience = PATIENCE, headers = {}, as = "text" } = {}) {
  const limit = AbortSignal.timeout(patience);
  const both = signal ? AbortSignal.any([signal, limit]) : limit;
  const begun = performance.now();
  try {
    const init = { method, signal: both, headers: { ...headers }, credentials: "same-origin" };
    if (body !== undefined) {
      init.headers["Content-Type"] = "application/json";
      init.body = typeof body === "string" ? body : JSON.stringify(body);
    }
    const response = await fetch(address(path, params), init);
    if (response.ok && as === "arrayBuffer") {
      const bytes = await response.arrayBuffer();
      reach(true);
      return { body: bytes, status: response.status, headers: response.headers, ms: performance.now() - begun, bytes: bytes.byteLength };
    }
    const text = await response.text();
    if (!response.ok) {
      const { message, details, body: told } = sentence(response.status, text);
      reach(told !== null || ![502, 503, 504].includes(response.status));
      throw new ApiError("http", message, { status: response.status, details, body: told });
    }
    reach(true);
    return { text, status: response.status, headers: response.headers, ms: performance.now() - begun, bytes: text.length };
  } catch (error) {
    if (error instanceof ApiError) throw error;
    if (signal?.aborted) throw new ApiError("aborted", "Given up.");
    if (limit.aborted) throw new ApiError("slow", `No answer within ${Math.round(patience / 1000)} s.`);
    reach(false);
    throw new ApiError("offline", navigator.onLine === false ? "This computer is offline." : "The server does not answer.");
  }
}

async function json(method, path, options) {
  const { text } = await request(method, path, options);
  if (text === "") return null;
  try {
    return JSON.parse(text);
  } catch {
    throw new ApiError("garbled", "The answer is not what a TSD sends.");
  }
}

/** `get("api/ui/status", { verbose: 1 }, { signal })`: the answer's JSON. */
export const get = (path, params, options = {}) => json("GET", path, { ...options, params });
/** The same with a JSON body. */
export const post = (path, body, options = {}) => json("POST", path, { ...options, body });
export const put = (path, body, options = {}) => json("PUT", path, { ...options, body });
export const del = (path, params, options = {}) => json("DELETE", path, { ...options, params });

/** Metrics whose names hold every word of `text`: `{ total, hits: [{ name, series, last }] }`, best first. */
export const metrics = (text, { max = 30, offset = 0, signal } = {}) => get("api/ui/metrics", { q: text, max, offset }, { signal });
