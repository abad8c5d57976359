// The library, the active scenarios with the counts of their rules, and an editor with lint results.

import { call, callThen, whole } from "./api.js";
import { complete } from "./complete.js";
import { Held, HoldNext } from "./held.js";
import { Action, Badge, html, Problem, Table, useEvery, useFollowed, useLoaded } from "./parts.js";
import { useEffect, useLayoutEffect, useRef, useState } from "./preact.js";

const DRAFT = "payments-sandbox-draft";
const START = `scenario: my-scenario
about: What happens when the reply of the first payment is lost.
rules:
  - name: lost
    request: create_payment
    do:
      - drop: {commit: true, how: reset}
expect:
  - audit: clean
`;

export function Scenarios({ apiKey, timeline }) {
  const library = useLoaded(() => whole(null, "/scenarios"), []);
  const active = useLoaded(() => whole(apiKey, "/scenarios/active"), [apiKey]);
  const report = useFollowed(() => call(apiKey, "GET", "/report"), [apiKey], timeline);
  const [search, setSearch] = useState("");
  const reload = () => {
    active.reload();
    report.reload();
  };
  useEvery(5000, reload, []); // other clients may activate scenarios, and no stream reports that
  const names = new Set((active.value ?? []).map((each) => each.name));
  const found = (library.value ?? []).filter((each) =>
    `${each.name} ${each.about} ${each.tags.join(" ")}`.toLowerCase().includes(search.toLowerCase()),
  );
  const use = (name) => callThen(reload, apiKey, "POST", "/scenarios/active", name);
  const end = (name) =>
    callThen(reload, apiKey, "DELETE", `/scenarios/active?name=${encodeURIComponent(name)}`);
  return html`<h2>Scenarios</h2><${Problem} error=${library.error ?? active.error} />
    <h3>Active</h3>
    <${Table} label="Active scenarios" head=${["scenario", "about", ""]} empty="None: the API behaves as documented."
      rows=${(active.value ?? []).map((each) => ({ key: each.name, cells: [html`<code>${each.name}</code>`, each.about, html`<${Action} does=${end(each.name)}>end<//>`] }))} />
    ${
      report.value?.rules.length > 0 &&
      html`<h3>Their rules</h3><${Table} label="Rules" head=${["scenario", "rule", "matched", "fired", "why not"]}
      rows=${report.value.rules.map((each) => ({
        key: `${each.scenario} ${each.rule}`,
        cells: [
          each.scenario,
          each.rule,
          each.matched,
          html`${each.fired} ${each.fired ? "" : html`<${Badge} kind="due">unused<//>`}`,
          each.why_not ?? "",
        ],
      }))} />`
    }
    <p><${HoldNext} apiKey=${apiKey} timeline=${timeline} /></p><${Held} apiKey=${apiKey} timeline=${timeline} />
    <${Editor} apiKey=${apiKey} reload=${reload} />
    <h3>Library</h3>
    <p class="tools"><label>Search <input data-search type="search" value=${search} onInput=${(event) => setSearch(event.target.value)} /></label></p>
    <${Table} label="Library" head=${["scenario", "about", "tags", ""]} rows=${found.map((each) => ({
      key: each.name,
      cells: [
        html`<code>${each.name}</code>`,
        each.about,
        each.tags.join(", "),
        names.has(each.name)
          ? html`<${Badge} kind="yes">active<//>`
          : html`<${Action} does=${use(each.name)} label=${`activate ${each.name}`}>activate<//>`,
      ],
    }))} />`;
}

function Editor({ apiKey, reload }) {
  const [text, setText] = useState(() => sessionStorage.getItem(DRAFT) ?? START);
  const [problems, setProblems] = useState([]);
  const [trouble, setTrouble] = useState(null);
  const area = useRef(null);
  useEffect(() => {
    sessionStorage.setItem(DRAFT, text);
    const timer = setTimeout(async () => {
      try {
        setProblems((await call(apiKey, "POST", "/scenarios/check", text, { yaml: true })).problems);
        setTrouble(null);
      } catch (error) {
        setProblems(error.problems ?? []);
        setTrouble(error.problems ? null : error);
      }
    }, 250);
    return () => clearTimeout(timer);
  }, [text]);
  const isWrong = problems.some((each) => !each.message.startsWith("warning"));
  const activate = async () => {
    await call(apiKey, "POST", "/scenarios/active", text, { yaml: true });
    reload();
  };
  const goTo = ({ line, column }) => {
    const start =
      text
        .split("\n")
        .slice(0, line - 1)
        .join("\n").length +
      (line > 1 ? 1 : 0) +
      (column ?? 1) -
      1;
    area.current.focus();
    area.current.setSelectionRange(start, start);
  };
  const lines = text.split("\n");
  const marked = new Set(problems.map((each) => each.line));
  return html`<h3>Editor</h3><div class="editor">
      <pre class="gutter" aria-hidden="true">${lines.map((_, index) => html`<span class=${marked.has(index + 1) ? "bad" : ""}>${index + 1}</span>`)}</pre>
      <${Completed} area=${area} text=${text} setText=${setText} rows=${Math.max(12, lines.length + 1)} /></div>
    <p><small>Press Ctrl+Space for suggestions at the cursor, and Tab to accept one.</small></p>
    <div id="problems" role="status"><${Problem} error=${trouble} />
      ${
        problems.length === 0
          ? html`<p><${Badge} kind="yes">valid<//></p>`
          : html`<ul class="problems">${problems.map(
              (each) => html`<li>
        <button type="button" class="quiet" onClick=${() => goTo(each)}>${each.line ? `line ${each.line}, column ${each.column}` : each.path || "/"}</button>
        ${each.message}${each.hint ? html` <em>${each.hint}</em>` : ""}</li>`,
            )}</ul>`
      }</div>
    <p class="buttons"><${Action} does=${activate} kind="main">activate it<//>${isWrong && html`<small>It has problems, so it cannot be activated.</small>`}</p>`;
}

