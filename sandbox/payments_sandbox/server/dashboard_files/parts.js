// The components shared by all views: buttons and forms that show their errors, tables, copying.

import { html, useCallback, useEffect, useRef, useState } from "./preact.js";

export { html };

/** Load something now, whenever `deps` change, and on `reload()`. */
export function useLoaded(load, deps) {
  const [state, setState] = useState({ value: null, error: null });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    let wanted = true;
    load().then(
      (value) => wanted && setState({ value, error: null }),
      (error) => wanted && setState((old) => ({ value: old.value, error })),
    );
    return () => {
      wanted = false;
    };
  }, [...deps, turn]);
  return { ...state, reload: useCallback(() => setTurn((old) => old + 1), []) };
}

/** Load something now, whenever `deps` change, and soon after each change in the world. */
export function useFollowed(load, deps, timeline) {
  const loaded = useLoaded(load, deps);
  const stale = useRef(false);
  useEffect(
    () =>
      timeline.subscribe(() => {
        stale.current = true;
      }),
    [timeline],
  );
  useEvery(
    300,
    () => {
      if (stale.current) {
        stale.current = false;
        loaded.reload();
      }
    },
    [],
  );
  return loaded;
}

/** Run an action: `busy` is true while it runs, and `problem` is its error, if any. */
export function useAction(action) {
  const [state, setState] = useState({ busy: false, problem: null });
  const run = async (...given) => {
    setState({ busy: true, problem: null });
    try {
      const result = await action(...given);
      setState({ busy: false, problem: null });
      return result;
    } catch (problem) {
      setState({ busy: false, problem });
      return undefined;
    }
  };
  return { ...state, run };
}

export function Problem({ error }) {
  return error ? html`<p class="problem" role="alert">${error.message}</p>` : null;
}

/** A button that calls the server, and shows the error if there is one. */
export function Action({ does, children, sure, kind, label, data }) {
  const { busy, problem, run } = useAction(does);
  const [asked, setAsked] = useState(false);
  const click = () => {
    if (sure && !asked) return setAsked(true);
    setAsked(false);
    return run();
  };
  return html`<button type="button" class=${kind ?? ""} disabled=${busy} aria-label=${label} ...${data && { [`data-${data}`]: true }}
      onClick=${click} onBlur=${() => setAsked(false)}>${asked ? sure : children}</button>
    <${Problem} error=${problem} />`;
}

/** A form whose submit calls `does` with the text of its fields. */
export function Form({ does, children, submit, label }) {
  const { busy, problem, run } = useAction(does);
  const onSubmit = (event) => {
    event.preventDefault();
    run(Object.fromEntries(new FormData(event.currentTarget)), event.currentTarget);
  };
  return html`<form onSubmit=${onSubmit} aria-label=${label}>${children}
    <button class="main" disabled=${busy}>${submit}</button><${Problem} error=${problem} /></form>`;
}

export function Field({ label, name, ...rest }) {
  return html`<label>${label}<input name=${name} autocomplete="off" spellcheck=${false} ...${rest} /></label>`;
}

/** Return the options of a select, from values or pairs of value and text; `all` is the text of "". */
export const choices = (values, all = "any") =>
  values.map((each) => {
    const [value, text] = Array.isArray(each) ? each : [each, each || all];
    return html`<option value=${value}>${text}</option>`;
  });

export function Choice({ label, name, options, ...rest }) {
  return html`<label>${label}<select name=${name} ...${rest}>${choices(options)}</select></label>`;
}

export function Copy({ text, children }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(typeof text === "function" ? await text() : text);
      setCopied(true);
      setTimeout(() => setCopied(false), 1500);
    } catch {
      setCopied(null);
    }
  };
  return html`<button type="button" class="quiet" onClick=${copy}>${
    copied === null ? "copying is not permitted" : copied ? "copied" : (children ?? "copy")
  }</button>`;
}

const UNSEEN =
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;

/** Escape the invisible characters of a text: controls, and characters that change the direction of letters. */
export const visible = (text) =>
  text.replace(UNSEEN, (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, "0")}`);

const seen = (value) => (typeof value === "string" ? visible(value) : value);

export function Json({ value, label }) {
  return html`<pre class="json" tabindex="0" role="region" aria-label=${label ?? "JSON"}>${visible(
    typeof value === "string" ? value : JSON.stringify(value, null, 2),
  )}</pre>`;
}

export function Facts({ rows }) {
  return html`<dl class="facts">${rows
    .filter(([, value]) => value !== null && value !== undefined && value !== "")
    .map(([name, value]) => html`<div><dt>${name}</dt><dd>${seen(value)}</dd></div>`)}</dl>`;
}

export function Table({ head, rows, empty, label }) {
  if (!rows.length) return html`<div class="empty">${empty ?? "Nothing yet."}</div>`;
  return html`<div class="scroll" role="region" aria-label=${label} tabindex="0"><table>
    <thead><tr>${head.map((each) => (each ? html`<th scope="col">${each}</th>` : html`<td></td>`))}</tr></thead>
    <tbody>${rows.map(({ key, cells }) => html`<tr key=${key}>${cells.map((each) => html`<td>${seen(each)}</td>`)}</tr>`)}</tbody>
  </table></div>`;
}

export const Badge = ({ kind, children }) => html`<span class=${`badge ${kind ?? ""}`}>${children}</span>`;

export const time = (text) =>
  html`<time datetime=${text} title=${`${text} on the world's clock`}>${(text ?? "")
    .replace("T", " ")
    .replace("Z", "")}</time>`;

/** Render again each second, for components that show a duration. */
export function useSeconds() {
  const [, tick] = useState(0);
  useEvery(1000, () => tick((old) => old + 1), []);
}

/** Call `tick` at this interval while the page is visible. */
export function useEvery(milliseconds, tick, deps) {
  const latest = useRef(tick);
  latest.current = tick;
  useEffect(() => {
    const timer = setInterval(() => document.hidden || latest.current(), milliseconds);
    return () => clearInterval(timer);
  }, [milliseconds, ...deps]);
}
