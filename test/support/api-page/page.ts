/**
 * The API's description as a page for people: one file without a script, which requests nothing.
 *
 * Not the page of Redocly's `build-docs`: it loads its script from another host.
 * @module
 */
import { readFileSync } from "node:fs";
import type { Description, Operation, Schema } from "../../../worker/ec/openapi/types.ts";
import { code, Html, html, type Part, prose } from "./markup.ts";
import { answerParts, headerEntry, operationArticle, parameterEntry, schemaArticle } from "./operation.ts";
import { entry } from "./schema.ts";

const style = readFileSync(new URL("page.css", import.meta.url), "utf8");

/** An operation and how it is called. */
interface Call {
  method: string;
  path: string | null;
  operation: Operation;
}

/** A heading of the page and what is under it. */
interface Section {
  id: string;
  title: string;
  links: readonly Html[];
  content: Part;
}

const callsIn = (paths: Description["paths"], isWebhook: boolean): Call[] =>
  Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      method,
      path: isWebhook ? null : path,
      operation,
    })),
  );

/** A section for operations. */
function callSection(
  id: string,
  title: string,
  calls: readonly Call[],
  { components }: Description,
): Section {
  return {
    id,
    title,
    links: calls.map(
      ({ method, path, operation }) =>
        html`<a href="#${operation.operationId}"><b>${method.toUpperCase()}</b> ${path ?? operation.operationId}</a>`,
    ),
    content: calls.map(({ method, path, operation }) =>
      operationArticle(method, path, operation, components),
    ),
  };
}

/** The parts that operations refer to. */
function sharedSections({ components }: Description): Section[] {
  const { parameters, headers, responses, schemas, securitySchemes } = components;
  const anchored = (id: string, content: Html) => new Html(content.text.replace("<dt>", `<dt id="${id}">`));
  const list = (entries: readonly Html[]) => html`<article><dl>${entries}</dl></article>`;
  const credential = ([name, { type, scheme, description }]: [string, Schema]) =>
    anchored(`credential-${name}`, entry(name, [`${scheme ?? type}`], prose(String(description))));
  return [
    {
      id: "credentials",
      title: "Credentials",
      links: [],
      content: list(Object.entries(securitySchemes).map(credential)),
    },
    {
      id: "parameters",
      title: "Shared parameters",
      links: [],
      content: list(
        Object.entries(parameters).map(([name, each]) => anchored(`parameter-${name}`, parameterEntry(each))),
      ),
    },
    {
      id: "headers",
      title: "Shared headers of responses",
      links: [],
      content: list(
        Object.entries(headers).map(([name, each]) => anchored(`header-${name}`, headerEntry(name, each))),
      ),
    },
    {
      id: "responses",
      title: "Shared responses",
      links: [],
      content: list(
        Object.entries(responses).map(
          ([name, answer]) => html`<dt id="response-${name}">${name}</dt><dd>${answerParts(answer)}</dd>`,
        ),
      ),
    },
    {
      id: "schemas",
      title: "Schemas",
      links: Object.keys(schemas).map((name) => html`<a href="#schema-${name}">${name}</a>`),
      content: Object.entries(schemas).map(([name, schema]) => schemaArticle(name, schema)),
    },
  ];
}

/** Makes the page. @throws {Error} if the description has something that the page does not show. */
export function apiPage(description: Description): string {
  const { info, tags, paths, webhooks } = description;
  const calls = callsIn(paths, false);
  const untagged = calls.filter(({ operation }) => !tags.some(({ name }) => operation.tags[0] === name));
  if (untagged.length > 0) throw new Error(`Cannot place operations without a tag: ${untagged.length}`);
  const sections: Section[] = [
    ...tags.map(({ name, description: title }) =>
      callSection(
        `for-${name}`,
        title.replace(/\.$/, ""),
        calls.filter(({ operation }) => operation.tags[0] === name),
        description,
      ),
    ),
    callSection(
      "webhooks",
      "Requests of millrace to a partner's server",
      callsIn(webhooks, true),
      description,
    ),
    ...sharedSections(description),
  ];
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>HTTP API of millrace</title>
<style>
${new Html(style)}</style>
</head>
<body>
<header>
<h1>HTTP API of ${info.title}</h1>
<p>${prose(info.summary)}</p>
<p>${prose(info.description)}</p>
<p>Programs read the same description as OpenAPI ${description.openapi} at ${code("/_ts/openapi.json")} of a running
service. This page is written from it by ${code("npm run api-page -- --write")}.</p>
</header>
<nav aria-label="Contents">
${sections.map(
  ({ id, title, links }) => html`<p><a href="#${id}">${title}</a></p>
${links.length === 0 ? null : html`<ul>${links.map((link) => html`<li>${link}</li>`)}</ul>`}
`,
)}</nav>
<main>
${sections.map(
  ({ id, title, content }) => html`<section id="${id}">
<h2>${title}</h2>
${content}</section>
`,
)}</main>
</body>
</html>
`;
  return page.text;
}
