// The library, what is active and how its rules stand, and an editor with the lint beside it.

import { call, whole } from "./api.js";
import { Action, Badge, html, Problem, Table, useEvery, useFollowed, useLoaded } from "./parts.js";
import { useEffect, useRef, useState } from "./preact.js";

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
  const reload = () => { active.reload(); report.reload(); };
  useEvery(5000, reload, []); // others may activate scenarios, of which no stream tells
  const names = new Set((active.value ?? []).map((each) => each.name));
  const found = (library.value ?? []).filter((each) => `${each.name} ${each.about} ${each.tags.join(" ")}`.toLowerCase().includes(search.toLowerCase()));
  const use = (name) => async () => { await call(apiKey, "POST", "/scenarios/active", name); reload(); };
  const end = (name) => async () => { await call(apiKey, "DELETE", `/scenarios/active?name=${encodeURIComponent(name)}`); reload(); };
  return html`<h2>Scenarios</h2><${Problem} error=${library.error ?? active.error} />
    <h3>Active</h3>
    <${Table} label="Active scenarios" head=${["scenario", "about", ""]} empty="None: the API behaves as documented."
      rows=${(active.value ?? []).map((each) => ({ key: each.name, cells: [each.name, each.about, html`<${Action} does=${end(each.name)}>end<//>`] }))} />
    ${report.value?.rules.length > 0 && html`<h3>Their rules</h3><${Table} label="Rules" head=${["scenario", "rule", "matched", "fired", "why not"]}
      rows=${report.value.rules.map((each) => ({ key: `${each.scenario} ${each.rule}`, cells: [each.scenario, each.rule, each.matched,
        html`${each.fired} ${each.fired ? "" : html`<${Badge} kind="due">unused<//>`}`, each.why_not ?? ""] }))} />`}
    <${Editor} apiKey=${apiKey} reload=${reload} />
    <h3>Library</h3>
    <p class="tools"><label>Search <input data-search type="search" value=${search} onInput=${(event) => setSearch(event.target.value)} /></label></p>
    <${Table} label="Library" head=${["scenario", "about", "tags", ""]} rows=${found.map((each) => ({ key: each.name, cells: [each.name, each.about, each.tags.join(", "),
      names.has(each.name) ? html`<${Badge} kind="yes">active<//>` : html`<${Action} does=${use(each.name)} label=${`activate ${each.name}`}>activate<//>`] }))} />`;
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
  const activate = async () => { await call(apiKey, "POST", "/scenarios/active", text, { yaml: true }); reload(); };
  const goTo = ({ line, column }) => {
    const start = text.split("\n").slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0) + (column ?? 1) - 1;
    area.current.focus();
    area.current.setSelectionRange(start, start);
  };
  const lines = text.split("\n");
  const marked = new Set(problems.map((each) => each.line));
  return html`<h3>Editor</h3><div class="editor">
      <pre class="gutter" aria-hidden="true">${lines.map((_, index) => html`<span class=${marked.has(index + 1) ? "bad" : ""}>${index + 1}</span>`)}</pre>
      <textarea ref=${area} aria-label="Scenario in YAML" aria-describedby="problems" rows=${Math.max(12, lines.length + 1)} spellcheck=${false} wrap="off"
        value=${text} onInput=${(event) => setText(event.target.value)}></textarea></div>
    <div id="problems" role="status"><${Problem} error=${trouble} />
      ${problems.length === 0 ? html`<p><${Badge} kind="yes">valid<//></p>` : html`<ul class="problems">${problems.map((each) => html`<li>
        <button type="button" class="quiet" onClick=${() => goTo(each)}>${each.line ? `line ${each.line}, column ${each.column}` : each.path || "/"}</button>
        ${each.message}${each.hint ? html` <em>${each.hint}</em>` : ""}</li>`)}</ul>`}</div>
    <p class="buttons"><${Action} does=${activate} kind="main">activate it<//>${isWrong && html`<small>It has problems: activating it is refused.</small>`}</p>`;
}
