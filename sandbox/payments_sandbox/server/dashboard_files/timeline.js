// The recent history of one world, read from its event stream: bounded in size, and it never blocks.

import { visible } from "./parts.js";

const KEPT = 5000;
const KINDS = ["request", "event", "delivery"]; // in the order of the numbers in a message's id

/** The rows of a world, newest last; subscribers are notified at most ten times a second. */
export class Timeline {
  constructor() {
    this.rows = [];
    this.held = [];
    this.dropped = 0;
    this.state = "connecting";
    this.error = null;
    this.paused = false;
    this._seen = null;
    this.waiting = 0;
    this.version = 0;
    this._listeners = new Set();
    this._timer = null;
  }

  subscribe(listener) {
    this._listeners.add(listener);
    return () => this._listeners.delete(listener);
  }

  add(messages) {
    for (const { kind, seen, value } of messages) {
      if (kind === "held") {
        this.held = value;
        continue;
      }
      this.rows.push({ kind, id: idOf(kind, value), value });
      this._countMissed(kind, seen);
    }
    if (this.rows.length > KEPT * 1.2) {
      this.dropped += this.rows.length - KEPT;
      this.rows.splice(0, this.rows.length - KEPT);
    }
    if (this.paused) this.waiting += messages.length;
    this.changed();
  }

  /** Count the entries that the journal dropped before we read them: gaps in the numbers show how many. */
  _countMissed(kind, seen) {
    const numbers = seen.split("-").map(Number);
    const at = KINDS.indexOf(kind);
    if (this._seen) this.dropped += Math.max(0, numbers[at] - this._seen[at] - 1);
    this._seen = numbers;
  }

  /** Add what happened before the stream began, without the rows that the stream has already sent. */
  addPast(past) {
    const known = new Set(this.rows.map((row) => row.id));
    const missed = past
      .map(({ kind, value }) => ({ kind, id: idOf(kind, value), value }))
      .filter((row) => !known.has(row.id));
    if (!missed.length) return;
    const rows = [...missed, ...this.rows];
    const made = new Map(); // events are dated in whole seconds; the request that made the payment is more precise
    for (const row of rows) {
      row.shown ??= describe(row);
      if (row.kind === "request") made.set(`${row.shown.payment} ${second(row)}`, row.shown.at);
    }
    for (const row of rows) {
      if (row.kind === "event")
        row.shown.at = made.get(`${row.shown.payment} ${second(row)}`) ?? row.shown.at;
    }
    this.rows = rows.sort((left, right) => inOrder(left.shown.at, right.shown.at));
    this.changed();
  }

  /** Remove all rows: the world was created again, so they belong to the old one. */
  clear() {
    this.rows = [];
    this.held = [];
    this._seen = null;
    this.dropped = 0;
    this.waiting = 0;
    this.changed();
  }

  set(state, error = null) {
    if (state === "live") this.held = []; // a stream begins by sending the calls held now
    if (state === "none" && this.rows.length) this.clear();
    this.state = state;
    this.error = error;
    this.changed();
  }

  pause(paused) {
    this.paused = paused;
    this.waiting = 0;
    this.changed();
  }

  changed() {
    this.version += 1;
    this._timer ??= setTimeout(() => {
      this._timer = null;
      for (const listener of this._listeners) listener();
    }, 100);
  }
}

/** Compare two instants, for `sort`. */
export const inOrder = (left, right) => (left < right ? -1 : left > right ? 1 : 0);

const second = (row) => row.shown.at.slice(0, 19);

const idOf = (kind, value) =>
  `${kind} ${value.id} ${kind === "delivery" ? value.attempts.at(-1)?.sent_at : ""}`;

/** Return the texts that the list shows for a row. */
export function describe({ kind, value }) {
  if (kind === "event") {
    const { amount, currency } = value.data ?? {};
    return {
      at: value.created_at,
      what: value.type,
      payment: value.data?.payment_id,
      detail: amount === undefined ? "" : money(amount, currency),
      outcome: "",
      wrong: value.type.endsWith(".failed") || value.type.startsWith("chargeback"),
    };
  }
  if (kind === "delivery") {
    const attempt = value.attempts.at(-1);
    const status = attempt?.response?.status;
    return {
      at: attempt?.at ?? value.next_attempt_at,
      what: value.type,
      detail: visible(attempt?.error ?? `${value.status}`),
      outcome: status === undefined ? "no answer" : String(status),
      wrong: Boolean(attempt?.error),
    };
  }
  const body = value.request.body ?? {};
  const status = value.response?.status;
  return {
    at: value.at,
    what: value.operation ?? visible(`${value.method} ${value.path}`),
    payment: value.response?.body?.id ?? /\/v3\/payments\/([^/]+)/.exec(value.path)?.[1],
    customer: body?.customer_id,
    detail: visible([
      typeof body?.amount === "number" ? money(body.amount, body.currency) : "",
      body?.customer_id ?? "",
      value.rule ? `rule ${value.rule} · step ${value.step}` : "",
      value.decided ? `decided: ${Object.keys(value.decided).join(", ")}` : "",
    ]
      .filter(Boolean)
      .join(" · ")),
    outcome: value.fault ?? (status === undefined ? "no reply" : String(status)),
    committed: value.committed,
    wrong: Boolean(value.fault) || status === undefined || status >= 400,
  };
}

const NUMBERS = new Intl.NumberFormat("en"); // made once, since making it takes longer than the rest of a row

export const money = (amount, currency) => `${NUMBERS.format(amount)} ${currency ?? ""}`.trim();
