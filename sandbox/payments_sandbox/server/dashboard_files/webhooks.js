// Webhook endpoints, deliveries with each attempt and its signature explained, and inboxes.

import { addressOf, leadTo } from "./address.js";
import { call, callThen, list } from "./api.js";
import {
  Action,
  Badge,
  Choice,
  choices,
  Copy,
  Facts,
  Field,
  Form,
  html,
  Json,
  Problem,
  Table,
  time,
  useEvery,
  useFollowed,
  useLoaded,
} from "./parts.js";
import { useEffect, useState } from "./preact.js";

const MARKS = { delivered: "yes", failed: "no", pending: "due", disabled: "" };
const Status = ({ status }) => html`<${Badge} kind=${MARKS[status]}>${status}<//>`;
const TYPES = ["payment.completed", "payment.failed", "refund.created", "chargeback.created"];

const headerLines = (headers) => Object.entries(headers).map(([name, text]) => `${name}: ${text}`);

export function Webhooks({ apiKey, timeline }) {
  const [status, setStatus] = useState("");
  const load = async () => {
    const [endpoints, deliveries] = await Promise.all([
      list(apiKey, "/webhook_endpoints"),
      list(apiKey, `/deliveries${status ? `?status=${status}` : ""}`, 200),
    ]);
    return { endpoints, deliveries };
  };
  const { value, error, reload } = useFollowed(load, [apiKey, status], timeline);
  const { endpoints = [], deliveries = [] } = value ?? {};
  const urls = Object.fromEntries(endpoints.map((each) => [each.id, each.url]));
  const send = async ({ type, payment }, form) => {
    await call(apiKey, "POST", "/events", { type, ...(payment && { payment_id: payment }) });
    form.reset();
    reload();
  };
  return html`<h2>Webhooks</h2><${Problem} error=${error} />
    <h3>Endpoints</h3>
    ${
      endpoints.length
        ? endpoints.map(
            (each) =>
              html`<${Endpoint} key=${each.id} apiKey=${apiKey} endpoint=${each} reload=${reload} deliveries=${deliveries} />`,
          )
        : html`<div class="empty">No endpoints yet. The url <code>inbox:orders</code> is a built-in receiver, so nothing else has to run.</div>`
    }
    <${NewEndpoint} apiKey=${apiKey} reload=${reload} />
    <h3>Send a test event</h3>
    <${Form} does=${send} submit="send" label="Send a test event"><${Choice} label="Type" name="type" options=${TYPES} />
      <${Field} label="Payment" name="payment" placeholder="a new one" /><//>
    <${Pasted} apiKey=${apiKey} endpoints=${endpoints} />
    <h3>Deliveries</h3>
    <div class="tools"><label>Status <select data-search value=${status} onChange=${(event) => setStatus(event.target.value)}>
      ${choices(["", "pending", "delivered", "failed", "disabled"], "all")}</select></label></div>
    <${Table} label="Deliveries" head=${["event", "to", "status", "attempts", "last answer", "next attempt"]} empty="No deliveries."
      rows=${deliveries.map((each) => ({
        key: each.id,
        cells: [
          html`<a href=${addressOf(apiKey, "deliveries", each.id)}>${each.type}</a>`,
          urls[each.endpoint_id] ?? each.endpoint_id,
          html`<${Status} status=${each.status} />`,
          each.attempts.length,
          each.attempts.at(-1)?.error ?? each.attempts.at(-1)?.response?.status ?? "",
          each.next_attempt_at ? time(each.next_attempt_at) : "",
        ],
      }))} />
    <${Inbox} apiKey=${apiKey} names=${endpoints.filter((each) => each.url.startsWith("inbox:")).map((each) => each.url.slice(6))} />`;
}

