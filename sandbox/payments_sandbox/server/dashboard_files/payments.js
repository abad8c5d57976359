// The payments of a world, one payment with its history, and a form to pay with a card.

import { addressOf } from "./address.js";
import { call, callApi, deliveriesOf, list, PLAIN_CARD, whole } from "./api.js";
import {
  Action,
  Badge,
  Choice,
  Facts,
  Field,
  Form,
  html,
  Json,
  Problem,
  Table,
  time,
  useFollowed,
  useLoaded,
} from "./parts.js";
import { useState } from "./preact.js";
import { inOrder, money } from "./timeline.js";

const MARKS = { completed: "yes", failed: "no", pending: "due" };
const Status = ({ status }) => html`<${Badge} kind=${MARKS[status]}>${status}<//>`;

const cardOf = ({ payment_method: { brand, type, last4 } }) => `${brand ?? type} ${last4 ?? ""}`;

export function Payments({ apiKey, timeline }) {
  const { value, error } = useFollowed(() => list(apiKey, "/payments"), [apiKey], timeline);
  const [filter, setFilter] = useState({
    customer_id: "",
    status: "",
    created_after: "",
    created_before: "",
  });
  const set = (event) => setFilter({ ...filter, [event.target.name]: event.target.value });
  const isWanted = (each) =>
    (!filter.customer_id || each.customer_id === filter.customer_id) &&
    (!filter.status || each.status === filter.status) &&
    (!filter.created_after || each.created_at > filter.created_after) &&
    (!filter.created_before || each.created_at < filter.created_before);
  const rows = (value ?? []).filter(isWanted);
  return html`<h2>Payments</h2><${PayWithCard} apiKey=${apiKey} />
    <form class="tools" onInput=${set} onSubmit=${(event) => event.preventDefault()} aria-label="Filters">
      <${Field} label="customer_id" name="customer_id" data-search=${true} />
      <${Choice} label="status" name="status" options=${["", "pending", "completed", "failed"]} />
      <${Field} label="created_after" name="created_after" placeholder="2030-01-15T09:00:00Z" />
      <${Field} label="created_before" name="created_before" placeholder="2030-01-16T09:00:00Z" />
      <small role="status">${rows.length} of ${(value ?? []).length}${(value ?? []).length === 1000 ? " (the newest thousand)" : ""}</small></form>
    <${Problem} error=${error} />
    <${Table} label="Payments" head=${["created", "payment", "status", "amount", "customer", "card", "refunded", "charged back"]}
      empty="No payments: pay with one of the cards above, or with your client."
      rows=${rows
        .slice(0, 300)
        .map((each) => ({
          key: each.id,
          cells: [
            time(each.created_at),
            html`<a href=${addressOf(apiKey, "payments", each.id)}>${each.id}</a>`,
            html`<${Status} status=${each.status} />${each.failure_code ? html` <small>${each.failure_code}</small>` : ""}`,
            money(each.amount, each.currency),
            each.customer_id,
            cardOf(each),
            each.refunded || "",
            each.charged_back || "",
          ],
        }))} />
    ${rows.length > 300 && html`<p><small>Only the first 300 are shown; filter to find others.</small></p>`}`;
}

function PayWithCard({ apiKey }) {
  const cards = useLoaded(() => whole(null, "/cards"), []);
  const [answer, setAnswer] = useState(null);
  const [chosen, setChosen] = useState(PLAIN_CARD);
  const pay = async ({ number, amount, currency, customer, description }) => {
    try {
      setAnswer(
        await callApi(
          apiKey,
          "POST",
          "/payments",
          JSON.stringify({
            amount: Number(amount),
            currency,
            customer_id: customer,
            ...(description && { description }),
            payment_method: { type: "card", card_number: number, exp_month: 12, exp_year: 2040, cvc: "123" },
          }),
        ),
      );
    } catch (error) {
      setAnswer({
        status: "no reply",
        text: `The connection ended without an answer (${error.message}).`,
        milliseconds: 0,
      });
    }
  };
  const card = (cards.value ?? []).find((each) => each.number === chosen);
  return html`<details><summary>Pay with a card</summary>
    <${Form} does=${pay} submit="Pay" label="Pay with a card">
      <label>Card<select name="number" value=${chosen} onChange=${(event) => setChosen(event.target.value)}>
        <option value=${PLAIN_CARD}>plain: completes</option>
        ${(cards.value ?? []).map((each) => html`<option value=${each.number}>${each.name}</option>`)}</select></label>
      <${Field} label="Amount (minor units)" name="amount" value="2500" inputmode="numeric" required />
      <${Field} label="Currency" name="currency" value="USD" required maxlength="3" size="4" />
      <${Field} label="Customer" name="customer" value="cust_ada" required />
      <${Field} label="Description" name="description" />
    <//>
    <p><small>${card ? `${card.number}: ${card.description}` : `${PLAIN_CARD}: an ordinary card.`}</small></p>
    ${answer && html`<h4 role="status">${answer.status}</h4><${Json} value=${answer.text} label="Answer" />`}</details>`;
}

