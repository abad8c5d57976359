// The page: the view that the address names, the frame around it, and the keyboard shortcuts.

import { addressOf, readAddress } from "./address.js";
import { call, onTokenWanted, keepToken, follow } from "./api.js";
import { ClockBar, useClock } from "./clock.js";
import { Action, html, Form, Field, Problem } from "./parts.js";
import { render, useEffect, useErrorBoundary, useRef, useState } from "./preact.js";
import { Timeline } from "./timeline.js";
import { FirstCall, Worlds } from "./worlds.js";
import { Now } from "./now.js";
import { Request } from "./request.js";
import { Payments, Payment } from "./payments.js";
import { Webhooks, Delivery } from "./webhooks.js";
import { Scenarios } from "./scenarios.js";
import { Verdict } from "./verdict.js";
import { Reference } from "./reference.js";

const VIEWS = [
  ["now", "Now", "n"],
  ["payments", "Payments", "p"],
  ["webhooks", "Webhooks", "w"],
  ["scenarios", "Scenarios", "s"],
  ["verdict", "Verdict", "v"],
  ["reference", "Reference", "r"],
];

const KEYS = [
  ["g then o", "all worlds"],
  ...VIEWS.map(([, title, key]) => [`g then ${key}`, title]),
  ["/", "search or filter"],
  ["space", "pause and resume (in Now)"],
  ["↓ ↑ or j k", "next and previous row"],
  ["Enter", "open the row"],
  ["a", "advance to what is due next"],
  ["f", "freeze or resume the clock"],
  ["h", "hold the next call (in Now and Scenarios)"],
  ["ctrl space, Tab", "show completions, accept one (in the editor)"],
  ["Tab, then Enter", "every button, link and field, in the order of the page"],
  ["?", "this list"],
  ["Esc", "close it"],
];

const isTyping = (target) => /^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName);

function App() {
  const [address, setAddress] = useState(readAddress());
  const [sheet, setSheet] = useState(false);
  const [token, setToken] = useState({ isWanted: false });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const move = () => setAddress(readAddress());
    addEventListener("hashchange", move);
    onTokenWanted((isWrong) => setToken({ isWanted: true, isWrong }));
    return () => removeEventListener("hashchange", move);
  }, []);
  useKeyboard(address, sheet, setSheet);
  if (token.isWanted) {
    const keep = async ({ token: given }) => {
      keepToken(given);
      setToken({ isWanted: false });
      setTurn(turn + 1);
    };
    return html`<main class="alone"><h1>payments-sandbox</h1>
      <p>This server is reachable from other machines, or was started with <code>--control-token</code>: it
      requires the token, which is kept in this tab only.</p>
      ${token.isWrong && html`<p class="problem" role="alert">The token is wrong.</p>`}
      <${Form} does=${keep} submit="Use the token" label="Control token">
        <${Field} label="Control token" name="token" type="password" required autofocus /><//></main>`;
  }
  return html`${sheet && html`<${Sheet} close=${() => setSheet(false)} />`}
    ${
      address.key
        ? html`<${World} key=${`${address.key} ${turn}`} address=${address} help=${() => setSheet(true)} />`
        : html`<header><h1><a href="#/">payments-sandbox</a></h1>
          <span class="corner"><button type="button" class="quiet" onClick=${() => setSheet(true)}>keys (?)</button></span></header>
          <main id="main"><${Worlds} key=${turn} /></main>`
    }`;
}

