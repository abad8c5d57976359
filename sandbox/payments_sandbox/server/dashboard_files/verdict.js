// The expectations and whether they are met, and the audit's findings with the calls behind them.

import { addressOf } from "./address.js";
import { call, download } from "./api.js";
import { Action, Badge, Copy, html, Json, Problem, Table, useEvery, useFollowed } from "./parts.js";

export function Verdict({ apiKey, timeline }) {
  const { value, error, reload } = useFollowed(() => call(apiKey, "GET", "/report"), [apiKey], timeline);
  useEvery(5000, reload, []); // a running clock can change it without any call
  if (!value) return html`<${Problem} error=${error} />`;
  const isUsed = timeline.rows.length > 0;
  const keep = (accept, name) => () => download(apiKey, "/report", accept, name);
  const to = (id) =>
    id.startsWith("dlv_") ? addressOf(apiKey, "deliveries", id) : addressOf(apiKey, "requests", id);
  return html`<h2>Verdict ${!value.expectations.length && value.passed ? html`<${Badge}>no expectations<//>` : value.passed ? html`<${Badge} kind="yes">expectations met<//>` : html`<${Badge} kind="no">failed<//>`}
      ${value.audit.clean ? (isUsed ? html`<${Badge} kind="yes">audit clean<//>` : html`<${Badge}>nothing has happened<//>`) : html`<${Badge} kind="no">${value.audit.findings.length} findings<//>`}</h2>
    <h3>Expectations</h3>
    <${Table} label="Expectations" head=${["met", "expected", "saw"]} empty="No active scenario expects anything."
      rows=${value.expectations.map((each, index) => ({
        key: index,
        cells: [
          html`<${Badge} kind=${each.met ? "yes" : "no"}>${each.met ? "met" : "not met"}<//>`,
          html`<code>${JSON.stringify(each.expect)}</code>`,
          each.observed,
        ],
      }))} />
    <h3>Audit</h3>
    ${
      value.audit.findings.length === 0
        ? html`<p class="empty">${isUsed ? "No findings." : "Nothing to audit yet."}</p>`
        : value.audit.findings.map(
            (
              each,
              index,
            ) => html`<article class="card" key=${index}><h4>${each.kind}</h4><p>${each.message}</p><p><em>${each.advice}</em></p>
        <p>${[...(each.requests ?? []), ...(each.deliveries ?? [])].map((id) => html`<a href=${to(id)}>${id}</a> `)}</p></article>`,
          )
    }
    <h3>Report</h3><p class="buttons"><${Copy} text=${JSON.stringify(value, null, 2)}>copy as JSON<//>
      <${Action} does=${keep("text/html", "report.html")}>download the page<//><${Action} does=${keep("application/xml", "report.xml")}>download JUnit XML<//>
      <${Action} does=${keep("text/plain", "report.txt")}>download the text<//></p><details><summary>as JSON</summary><${Json} value=${value} label="Report" /></details>`;
}
