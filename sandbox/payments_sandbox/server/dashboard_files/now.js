// One list in the order of the world's clock: what is due above the line, what has happened below it.

import { addressOf } from "./address.js";
import { call } from "./api.js";
import { span } from "./clock.js";
import { Held, HoldNext } from "./held.js";
import { Badge, choices, html, Problem, useAction } from "./parts.js";
import { useEffect, useMemo, useRef, useState } from "./preact.js";
import { describe } from "./timeline.js";
import { FirstCall } from "./worlds.js";

const ROW = 30;

export function Now({ apiKey, timeline, clock }) {
  const [version, setVersion] = useState(timeline.version);
  const [filter, setFilter] = useState({ text: "", kind: "", wrong: false });
  useEffect(() => timeline.subscribe(() => timeline.paused || setVersion(timeline.version)), [timeline]);
  const rows = useMemo(() => chosen(timeline.rows, filter), [version, filter]);
  const pause = () => {
    timeline.pause(!timeline.paused);
    setVersion(timeline.version);
  };
  useEffect(() => {
    const press = (event) => {
      if (event.key === " " && event.target === document.body) {
        event.preventDefault();
        pause();
      }
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, []);
  const move = useAction(async (at) => {
    await call(apiKey, "POST", "/clock/advance", { to: at });
    clock.reload();
  });
  const due = clock.value?.clock.due ?? [];
  const now = Date.parse(clock.value?.clock.now);
  return html`<div class="tools">
      <label>Filter <input data-search type="search" value=${filter.text} placeholder="payment, rule, …" title="matches payment, customer, type, status or rule"
        onInput=${(event) => setFilter({ ...filter, text: event.target.value })} /></label>
      <label>Kind <select value=${filter.kind} onChange=${(event) => setFilter({ ...filter, kind: event.target.value })}>
        ${choices([
          ["", "all"],
          ["request", "requests"],
          ["event", "events"],
          ["delivery", "webhook attempts"],
        ])}</select></label>
      <label class="check"><input type="checkbox" checked=${filter.wrong} onChange=${(event) => setFilter({ ...filter, wrong: event.target.checked })} /> only what went wrong</label>
      <button type="button" onClick=${pause} aria-pressed=${timeline.paused}>${timeline.paused ? `resume (${timeline.waiting} new)` : "pause"}</button>
      <small role="status">${rows.length} rows${timeline.dropped ? `, ${timeline.dropped} more were dropped` : ""}</small>
      <${HoldNext} apiKey=${apiKey} timeline=${timeline} />
    </div>
    <${Held} apiKey=${apiKey} timeline=${timeline} />
    <${Problem} error=${move.problem} />
    <section class="future" aria-label="Due on the world's clock">${due
      .slice(0, 8)
      .reverse()
      .map(
        (each) => html`
      <button type="button" key=${`${each.at} ${each.what} ${each.payment_id} ${each.delivery_id}`} class="row" disabled=${move.busy} onClick=${() => move.run(each.at)} title="advance the clock to it">
        <span class="at">in ${span(Date.parse(each.at) - now)}</span><${Badge} kind="due">due<//>
        <span class="what">${each.what}</span><span class="detail">${each.payment_id ?? each.delivery_id ?? ""} — click to advance to ${each.at}</span></button>`,
      )}
      ${due.length > 8 && html`<p><small>and ${due.length - 8} more due later</small></p>`}</section>
    <p class="line" aria-hidden="true"><span>now</span></p>
    ${
      timeline.rows.length
        ? html`<${Rows} rows=${rows} apiKey=${apiKey} />`
        : html`<div class="empty"><p>Nothing has happened in this world yet. Send it a first request, and it appears here:</p><${FirstCall} apiKey=${apiKey} /></div>`
    }`;
}

function chosen(rows, { text, kind, wrong }) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const found = [];
  for (let index = rows.length - 1; index >= 0; index -= 1) {
    const row = rows[index];
    if (kind && row.kind !== kind) continue;
    if (wrong && !(row.shown ??= describe(row)).wrong) continue; // without this filter, only visible rows are described
    if (words.length) {
      const { what, outcome } = (row.shown ??= describe(row));
      row.text ??= `${JSON.stringify(row.value)} ${what} ${outcome}`.toLowerCase();
      if (!words.every((word) => row.text.includes(word))) continue;
    }
    found.push(row);
  }
  return found;
}

/** The visible rows, and empty space for the others. */
function Rows({ rows, apiKey }) {
  const box = useRef(null);
  const [top, setTop] = useState(0);
  const at = useRef(-1);
  const height = box.current?.clientHeight ?? 600;
  const first = Math.max(0, Math.floor(top / ROW) - 5);
  const inSight = rows.slice(first, first + Math.ceil(height / ROW) + 10);
  const press = (event) => {
    const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const next = Math.min(rows.length - 1, Math.max(0, at.current + step));
    at.current = next;
    const edge = next * ROW;
    if (edge < top || edge > top + height - ROW) box.current.scrollTop = edge - height / 2;
    const focus = () => box.current?.querySelector(`[data-row="${next}"]`)?.focus();
    focus(); // at once, so that the row gets the next key
    requestAnimationFrame(focus); // a row that only now becomes visible exists by then
  };
  return html`<div class="rows" ref=${box} tabindex="0" role="region" aria-label="What has happened, newest first"
      onScroll=${(event) => setTop(event.currentTarget.scrollTop)} onKeyDown=${press}>
    <div style=${{ height: `${rows.length * ROW}px`, position: "relative" }}>
      ${inSight.map((row, index) => html`<${Row} key=${row.id} row=${row} number=${first + index} apiKey=${apiKey} />`)}
    </div></div>`;
}

function Row({ row, number, apiKey }) {
  const shown = (row.shown ??= describe(row));
  const to = {
    request: () => addressOf(apiKey, "requests", row.value.id),
    event: () =>
      shown.payment ? addressOf(apiKey, "payments", shown.payment) : addressOf(apiKey, "webhooks"),
    delivery: () => addressOf(apiKey, "deliveries", row.value.id),
  }[row.kind]();
  return html`<a href=${to} data-row=${number} class=${`row ${row.kind} ${shown.wrong ? "wrong" : ""}`} style=${{ top: `${number * ROW}px` }}>
    <span class="at">${(shown.at ?? "").slice(11, -1)}</span>
    <${Badge} kind=${row.kind}>${{ request: "request", event: "event", delivery: "webhook" }[row.kind]}<//>
    <span class="what">${shown.what}</span><span class="outcome">${shown.wrong ? "✗ " : ""}${shown.outcome}</span>
    ${shown.committed === undefined || shown.committed === null ? "" : html`<${Badge} kind=${shown.committed ? "yes" : "no"}>${shown.committed ? "committed" : "not committed"}<//>`}
    <span class="detail">${shown.detail}</span></a>`;
}