const NOTHING = { items: [], typed: "", expected: "" };

/** The editor's text area, with completions from the scenario schema below the cursor. */
function Completed({ area, text, setText, rows }) {
  const schema = useLoaded(() => call(null, "GET", "/scenario.schema.json"), []);
  const [found, setFound] = useState(NOTHING);
  const [at, setAt] = useState(0);
  const [caret, setCaret] = useState(null);
  const close = () => setFound(NOTHING);
  useLayoutEffect(() => {
    if (caret !== null) area.current.setSelectionRange(caret, caret);
    setCaret(null);
  }, [caret]);
  const look = (isAsked) => {
    const { value, selectionStart: end } = area.current;
    const line = value.slice(0, end).split("\n").at(-1);
    if (!schema.value || !(isAsked || /[\w]$|[{[,:-] $/.test(line))) return close();
    setAt(0);
    return setFound({
      ...complete(value.slice(0, end), schema.value),
      left: line.length,
      top: value.slice(0, end).split("\n").length,
    });
  };
  useEffect(() => {
    if (document.activeElement === area.current) look(false);
  }, [schema.value]); // for what was typed before the schema had loaded
  const take = (item) => {
    const { value, selectionStart: end } = area.current;
    const start = end - found.typed.length;
    setText(value.slice(0, start) + item.insert + value.slice(end));
    setCaret(start + item.insert.length);
    close();
  };
  const press = (event) => {
    if (event.ctrlKey && event.key === " ") {
      event.preventDefault();
      return look(true);
    }
    if (!found.items.length) return undefined;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) setAt((at + step + found.items.length) % found.items.length);
    else if (event.key === "Tab" && !event.shiftKey) take(found.items[at]);
    else if (event.key === "Escape") close();
    else return undefined;
    return event.preventDefault();
  };
  const shown = found.items.slice(Math.max(0, at - 7), Math.max(0, at - 7) + 8);
  return html`<div class="completed"><textarea ref=${area} aria-label="Scenario in YAML" aria-describedby="problems" rows=${rows} spellcheck=${false} wrap="off"
      aria-autocomplete="list" aria-controls="completions" aria-activedescendant=${shown.length ? "completion" : undefined} value=${text}
      onInput=${(event) => {
        setText(event.target.value);
        look(false);
      }} onKeyDown=${press} onBlur=${close} onClick=${close}></textarea>
    <ul id="completions" role="listbox" aria-label="Completions" hidden=${!shown.length}
      style=${{ left: `${Math.min(found.left ?? 0, 40)}ch`, top: `${(found.top ?? 0) * 1.35 + 0.4}rem` }}>${shown.map(
        (each) => html`
      <li role="option" key=${each.insert} id=${each === found.items[at] ? "completion" : undefined} aria-selected=${each === found.items[at]}
        onMouseDown=${(event) => {
          event.preventDefault();
          take(each);
        }}><code>${each.insert.trim()}</code> <small>${each.about}</small></li>`,
      )}</ul>
    ${found.expected && html`<small class="expected" role="status">expected ${found.expected}</small>`}</div>`;
}
