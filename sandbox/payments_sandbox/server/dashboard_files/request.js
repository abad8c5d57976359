// One request: what was sent and answered, which rule answered it, and what followed.

import { addressOf } from "./address.js";
import { call, callApi, deliveriesOf, list, PLAIN_CARD, whole } from "./api.js";
import { Action, Badge, Copy, Facts, Form, html, Json, Problem, time, useLoaded } from "./parts.js";
import { useState } from "./preact.js";

/** Return the request as a curl command, with a test card because the journal masks card numbers. */
export function curl(entry) {
  const lines = [`curl -X ${entry.method} '${location.origin}${entry.path.replaceAll("'", "%27")}'`];
  for (const name of ["Authorization", "Content-Type"]) {
    const found = Object.entries(entry.request.headers).find(
      ([each]) => each.toLowerCase() === name.toLowerCase(),
    );
    if (found) lines.push(`-H '${name}: ${found[1].replaceAll("'", "'\\''")}'`);
  }
  if (entry.request.body !== null)
    lines.push(`-d '${JSON.stringify(unmasked(entry.request.body)).replaceAll("'", "'\\''")}'`);
  return lines.join(" \\\n  ");
}

function unmasked(body, cards = []) {
  const method = body?.payment_method;
  if (!method?.card_number) return body;
  const last4 = String(method.card_number).slice(-4);
  const card = cards.find((each) => each.number.endsWith(last4))?.number ?? PLAIN_CARD;
  return { ...body, payment_method: { ...method, card_number: card, ...(method.cvc ? { cvc: "123" } : {}) } };
}

export function Request({ apiKey, id }) {
  const loaded = useLoaded(async () => {
    const entry = await call(apiKey, "GET", `/requests/${encodeURIComponent(id)}`);
    const paymentId = /\/v3\/payments\/([^/?]+)/.exec(entry.path)?.[1] ?? entry.response?.body?.id;
    const [events, audit, cards] = await Promise.all([
      list(apiKey, "/events"),
      call(apiKey, "GET", "/audit"),
      whole(null, "/cards"),
    ]);
    const about = events.filter((each) => paymentId && each.data?.payment_id === paymentId);
    const deliveries = await deliveriesOf(apiKey, about.slice(0, 10));
    return {
      entry,
      paymentId,
      events: about,
      deliveries,
      cards,
      findings: audit.findings.filter((each) => each.requests?.includes(id)),
    };
  }, [apiKey, id]);
  const [scenario, setScenario] = useState(null);
  const [replayed, setReplayed] = useState(null);
  if (!loaded.value) return html`<${Problem} error=${loaded.error} />`;
  const { entry, paymentId, events, deliveries, findings, cards } = loaded.value;
  const write = async () =>
    setScenario(await call(apiKey, "POST", "/scenarios/from_journal", { requests: [id] }));
  const again = async ({ body }) =>
    setReplayed(await callApi(apiKey, entry.method, entry.path.replace(/^\/v3/, ""), body || undefined));
  return html`<h2>${entry.operation ?? `${entry.method} ${entry.path}`} <small>${entry.id}</small></h2>
    <p class="buttons"><${Copy} text=${curl({ ...entry, request: { ...entry.request, body: unmasked(entry.request.body, cards) } })}>copy as curl<//>
      <${Action} does=${write}>write this as a scenario<//></p>
    <${Facts} rows=${[
      ["at", time(entry.at)],
      ["request", html`<code>${entry.method} ${entry.path}</code>`],
      ["answer", entry.response ? entry.response.status : "no reply"],
      ["fault", entry.fault],
      [
        "answered by",
        entry.rule
          ? html`rule <code>${entry.rule}</code>, step ${entry.step}`
          : "the API itself: no rule fired",
      ],
      ["decided while it was held", entry.decided && html`<code>${JSON.stringify(entry.decided)}</code>`],
      [
        "operation",
        entry.committed === true
          ? html`<${Badge} kind="yes">committed<//>`
          : html`<${Badge} kind="no">not committed<//>`,
      ],
      ["did you mean", entry.nearest],
      ["took", entry.duration_ms === null ? null : `${entry.duration_ms} ms`],
    ]} />
    ${
      entry.considered.length > 0 &&
      html`<h3>Rules that did not fire, and why</h3>
      <ul>${entry.considered.map((each) => html`<li><code>${each.rule}</code>: ${each.why_not}</li>`)}</ul>`
    }
    ${
      scenario &&
      html`<h3>As a scenario</h3><${Json} value=${scenario.yaml} label="Scenario" />
      <p class="buttons"><${Copy} text=${scenario.yaml}>copy<//>
        <a class="button" href=${addressOf(apiKey, "scenarios")} onClick=${() => sessionStorage.setItem("payments-sandbox-draft", scenario.yaml)}>open it in the editor</a></p>`
    }
    <div class="columns"><section><h3>Request</h3><${Json} value=${entry.request.headers} label="Request headers" />
      ${entry.request.body !== null && html`<${Json} value=${entry.request.body} label="Request body" />`}</section>
      <section><h3>Response</h3>${
        entry.response
          ? html`<${Json} value=${entry.response.headers} label="Response headers" />
        <${Json} value=${entry.response.body ?? ""} label="Response body" />`
          : html`<p>None: ${entry.fault ?? "the client disconnected"}.</p>`
      }</section></div>
    <h3>What followed</h3>
    ${paymentId && html`<p>Payment <a href=${addressOf(apiKey, "payments", paymentId)}>${paymentId}</a></p>`}
    <ul>${events.map((each) => html`<li>${time(each.created_at)} ${each.type} <small>${each.id}</small></li>`)}
      ${deliveries.map((each) => html`<li>webhook <a href=${addressOf(apiKey, "deliveries", each.id)}>${each.type}</a>: ${each.status} after ${each.attempts.length} attempts</li>`)}
      ${findings.map((each) => html`<li><${Badge} kind="no">${each.kind}<//> ${each.message} <em>${each.advice}</em></li>`)}</ul>
    ${!paymentId && !findings.length && html`<p>Nothing.</p>`}
    <h3>Send it again</h3>
    <p><small>As a new request to <code>/v3</code>. The journal masks card numbers, so the magic card with the same last digits is used instead, or a plain test card.</small></p>
    <${Form} does=${again} submit=${`${entry.method} it again`} label="Send it again">
      ${entry.request.body !== null && html`<label class="wide">Body<textarea name="body" rows="8" spellcheck=${false}>${JSON.stringify(unmasked(entry.request.body, cards), null, 2)}</textarea></label>`}<//>
    ${replayed && html`<h4>${replayed.status} in ${replayed.milliseconds.toFixed(0)} ms</h4><${Json} value=${replayed.text} label="Answer" />`}`;
}