function World({ address, help }) {
  const { key, view, id } = address;
  const timeline = useRef(null);
  timeline.current ??= new Timeline();
  useEffect(
    () =>
      follow(key, {
        onMessages: (messages) => timeline.current.add(messages),
        onPast: (messages) => timeline.current.addPast(messages),
        onAnew: () => timeline.current.clear(),
        onState: (state, error) => timeline.current.set(state, error),
      }),
    [key],
  );
  const isMissing = useConnection(timeline.current) === "none";
  const clock = useClock(key, timeline.current);
  const shared = { apiKey: key, id, timeline: timeline.current, clock };
  const views = {
    now: Now,
    requests: Request,
    payments: id ? Payment : Payments,
    webhooks: Webhooks,
    deliveries: Delivery,
    scenarios: Scenarios,
    verdict: Verdict,
    reference: Reference,
  };
  const shown = Object.hasOwn(views, view) ? views[view] : Now; // every object has a "constructor"
  const tab = { requests: "now", deliveries: "webhooks" }[view] ?? view;
  return html`<a class="skip" href="#main" onClick=${skip}>Skip to the content</a>
    <header><h1><a href="#/">payments-sandbox</a></h1><code class="key" title=${key}>${key}</code>
      <nav aria-label="Views"><a href="#/">Worlds</a>${VIEWS.map(
        ([name, title]) => html`<a href=${addressOf(key, name)}
        aria-current=${tab === name ? "page" : undefined}>${title}</a>`,
      )}</nav>
      <span class="corner"><${Connection} timeline=${timeline.current} />
        <button type="button" class="quiet" onClick=${help}>keys (?)</button></span></header>
    ${!isMissing && html`<${ClockBar} apiKey=${key} clock=${clock} />`}
    <main id="main" tabindex="-1">${
      isMissing && shown !== Reference
        ? html`<${NoWorld} apiKey=${key} />`
        : html`<${View} is=${shown} ...${shared} key=${`${view} ${id}`} />`
    }</main>`;
}

/** What is shown while a key has no world; looking at it makes none, since a test may be about to. */
function NoWorld({ apiKey }) {
  const make = () => call(null, "POST", "/worlds", { api_key: apiKey });
  return html`<h2>No world</h2>
    <p role="status">This key has no world: it was dropped, or the server was restarted, or it was never used.
    The next world of the key appears here as soon as a client makes it. A first request does so:</p>
    <${FirstCall} apiKey=${apiKey} />
    <p><${Action} does=${make}>create a world with this key<//></p>`;
}

/** One view. If it throws, its error is shown in its place, and the other views still work. */
function View({ is, ...shared }) {
  const [error] = useErrorBoundary();
  return error ? html`<${Problem} error=${error} />` : html`<${is} ...${shared} />`;
}

const skip = (event) => {
  event.preventDefault();
  document.getElementById("main").focus();
};

/** Return the state of a timeline's connection, also after each change. */
function useConnection(timeline) {
  const [state, setState] = useState(timeline.state);
  useEffect(() => timeline.subscribe(() => setState(timeline.state)), []);
  return state;
}

function Connection({ timeline }) {
  const state = useConnection(timeline);
  const words = { live: "live", connecting: "connecting…", lost: "connection lost, trying again…", none: "no world" };
  return html`<span role="status" class=${`connection ${state}`} title=${timeline.error?.message}>${words[state]}</span>`;
}

function Sheet({ close }) {
  const dialog = useRef(null);
  useEffect(() => {
    dialog.current.showModal();
  }, []);
  return html`<dialog ref=${dialog} onClose=${close} aria-label="Keyboard">
    <h2>Keyboard</h2><dl class="facts">${KEYS.map(([keys, what]) => html`<div><dt><kbd>${keys}</kbd></dt><dd>${what}</dd></div>`)}</dl>
    <form method="dialog"><button autofocus>Close</button></form></dialog>`;
}

function useKeyboard(address, sheet, setSheet) {
  const going = useRef(false);
  useEffect(() => {
    const press = (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      if (going.current) {
        going.current = false;
        const view = VIEWS.find(([, , key]) => key === event.key);
        if (event.key === "o") location.hash = "#/";
        else if (view && address.key) location.hash = addressOf(address.key, view[0]);
        else return;
        event.preventDefault();
        return;
      }
      if (event.key === "g") going.current = true;
      else if (event.key === "?") setSheet(!sheet);
      else if (event.key === "/") document.querySelector("[data-search]")?.focus();
      else if (event.key === "a") document.querySelector("[data-next]")?.click();
      else if (event.key === "h") document.querySelector("[data-hold]")?.click();
      else if (event.key === "f") document.querySelector("[data-freeze]")?.click();
      else return;
      event.preventDefault();
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, [address.key, sheet]);
}

const place = document.getElementById("app");
place.replaceChildren();
render(html`<${App} />`, place);
