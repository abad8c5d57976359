// The magic cards, and the documentation of the API from its OpenAPI document, with a form to try each operation.

import { call, callApi, whole } from "./api.js";
import { Copy, Form, html, Json, Problem, Table, useLoaded } from "./parts.js";
import { useState } from "./preact.js";

export function Reference({ apiKey }) {
  const cards = useLoaded(() => whole(null, "/cards"), []);
  const api = useLoaded(() => call(null, "GET", "/openapi.json"), []);
  const operations = Object.entries(api.value?.paths ?? {}).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([, each]) => each.operationId)
      .map(([method, each]) => ({ path, method: method.toUpperCase(), ...each })),
  );
  return html`<h2>Reference</h2><h3>Magic cards</h3><${Problem} error=${cards.error ?? api.error} />
    <${Table} label="Magic cards" head=${["card", "number", "when", "what it does"]} rows=${(
      cards.value ?? []
    ).map((each) => ({
      key: each.number,
      cells: [
        each.name,
        html`<code>${each.number}</code> <${Copy} text=${each.number} />`,
        each.operation,
        each.description,
      ],
    }))} />
    <h3>The API</h3>${operations.map((each) => html`<${Operation} key=${each.operationId} apiKey=${apiKey} operation=${each} document=${api.value} />`)}`;
}

function resolved(document, value) {
  const reference = value?.$ref;
  return reference
    ? resolved(
        document,
        reference
          .slice(2)
          .split("/")
          .reduce((at, name) => at?.[name.replaceAll("~1", "/")], document),
      )
    : value;
}

function Operation({ apiKey, operation, document }) {
  const [answer, setAnswer] = useState(null);
  const parameters = (operation.parameters ?? [])
    .map((each) => resolved(document, each))
    .filter((each) => each.in !== "header");
  const media = resolved(document, operation.requestBody)?.content?.["application/json"];
  const schema = resolved(document, media?.schema);
  const example = media?.example ?? Object.values(media?.examples ?? {})[0]?.value ?? schema?.examples?.[0];
  const run = async (fields) => {
    const query = new URLSearchParams(
      parameters
        .filter((each) => each.in === "query" && fields[each.name])
        .map((each) => [each.name, fields[each.name]]),
    );
    const path = operation.path.replace(/\{([^}]+)\}/g, (_, name) => encodeURIComponent(fields[name]));
    setAnswer(
      await callApi(
        apiKey,
        operation.method,
        path + (String(query) ? `?${query}` : ""),
        fields.body || undefined,
      ),
    );
  };
  return html`<details><summary><code>${operation.method} /v3${operation.path}</code> ${operation.summary}</summary>
    <p>${operation.description}</p>
    ${
      schema?.properties &&
      html`<${Table} label="Fields of the body" head=${["field", "", "what it is"]} rows=${Object.entries(
        schema.properties,
      ).map(([name, each]) => {
        const field = resolved(document, each);
        return {
          key: name,
          cells: [
            html`<code>${name}</code>`,
            (schema.required ?? []).includes(name) ? "required" : "",
            each.description ?? field?.description,
          ],
        };
      })} />`
    }
    <${Table} label="Answers" head=${["answer", "what it is"]} rows=${Object.entries(operation.responses ?? {}).map(([status, each]) => ({ key: status, cells: [status, resolved(document, each)?.description] }))} />
    <${Form} does=${run} submit="try it" label=${`Try ${operation.operationId}`}>
      ${parameters.map((each) => html`<label>${each.name}<input name=${each.name} required=${each.in === "path"} title=${each.description} autocomplete="off" /></label>`)}
      ${media && html`<label class="wide">Body<textarea name="body" rows="10" spellcheck=${false}>${JSON.stringify(example, null, 2)}</textarea></label>`}<//>
    ${answer && html`<h4 role="status">${answer.status} in ${answer.milliseconds.toFixed(0)} ms</h4><${Json} value=${answer.headers} label="Headers of the answer" /><${Json} value=${answer.text} label="Answer" />`}</details>`;
}
