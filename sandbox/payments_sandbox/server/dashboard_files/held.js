// The calls that wait for a decision, and the button that lets the next one wait.

import { call, callThen, whole } from "./api.js";
import { Action, Badge, choices, Form, html, Json, useFollowed, useSeconds } from "./parts.js";
import { useEffect, useState } from "./preact.js";
import { money } from "./timeline.js";

const NAME = "hold-next-call";
const OPERATIONS = [
  ["*", "any operation"],
  "create_payment",
  "retrieve_payment",
  "list_payments",
  "create_refund",
];
const DECLINES = {
  create_payment: "card_declined",
  create_refund: "refund_declined",
  retrieve_payment: "payment_not_found",
};
const STEPS = [
  "{delay: 2s}",
  "{respond: {error: rate_limit_exceeded}}",
  "{hang: {commit: false}}",
  "{malform: {commit: true, as: html}}",
  "{truncate: {commit: true, keep: 40%}}",
  "{settle: [{to: pending}, {to: completed, after: 2h}]}",
  "{hold: {for: 1h}}",
];

/** A button that holds the next call of an operation; calls already held stay held. */
export function HoldNext({ apiKey, timeline }) {
  const [operation, setOperation] = useState("*");
  const active = useFollowed(() => whole(apiKey, "/scenarios/active"), [apiKey], timeline);
  const hold = async () => {
    const others = (await whole(apiKey, "/scenarios/active"))
      .filter((each) => each.name !== NAME)
      .map((each) => each.scenario);
    const about = `Asked for at ${new Date().toISOString()}.`; // a text that differs from the last one, so that counting starts again
    const rules = [{ name: "hold", request: operation, do: [{ hold: { for: "10m" } }] }];
    await call(apiKey, "PUT", "/scenarios/active", [...others, { scenario: NAME, about, rules }]);
    active.reload();
  };
  const end = callThen(active.reload, apiKey, "DELETE", `/scenarios/active?name=${NAME}`);
  const isThere = (active.value ?? []).some((each) => each.name === NAME);
  return html`<span class="buttons"><${Action} does=${hold} data="hold">hold the next call<//>
    <label class="check">of <select value=${operation} onChange=${(event) => setOperation(event.target.value)}>
      ${choices(OPERATIONS)}</select></label>
    ${isThere && html`<${Action} does=${end}>stop holding<//>`}</span>`;
}

/** The calls held now, each with the possible decisions. */
export function Held({ apiKey, timeline }) {
  const [held, setHeld] = useState(timeline.held);
  useEffect(() => timeline.subscribe(() => setHeld(timeline.held)), [timeline]);
  return html`<section aria-label="Calls that are held">
    <p role="status">${held.length ? `${held.length === 1 ? "One call is" : `${held.length} calls are`} held, without any effect so far.` : ""}</p>
    <datalist id="steps">${STEPS.map((each) => html`<option value=${each} />`)}</datalist>
    ${held.map((each) => html`<${HeldCall} key=${each.id} apiKey=${apiKey} held=${each} />`)}</section>`;
}

function HeldCall({ apiKey, held }) {
  useSeconds();
  const post = async (body, options) => {
    try {
      await call(apiKey, "POST", `/held/${held.id}`, body, options);
    } catch (error) {
      if (error.code !== "not_held") throw error; // it has continued meanwhile: its row shows the outcome
    }
  };
  const decide = (step) => () => post({ do: step });
  const left = Math.max(0, Math.round((Date.parse(held.until) - Date.now()) / 1000));
  const decline = DECLINES[held.operation];
  const isWrite = held.method === "POST";
  const { amount, currency, customer_id: customer } = held.request.body ?? {};
  const about = [typeof amount === "number" && money(amount, currency), customer].filter(Boolean).join(" · ");
  return html`<article class="card held"><h3><${Badge} kind="due">held<//> ${held.operation} <small>${held.path}${about && ` · ${about}`}</small></h3>
    <p><small>by the rule ${held.rule} of ${held.scenario}; continues by itself in ${Math.floor(left / 60)} min ${left % 60} s</small></p>
    <p class="buttons"><${Action} does=${decide("pass")} kind="main">answer<//>
      ${decline && html`<${Action} does=${decide({ respond: { error: decline } })}>decline<//>`}
      <${Action} does=${decide({ drop: { commit: isWrite } })}>lose the reply<//>
      <${Action} does=${decide({ respond: { error: "internal_error", ...(isWrite && { commit: true }) } })}>${isWrite ? "500 after commit" : "500"}<//></p>
    <${Form} does=${({ step }) => post(`do: ${step}`, { yaml: true })} submit="decide" label="Another step"><label>Another step
      <input name="step" list="steps" required size="34" autocomplete="off" spellcheck=${false} placeholder="{delay: 2s}" /></label><//>
    ${held.request.body && html`<details><summary>Request body</summary><${Json} value=${held.request.body} label="Body of the held call" /></details>`}</article>`;
}