/** A form that verifies a pasted webhook with the secret of each endpoint. */
function Pasted({ apiKey, endpoints }) {
  const [verdicts, setVerdicts] = useState(null);
  const judge = async ({ headers, body, age }) => {
    const lines = headers
      .split("\n")
      .map((line) => line.replace(/^-H\s+|['"\\]/g, "").split(/:\s*(.*)/s))
      .filter(([name, value]) => name.trim() && value !== undefined);
    const message = {
      headers: Object.fromEntries(lines.map(([name, value]) => [name.trim(), value.trim()])),
      body,
      ...(age && { now: "ignore" }),
    };
    setVerdicts(
      await Promise.all(
        endpoints.map(async ({ id, url }) => ({
          id,
          url,
          ...(await call(apiKey, "POST", `/webhook_endpoints/${id}/verify`, message)),
        })),
      ),
    );
  };
  return html`<details><summary>Why was a webhook rejected? Paste it here</summary>
    ${
      endpoints.length
        ? html`<${Form} does=${judge} submit="verify" label="Verify a webhook">
      <label class="wide">Headers, one per line<textarea name="headers" rows="4" required spellcheck=${false} placeholder="webhook-id: evt_…"></textarea></label>
      <label class="wide">Body, exactly as received<textarea name="body" rows="4" spellcheck=${false} placeholder='{"id":"evt_…"}'></textarea></label>
      <label class="check"><input type="checkbox" name="age" checked /> ignore its age</label><//>`
        : html`<p>No endpoint could have sent it: create one first.</p>`
    }
    <div role="status">${verdicts?.map(
      (each) =>
        html`<p key=${each.id}><code>${each.url}</code> ${
          each.verified
            ? html`<${Badge} kind="yes">good<//> its receiver accepts it`
            : html`<${Badge} kind="no">refused<//> ${each.reason}`
        }</p>`,
    )}</div></details>`;
}

function NewEndpoint({ apiKey, reload }) {
  const make = async ({ url, events, scheme, header, headers, description }, form) => {
    const custom = Object.fromEntries(
      headers
        .split("\n")
        .map((line) => line.split(/:\s*(.*)/s))
        .filter(([name]) => name.trim())
        .map(([name, value]) => [name.trim(), value ?? ""]),
    );
    await call(apiKey, "POST", "/webhook_endpoints", {
      url,
      ...(events && { events: events.split(/[\s,]+/).filter(Boolean) }),
      signature: { scheme, ...(scheme !== "standard" && header && { header }) },
      ...(Object.keys(custom).length && { headers: custom }),
      ...(description && { description }),
    });
    form.reset();
    reload();
  };
  return html`<details><summary>Create an endpoint</summary><${Form} does=${make} submit="Create" label="Create an endpoint">
    <${Field} label="URL" name="url" required placeholder="http://localhost:3000/webhooks or inbox:orders" size="36" />
    <${Field} label="Events" name="events" placeholder="all, or payment.* refund.created" />
    <${Choice} label="Signature" name="scheme" options=${["standard", "timestamped", "hmac"]} />
    <${Field} label="Signature header" name="header" placeholder="for the other schemes" />
    <${Field} label="Description" name="description" />
    <label class="wide">Custom headers, one per line<textarea name="headers" rows="2" placeholder="X-Tenant: 7"></textarea></label><//></details>`;
}

function Endpoint({ apiKey, endpoint, reload, deliveries }) {
  const [shown, setShown] = useState(false);
  const path = `/webhook_endpoints/${endpoint.id}`;
  const mine = deliveries.filter((each) => each.endpoint_id === endpoint.id);
  const failed = mine.filter((each) => each.attempts.at(-1)?.error).length;
  return html`<article class="card"><h4>${endpoint.url} ${endpoint.enabled ? "" : html`<${Badge} kind="no">disabled<//>`}</h4>
    <${Facts} rows=${[
      ["id", endpoint.id],
      ["description", endpoint.description],
      ["events", endpoint.events.join(", ")],
      ["signature", endpoint.signature.scheme],
      ["headers", headerLines(endpoint.headers).join(", ")],
      [
        "health",
        mine.length
          ? `${mine.length - failed} of the last ${mine.length} deliveries succeeded`
          : "nothing sent yet",
      ],
      [
        "secret",
        html`${shown ? html`<code>${endpoint.secret}</code>` : "whsec_…"} <button type="button" class="quiet" onClick=${() => setShown(!shown)}>${shown ? "hide" : "reveal"}</button> <${Copy} text=${endpoint.secret} />`,
      ],
    ]} />
    <p class="buttons"><${Action} does=${callThen(reload, apiKey, "POST", `${path}/rotate_secret`, {})} sure="really rotate?">rotate the secret<//>
      <${Action} does=${callThen(reload, apiKey, "PATCH", path, { enabled: !endpoint.enabled })}>${endpoint.enabled ? "disable" : "enable"}<//>
      <${Action} does=${callThen(reload, apiKey, "DELETE", path)} sure="really delete?" kind="danger">delete<//></p></article>`;
}

export function Delivery({ apiKey, id, timeline }) {
  const { value, error } = useFollowed(
    async () => {
      const delivery = await call(apiKey, "GET", `/deliveries/${encodeURIComponent(id)}`);
      const endpoint = await call(apiKey, "GET", `/webhook_endpoints/${delivery.endpoint_id}`).catch(
        () => null,
      );
      return { delivery, endpoint };
    },
    [apiKey, id],
    timeline,
  );
  if (!value) return html`<${Problem} error=${error} />`;
  const { delivery, endpoint } = value;
  const again = () =>
    leadTo(
      call(apiKey, "POST", `/events/${delivery.event_id}/resend`, { endpoint_id: delivery.endpoint_id }),
      (made) => addressOf(apiKey, "deliveries", made.data[0].id),
    );
  return html`<h2>${delivery.type} <${Status} status=${delivery.status} /> <small>${delivery.id}</small></h2>
    <${Facts} rows=${[
      ["event", delivery.event_id],
      ["to", endpoint?.url ?? delivery.endpoint_id],
      ["next attempt", delivery.next_attempt_at && time(delivery.next_attempt_at)],
    ]} />
    <p class="buttons"><${Action} does=${again}>send the event again<//></p>
    ${delivery.attempts.map(
      (
        attempt,
        index,
      ) => html`<section key=${index}><h3>Attempt ${index + 1}: ${attempt.error ?? `answered ${attempt.response?.status}`}</h3>
      <${Facts} rows=${[
        ["at", time(attempt.at)],
        ["sent in real time at", attempt.sent_at],
        ["took", `${attempt.duration_ms} ms`],
      ]} />
      <div class="columns"><div><h4>Request</h4><${Json} value=${headerLines(attempt.request.headers).join("\n")} label="Headers that were sent" /><${Json} value=${attempt.request.body} label="Body that was sent" /></div>
      <div><h4>Response</h4>${
        attempt.response
          ? html`<${Json} value=${[attempt.response.status, ...headerLines(attempt.response.headers), "", attempt.response.body].join("\n")} label="Answer of the receiver" />`
          : html`<p>Nothing: ${attempt.error}</p>`
      }</div></div>
      ${endpoint && html`<${Signature} endpoint=${endpoint} attempt=${attempt} />`}</section>`,
    )}
    ${delivery.attempts.length === 0 && html`<p class="empty">No attempts yet.</p>`}`;
}

/** An explanation of the signature: what was signed, with which key, and whether it matches. */
function Signature({ endpoint, attempt }) {
  const headers = Object.fromEntries(
    Object.entries(attempt.request.headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
  const [found, setFound] = useState(null);
  const isStandard = endpoint.signature.scheme === "standard";
  const signed = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${attempt.request.body}`;
  useEffect(() => {
    if (isStandard && crypto.subtle)
      standardSignature(endpoint.secret, signed).then(setFound, () => setFound(null));
  }, [signed, endpoint.secret]);
  if (!isStandard)
    return html`<details><summary>The signature</summary><p>Scheme <code>${endpoint.signature.scheme}</code> in the header <code>${endpoint.signature.header}</code>: see the page on webhooks.</p></details>`;
  const given = (headers["webhook-signature"] ?? "").split(" ");
  return html`<details><summary>The signature, explained</summary><ol>
    <li>The signed text is <code>webhook-id.webhook-timestamp.body</code>:<${Json} value=${signed} label="What is signed" /></li>
    <li>It is signed with HMAC-SHA-256; the key is the secret after <code>whsec_</code>, decoded from Base64.</li>
    <li>The signature is sent as <code>v1,</code> and Base64: <code>${headers["webhook-signature"] ?? "no signature"}</code></li>
    ${found && html`<li>Computed here: <code>${found}</code>, ${given.includes(found) ? html`<${Badge} kind="yes">the same<//>` : html`<${Badge} kind="no">different<//> forged, garbled, or made with a secret that has been rotated since`}</li>`}</ol></details>`;
}

async function standardSignature(secret, text) {
  const bytes = Uint8Array.from(atob(secret.replace(/^whsec_/, "")), (each) => each.charCodeAt(0));
  const key = await crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  const signature = await crypto.subtle.sign("HMAC", key, new TextEncoder().encode(text));
  return `v1,${btoa(String.fromCharCode(...new Uint8Array(signature)))}`;
}

function Inbox({ apiKey, names }) {
  const [name, setName] = useState("");
  const wanted = name || names[0];
  const path = wanted && `/inbox/${encodeURIComponent(wanted)}`;
  const { value, error, reload } = useLoaded(
    () => (path ? list(apiKey, path) : Promise.resolve([])),
    [apiKey, wanted],
  );
  useEvery(1000, reload, []);
  const script = async ({ statuses }) =>
    call(apiKey, "PUT", path, {
      respond: statuses
        .split(/[\s,]+/)
        .filter(Boolean)
        .map(Number),
    });
  return html`<h3>Inbox</h3><p class="tools"><label>Name <input value=${name} placeholder=${names[0] ?? "orders"} onInput=${(event) => setName(event.target.value)} /></label></p>
    <${Problem} error=${error} />
    ${
      wanted &&
      html`<${Form} does=${script} submit="answer the next messages with these" label="Answers of the inbox"><${Field} label="Statuses" name="statuses" placeholder="500 500 200" required /><//>
      <p class="buttons"><${Action} does=${callThen(reload, apiKey, "DELETE", path)}>empty<//></p>`
    }
    <${Table} label="Messages of the inbox" head=${["received", "signature", "message"]} empty="No messages."
      rows=${(value ?? []).map((each, index) => ({
        key: index,
        cells: [
          time(each.received_at),
          each.verified
            ? html`<${Badge} kind="yes">verified<//>`
            : html`<${Badge} kind="no">${each.reason}<//>`,
          html`<${Json} value=${each.raw} label="Message" />`,
        ],
      }))} />`;
}
