/**
 * An operation of the API, and the parts that operations share.
 * @module
 */
import type {
  Answer,
  Content,
  Description,
  Header,
  Operation,
  Parameter,
  Reference,
  Schema,
} from "../../../worker/ec/openapi/types.ts";
import { code, type Html, html, joined, type Part, prose } from "./markup.ts";
import { entry, factsOf, nameOf, schemaFields, schemaLimits, schemaType } from "./schema.ts";

type Components = Description["components"];

const isReference = (value: object): value is Reference => "$ref" in value;

/** Text of the description, as a paragraph. */
const paragraph = (text: string | undefined): Part =>
  text === undefined ? null : html`<p>${prose(text)}</p>`;

/** A parameter as an entry of a `<dl>`. */
export function parameterEntry(parameter: Parameter): Html {
  const { name, description, required, schema } = parameter;
  const facts = [parameter.in, schemaType(schema), required ? "required" : null, schemaLimits(schema)];
  return entry(code(name), facts, prose(description));
}

/** A header of a response as an entry of a `<dl>`. */
export function headerEntry(name: string, { description, required, schema }: Header): Html {
  const facts = [schemaType(schema), required ? "always" : null, schemaLimits(schema)];
  return entry(code(name), facts, prose(description));
}

/** What a body contains, by media type. */
function body(content: Content | undefined): Part {
  return Object.entries(content ?? {}).map(([type, { schema }]) => {
    const isAny = Object.keys(schema).length === 0;
    const description = typeof schema.description === "string" ? html` ${prose(schema.description)}` : null;
    const shown = isAny ? null : html`: ${schemaType(schema)}.${description}`;
    return html`<p>${code(type)}${shown}</p>${schemaFields(schema)}`;
  });
}

function headersOf({ headers = {} }: Answer): Part {
  const shared = Object.entries(headers).flatMap(([name, header]) =>
    isReference(header) ? [html`<a href="#header-${nameOf(header.$ref)}">${code(name)}</a>`] : [],
  );
  const own = Object.entries(headers).flatMap(([name, header]) =>
    isReference(header) ? [] : [headerEntry(name, header)],
  );
  return [
    shared.length === 0 ? null : html`<p>Headers: ${joined(shared, ", ")}.</p>`,
    own.length === 0 ? null : html`<dl>${own}</dl>`,
  ];
}

/** The meaning, headers and body of a response. */
export const answerParts = (answer: Answer): Part => [
  paragraph(answer.description),
  headersOf(answer),
  body(answer.content),
];

function response(status: string, answer: Answer | Reference, { responses }: Components): Html {
  if (!isReference(answer)) return html`<dt>${code(status)}</dt><dd>${answerParts(answer)}</dd>`;
  const name = nameOf(answer.$ref);
  const { description } = responses[name]!;
  return html`<dt>${code(status)}</dt>
<dd><p><a href="#response-${name}">${name}</a>: ${prose(description)}</p></dd>`;
}

function credentials({ security }: Operation): Part {
  if (security.length === 0) return "none";
  const names = security.flatMap((each) => Object.keys(each));
  return joined(
    names.map((name) => html`<a href="#credential-${name}">${name}</a>`),
    " or ",
  );
}

function parametersOf({ parameters = [] }: Operation, components: Components): Part {
  const own = parameters.flatMap((each) => (isReference(each) ? [] : [parameterEntry(each)]));
  const shared = parameters.flatMap((each) => {
    if (!isReference(each)) return [];
    const name = nameOf(each.$ref);
    return [html`<a href="#parameter-${name}">${code(components.parameters[name]!.name)}</a>`];
  });
  if (parameters.length === 0) return null;
  return html`<h4>Parameters</h4>
${own.length === 0 ? null : html`<dl>${own}</dl>`}
${shared.length === 0 ? null : html`<p>Also read: ${joined(shared, ", ")}.</p>`}`;
}

/** An operation as an article. @param path shown after the method; a webhook has none. */
export function operationArticle(
  method: string,
  path: string | null,
  operation: Operation,
  components: Components,
): Html {
  const { operationId, summary, description, requestBody, responses } = operation;
  // Other requests have no body.
  const sent = requestBody && [
    html`<h4>Body${requestBody.required ? null : ", optional"}</h4>`,
    paragraph(requestBody.description),
    body(requestBody.content),
  ];
  return html`<article id="${operationId}">
<h3>${prose(summary)}</h3>
<p class="call"><b>${method.toUpperCase()}</b> ${path === null ? "your server" : code(path)}</p>
${paragraph(description)}
<p>Credentials: ${credentials(operation)}.</p>
${parametersOf(operation, components)}
${sent ?? null}
<h4>Responses</h4>
<dl>${Object.entries(responses).map(([status, answer]) => response(status, answer, components))}</dl>
</article>
`;
}

/** A schema of `components` as an article. */
export function schemaArticle(name: string, schema: Schema): Html {
  const description = typeof schema.description === "string" ? paragraph(schema.description) : null;
  return html`<article id="schema-${name}">
<h3>${name}</h3>
${description}
<p>${factsOf([schemaType(schema), schemaLimits(schema)])}.</p>
${schemaFields(schema)}
</article>
`;
}