export function Payment({ apiKey, id, timeline }) {
  const { value, error, reload } = useFollowed(
    async () => {
      const [payment, events, requests] = await Promise.all([
        call(apiKey, "GET", `/payments/${encodeURIComponent(id)}`).catch((error) => {
          if (error.status === 404) return null;
          throw error;
        }),
        list(apiKey, "/events", 10000),
        list(apiKey, "/requests"),
      ]);
      const about = events.filter((each) => each.data?.payment_id === id);
      const deliveries = await deliveriesOf(apiKey, about.slice(0, 20));
      const calls = requests.filter((each) => each.path.includes(id) || each.response?.body?.id === id);
      return { payment, about, deliveries, calls };
    },
    [apiKey, id],
    timeline,
  );
  if (!value) return html`<${Problem} error=${error} />`;
  const { payment, about, deliveries, calls } = value;
  if (!payment)
    return html`<h2>${id}</h2><p class="problem">This world has no payment with this id.</p>`;
  const act =
    (verb) =>
    async (body = {}) => {
      await call(apiKey, "POST", `/payments/${id}/${verb}`, body);
      reload();
    };
  const amountOf = ({ amount, reason }) => ({
    ...(amount && { amount: Number(amount) }),
    ...(reason && { reason }),
  });
  const refund = async (fields) => {
    const answer = await callApi(apiKey, "POST", `/payments/${id}/refunds`, JSON.stringify(amountOf(fields)));
    if (answer.status >= 400) throw new Error(answer.text);
    reload();
  };
  const history = [
    ...calls.map((each) => ({
      at: each.at,
      what: html`<a href=${addressOf(apiKey, "requests", each.id)}>${each.operation ?? each.path}</a>`,
      outcome: each.fault ?? each.response?.status ?? "no reply",
    })),
    ...about.map((each) => ({
      at: each.created_at,
      what: each.type,
      outcome: each.data.amount === undefined ? "" : money(each.data.amount, each.data.currency),
    })),
    ...deliveries.flatMap((each) =>
      each.attempts.map((attempt) => ({
        at: attempt.at,
        what: html`webhook <a href=${addressOf(apiKey, "deliveries", each.id)}>${each.type}</a>`,
        outcome: attempt.error ?? `answered ${attempt.response?.status}`,
      })),
    ),
  ].sort((left, right) => inOrder(left.at, right.at));
  return html`<h2>${money(payment.amount, payment.currency)} <${Status} status=${payment.status} /> <small>${id}</small></h2>
    <${Facts} rows=${[
      ["customer", payment.customer_id],
      ["description", payment.description],
      ["created", time(payment.created_at)],
      ["card", cardOf(payment)],
      ["refunded", payment.refunded || null],
      ["charged back", payment.charged_back || null],
      ["failure code", payment.failure_code],
    ]} />
    ${
      payment.status === "pending" &&
      html`<div class="forms"><${Action} does=${act("complete")} kind="main">complete<//>
      <${Form} does=${({ code }) => act("fail")(code ? { code } : {})} submit="fail" label="Fail the payment">
        <${Field} label="Decline code" name="code" placeholder="card_declined" /><//></div>`
    }
    ${
      payment.status === "completed" &&
      html`<div class="forms">
      <${Form} does=${refund} submit="refund" label="Refund the payment"><${Field} label="Amount" name="amount" placeholder="the remaining amount" inputmode="numeric" /><${Field} label="Reason" name="reason" /><//>
      <${Form} does=${(fields) => act("chargeback")(amountOf(fields))} submit="charge back" label="Charge the payment back"><${Field} label="Amount" name="amount" placeholder="the remaining amount" inputmode="numeric" /><${Field} label="Reason" name="reason" placeholder="fraudulent" /><//></div>`
    }
    <h3>History</h3><${Table} label="History" head=${["at", "what", "outcome"]} rows=${history.map((each, index) => ({ key: index, cells: [time(each.at), each.what, each.outcome] }))} />`;
}
