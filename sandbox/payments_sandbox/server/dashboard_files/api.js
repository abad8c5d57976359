// Calls to the control API and the event stream, the only ways this page reaches the server.

const TOKEN = "payments-sandbox-token";
export const PLAIN_CARD = "4111111111111111";
const listeners = new Set();

/** An error response of the server; for a scenario, with the list of its problems. */
class ApiError extends Error {
  constructor(status, body) {
    const error = body?.error ?? {};
    super([error.message, error.details].filter(Boolean).join(" — ") || `HTTP ${status}`);
    this.status = status;
    this.code = error.code;
    this.problems = body?.problems;
  }
}

/** Call the listener when the server requires a token, with true if the one that was sent is wrong. */
export const onTokenWanted = (listener) => listeners.add(listener);

/** Store the server's token for this tab only. */
export function keepToken(token) {
  sessionStorage.setItem(TOKEN, token);
}

/** Return the headers of a request; one that `looks` makes no world for a key that has none. */
function headersFor(key, more = {}, looks = false) {
  const headers = { ...more };
  if (key) headers.Authorization = inBytes(`Bearer ${key}`);
  if (key && looks) headers["Sandbox-World"] = "existing";
  const token = sessionStorage.getItem(TOKEN);
  if (token) headers["Sandbox-Token"] = inBytes(token);
  return headers;
}

/** Encode a header's value as fetch requires it: one character for each byte of its UTF-8. */
const inBytes = (text) =>
  Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join("");

/** Call a route below /_sandbox and return its parsed JSON. */
export async function call(key, method, path, body, { yaml } = {}) {
  const type = yaml ? "application/yaml" : "application/json";
  const response = await fetch(`/_sandbox${path}`, {
    method,
    headers: headersFor(key, body === undefined ? {} : { "Content-Type": type }, method === "GET"),
    body: body === undefined ? undefined : yaml ? body : JSON.stringify(body),
    cache: "no-store",
  });
  const text = await response.text();
  const answer = text ? JSON.parse(text) : null;
  if (!response.ok) {
    const error = new ApiError(response.status, answer);
    if (error.code === "invalid_token") listeners.forEach((each) => each(sessionStorage.getItem(TOKEN) !== null));
    throw error;
  }
  return answer;
}

/** Download a response in another format, such as HTML, as a file. */
export async function download(key, path, accept, name) {
  const response = await fetch(`/_sandbox${path}`, {
    headers: headersFor(key, { Accept: accept }),
    cache: "no-store",
  });
  if (!response.ok) throw new ApiError(response.status, await response.json().catch(() => null));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await response.blob());
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

/** Return the items of a list, page by page, at most `most`. */
export async function list(key, path, most = 1000) {
  const items = [];
  let cursor = null;
  do {
    const query = new URLSearchParams({ limit: String(Math.min(1000, most - items.length)) });
    if (cursor) query.set("starting_after", cursor);
    const page = await call(key, "GET", `${path}${path.includes("?") ? "&" : "?"}${query}`);
    items.push(...page.data);
    cursor = page.has_more ? page.next_cursor : null;
  } while (cursor && items.length < most);
  return items;
}

/** Return an action that calls a route and then `after`, for example to reload what has changed. */
export const callThen = (after, key, method, path, body) => async () => {
  await call(key, method, path, body);
  after();
};

/** Return the deliveries of these events. */
export const deliveriesOf = async (key, events) =>
  (await Promise.all(events.map((each) => list(key, `/deliveries?event_id=${each.id}`)))).flat();

/** Return the items of a list that has no pages. */
export const whole = async (key, path) => (await call(key, "GET", path)).data;

/** Call the emulated API as a client would, and return status, headers and body unchecked. */
export async function callApi(key, method, path, body) {
  const started = performance.now();
  const response = await fetch(`/v3${path}`, {
    method,
    headers: {
      ...(key ? { Authorization: inBytes(`Bearer ${key}`) } : {}),
      ...(body === undefined ? {} : { "Content-Type": "application/json" }),
    },
    body,
    cache: "no-store",
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: Object.fromEntries(response.headers),
    text,
    milliseconds: performance.now() - started,
  };
}

/**
 * Follow a world's event stream until the returned function is called.
 *
 * EventSource cannot send an Authorization header, so the stream is read with fetch. After a lost
 * connection it continues after the last message read. If the key has no world (the server restarted
 * without its state, or the world was dropped), it waits for one, and starts at its beginning.
 */
export function follow(key, { onMessages, onPast, onAnew, onState }) {
  const controller = new AbortController();
  let seen = null;
  let world = null;

  async function once() {
    const { created_at: made } = await call(key, "GET", "/world");
    if (world !== null && world !== made) {
      seen = null;
      onAnew();
    }
    world = made;
    const response = await fetch(`/_sandbox/stream?last=1000`, {
      headers: headersFor(key, seen ? { "Last-Event-ID": seen } : {}, true),
      signal: controller.signal,
      cache: "no-store",
    });
    if (!response.ok) throw new ApiError(response.status, await response.json().catch(() => null));
    onState("live");
    if (seen === null) {
      past(key).then(onPast, () => {}); // if it fails, the rows of the stream are still shown
    }
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const pieces = (rest + value).split("\n\n");
      rest = pieces.pop();
      const messages = pieces.map(parseMessage).filter(Boolean);
      if (messages.length) {
        seen = messages.at(-1).seen;
        onMessages(messages);
      }
    }
  }

  (async () => {
    while (!controller.signal.aborted) {
      try {
        await once();
      } catch (error) {
        if (controller.signal.aborted) return;
        onState(error.status === 404 ? "none" : "lost", error);
      }
      if (!controller.signal.aborted) await new Promise((wake) => setTimeout(wake, 700));
    }
  })();
  return () => controller.abort();
}

/** Return earlier events and delivery attempts, since a stream begins with earlier requests only. */
async function past(key) {
  const [events, deliveries] = await Promise.all([list(key, "/events"), list(key, "/deliveries")]);
  return [
    ...events.reverse().map((value) => ({ kind: "event", value })),
    ...deliveries
      .reverse()
      .flatMap((value) =>
        value.attempts.map((attempt) => ({ kind: "delivery", value: { ...value, attempts: [attempt] } })),
      ),
  ];
}

function parseMessage(text) {
  const message = {};
  for (const line of text.split("\n")) {
    const at = line.indexOf(": ");
    if (at > 0) message[line.slice(0, at)] = line.slice(at + 2);
  }
  if (!message.data) return null;
  return { kind: message.event, seen: message.id, value: JSON.parse(message.data) };
}
