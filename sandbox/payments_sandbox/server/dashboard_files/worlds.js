// All worlds of the server: create one, copy what a client needs, reset or drop one.

import { addressOf, leadTo } from "./address.js";
import { call, callThen, list, PLAIN_CARD, whole } from "./api.js";
import {
  Action,
  Choice,
  Copy,
  Field,
  Form,
  html,
  Problem,
  Table,
  time,
  useEvery,
  useLoaded,
} from "./parts.js";

/** Return the variables that `payments-sandbox run` sets for a command, as the lines of an .env file. */
const environment = (world) =>
  [
    `PAYMENTS_BASE_URL=${world.base_url}`,
    `PAYMENTS_API_KEY=${world.api_key}`,
    `PAYMENTS_WEBHOOK_SECRET=${world.webhook_secret}`,
    `PAYMENTS_SANDBOX_URL=${world.sandbox_url}`,
  ].join("\n");

export function Worlds() {
  const { value, error, reload } = useLoaded(() => list(null, "/worlds"), []);
  useEvery(2000, reload, []);
  const library = useLoaded(() => whole(null, "/scenarios"), []);
  const make = async ({ name, api_key: key, seed, clock }, form) => {
    const scenarios = new FormData(form).getAll("scenarios");
    const making = call(null, "POST", "/worlds", {
      ...(name && { name }),
      ...(key && { api_key: key }),
      ...(seed && { seed: Number(seed) }),
      ...(clock && { clock }),
      ...(scenarios.length && { scenarios }),
    });
    await leadTo(making, (made) => addressOf(made.api_key, "now"));
  };
  return html`<h2>Worlds</h2>
    <p>Each API key has its own world, with its own payments, clock, webhooks and rate limit. The first request with a key makes its world.</p>
    <${Problem} error=${error} />
    <${Table} label="Worlds" head=${["world", "clock", "payments", "requests", "last used", ""]}
      empty=${html`<p>No world has been used yet. Send a first request:</p>${value !== null && html`<${FirstCall} />`}`}
      rows=${(value ?? []).map((world) => ({
        key: world.api_key,
        cells: [
          html`<a href=${addressOf(world.api_key, "now")}><code>${world.api_key}</code></a>${world.name ? html`<br /><small>${world.name}</small>` : ""}`,
          html`${time(world.clock.now)} <small>${world.clock.mode}</small>`,
          html`${Object.values(world.payments).reduce((sum, each) => sum + each, 0)} <small>${Object.entries(
            world.payments,
          )
            .filter(([, n]) => n)
            .map(([status, n]) => `${n} ${status}`)
            .join(", ")}</small>`,
          world.requests.kept + world.requests.dropped,
          time(world.used_at),
          html`<span class="buttons"><${Copy} text=${world.api_key}>key<//><${Copy} text=${world.webhook_secret}>secret<//>
          <${Copy} text=${environment(world)}>environment<//>
          <${Action} does=${callThen(reload, world.api_key, "POST", "/world/reset", {})} sure="really reset?">reset<//>
          <${Action} does=${callThen(reload, world.api_key, "DELETE", "/world")} sure="really drop?" kind="danger">drop<//></span>`,
        ],
      }))} />
    <h3>Create a world</h3>
    <${Form} does=${make} submit="Create" label="Create a world">
      <${Field} label="Name" name="name" placeholder="shown in reports" maxlength="255" />
      <${Field} label="API key" name="api_key" placeholder="sk_test_… (generated)" />
      <${Field} label="Seed" name="seed" inputmode="numeric" placeholder="determines all ids" />
      <${Field} label="Clock" name="clock" placeholder="live, or 2030-01-15T09:00:00Z" />
      <${Choice} label="Scenarios (ctrl for several)" name="scenarios" multiple size="4" options=${(library.value ?? []).map((each) => each.name)} />
    <//>`;
}

const firstCall = (key) => `curl ${location.origin}/v3/payments \\
  -H 'Authorization: Bearer ${key}' -H 'Content-Type: application/json' \\
  -d '{"amount": 2500, "currency": "USD", "customer_id": "cust_ada", "payment_method":
       {"type": "card", "card_number": "${PLAIN_CARD}", "exp_month": 12, "exp_year": 2040, "cvc": "123"}}'`;

export function FirstCall({ apiKey = "sk_test_first" }) {
  const text = firstCall(apiKey);
  return html`<pre class="json" tabindex="0" role="region" aria-label="A first request">${text}</pre><${Copy} text=${text}>copy the line<//>`;
}
