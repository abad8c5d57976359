// The clock bar: the time, what is due next, buttons to advance it, and the rate limit as a gauge.

import { call, callThen } from "./api.js";
import { Action, Form, html, Problem, useEvery, useFollowed, useSeconds } from "./parts.js";
import { useState } from "./preact.js";

const STEPS = [
  ["+1 h", "1h"],
  ["+1 d", "1d"],
  ["+45 d", "45d"],
];

/** Load a world's clock and rate limit, again after each change. */
export function useClock(apiKey, timeline) {
  const load = async () => {
    const [clock, limit] = await Promise.all([
      call(apiKey, "GET", "/clock"),
      call(apiKey, "GET", "/rate_limit"),
    ]);
    return { clock, limit, read: Date.now() };
  };
  const loaded = useFollowed(load, [apiKey], timeline);
  useEvery(3000, loaded.reload, []);
  return loaded;
}

export function ClockBar({ apiKey, clock: loaded }) {
  const { value, error, reload } = loaded;
  useSeconds();
  if (!value)
    return html`<div class="bar" role="region" aria-label="Clock and rate limit"><${Problem} error=${error} /></div>`;
  const { clock, limit, read } = value;
  const isLive = clock.mode === "live";
  const now = Date.parse(clock.now) + (isLive ? Date.now() - read : 0);
  const ahead = now - Date.now();
  const next = clock.due[0];
  const move = (body) => callThen(reload, apiKey, "POST", "/clock/advance", body);
  const set = (path) => callThen(reload, apiKey, "POST", path, {});
  const limitTo = (remaining) => callThen(reload, apiKey, "PUT", "/rate_limit", { remaining });
  const to = ({ to: text }) => move(/^\d{4}-/.test(text) ? { to: text } : { by: text })();
  return html`<div class="bar" role="region" aria-label="Clock and rate limit">
    <span class="clock"><strong>${new Date(now).toISOString().slice(0, 19).replace("T", " ")}</strong>
      <small>${isLive ? "live" : "frozen"}${Math.abs(ahead) > 60000 ? `, ${span(ahead)} ${ahead > 0 ? "ahead of" : "behind"} real time` : ""}</small></span>
    <span class="due">${next ? html`next due: ${next.what} in ${span(Date.parse(next.at) - now)}` : "nothing is due"}</span>
    <span class="buttons">
      <${DataAction} data="next" does=${move({ next: true })} disabled=${!next}>next due<//>
      ${STEPS.map(([text, by]) => html`<${Action} key=${by} does=${move({ by })}>${text}<//>`)}
      <${DataAction} data="freeze" does=${set(isLive ? "/clock/freeze" : "/clock/resume")}>${isLive ? "freeze" : "resume"}<//>
    </span>
    <${Form} does=${to} submit="advance" label="Advance the clock"><input name="to" required size="14"
      aria-label="by a duration such as 3d, or to an instant" placeholder="3d or 2030-…" /><//>
    <span class="gauge"><label>rate limit <meter min="0" max=${limit.limit} value=${limit.remaining} low=${limit.limit / 10}></meter></label>
      <small>${limit.remaining} of ${limit.limit}</small></span>
    <span class="buttons"><${Action} does=${limitTo(0)}>exhaust<//><${Action} does=${limitTo(limit.limit)}>refill<//></span>
    <${Problem} error=${error} /></div>`;
}

/** A button of the bar that has a keyboard shortcut. */
function DataAction({ data, does, disabled, children }) {
  const [problem, setProblem] = useState(null);
  const click = () => does().then(() => setProblem(null), setProblem);
  return html`<button type="button" ...${{ [`data-${data}`]: true }} disabled=${disabled} onClick=${click}>${children}</button>
    <${Problem} error=${problem} />`;
}

const UNITS = [
  ["d", 86400],
  ["h", 3600],
  ["min", 60],
  ["s", 1],
];

/** Format a duration in its two largest units. */
export function span(milliseconds) {
  let seconds = Math.round(Math.abs(milliseconds) / 1000);
  const parts = [];
  for (const [unit, length] of UNITS) {
    const count = Math.floor(seconds / length);
    seconds -= count * length;
    if (count) parts.push(`${count} ${unit}`);
  }
  return parts.slice(0, 2).join(" ") || "0 s";
}
