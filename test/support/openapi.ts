/**
 * Compares answers of a running service with the description that it serves.
 * @module
 */
import { gunzipSync } from "node:zlib";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import { description } from "../../worker/ec/openapi/description.ts";
import type { Answer as Described, Header, Operation, Reference } from "../../worker/ec/openapi/types.ts";
import { routeKind } from "../../worker/ec/route-kind.ts";
import type { Answer, Visit } from "./visit.ts";

/** Pages for people, which the description of an API does not have. */
export const PAGES: readonly string[] = ["/_ts/admin", "/_ts/admin/"];

const DOCUMENT = "openapi.json";
// The second one for headers: there every value is a text.
const [ajv, headerAjv] = [false, true].map(
  (coerceTypes) =>
    new Ajv2020({ allErrors: true, coerceTypes, strict: true, allowUnionTypes: true, strictRequired: false }),
) as [Ajv2020, Ajv2020];
for (const each of [ajv, headerAjv]) {
  each.addVocabulary(Object.keys(description)); // the parts of the document around the schemas
  each.addSchema(JSON.parse(JSON.stringify(description)), DOCUMENT);
}

/** An answer differs from the description. */
export class Undescribed extends Error {}

/** The value at a JSON pointer of the description, and its pointer after references are resolved. */
function at<T>(pointer: string): { value: T; pointer: string } {
  let value: unknown = description;
  for (const key of pointer.split("/").slice(1)) {
    const name = key.replace(/~1/g, "/").replace(/~0/g, "~");
    value = (value as Record<string, unknown>)[name];
  }
  const { $ref } = (value ?? {}) as Partial<Reference>;
  return $ref === undefined ? { value: value as T, pointer } : at($ref.slice(1));
}

const escaped = (key: string) => key.replace(/~/g, "~0").replace(/\//g, "~1");

const validators = new Map<string, ValidateFunction>();

/** Errors of a value by the schema at a pointer; `null` if there are none. */
export function schemaFault(value: unknown, pointer: string, by: Ajv2020 = ajv): string | null {
  const key = `${by === ajv}${pointer}`;
  let validate = validators.get(key);
  if (validate === undefined) {
    validate = by.compile({ $ref: `${DOCUMENT}#${encodeURI(pointer)}` });
    validators.set(key, validate);
  }
  return validate(value) ? null : by.errorsText(validate.errors, { separator: "; " });
}

/** The pointer to a request's operation; `null` if it is not described. */
export function operationOf(method: string, path: string): string | null {
  const bare = path.split(/[?#]/)[0]!;
  const described = Object.keys(description.paths);
  // A path without variables goes before one with (OpenAPI 3.1, Paths Object).
  const template =
    described.find((each) => each === bare) ??
    described.find((each) => new RegExp(`^${each.replace(/\{[^}]+\}/g, "[^/]+")}$`).test(bare));
  const name = method.toLowerCase() === "head" ? "get" : method.toLowerCase();
  if (template === undefined || !Object.hasOwn(description.paths[template]!, name)) return null;
  return `/paths/${escaped(template)}/${name}`;
}

/** The pointer to the answer of a status: by the status, or else by its class. */
function answerOf(operation: string, status: number): string | null {
  const { responses } = at<Operation>(operation).value;
  const name = [String(status), `${String(status)[0]}XX`].find((each) => Object.hasOwn(responses, each));
  return name === undefined ? null : at<Described>(`${operation}/responses/${name}`).pointer;
}

function bodyFault(method: string, answer: Answer, pointer: string): string | null {
  const { content } = at<Described>(pointer).value;
  if (method === "HEAD") return null;
  const type = answer.headers["content-type"]?.split(";")[0];
  if (content === undefined) return answer.body === "" ? null : "a body, and none is described";
  const name = [type ?? "", "*/*"].find((each) => Object.hasOwn(content, each));
  if (name === undefined) return `content-type ${type}, expected ${Object.keys(content).join(" or ")}`;
  const schema = `${pointer}/content/${escaped(name)}/schema`;
  return name === "*/*"
    ? null
    : schemaFault(type === "application/json" ? JSON.parse(answer.body) : answer.body, schema);
}

function headerFaults(answer: Answer, pointer: string): string[] {
  const faults: string[] = [];
  for (const name of Object.keys(at<Described>(pointer).value.headers ?? {})) {
    const header = at<Header>(`${pointer}/headers/${name}`);
    for (const value of [answer.headers[name] ?? null].flat()) {
      if (value === null && header.value.required) faults.push(`the header ${name} is missing`);
      const fault = value === null ? null : schemaFault(value, `${header.pointer}/schema`, headerAjv);
      if (fault !== null) faults.push(`the header ${name}: ${fault}`);
    }
  }
  return faults;
}

/** A request that the service accepts must be described, too. */
function requestFault(operation: string, { body }: Visit, status: number): string | null {
  const isTaken = status === 200 || status === 201;
  const { requestBody } = at<Operation>(operation).value;
  if (!isTaken || requestBody === undefined || body === undefined) return null;
  const isZipped = body[0] === 0x1f && typeof body !== "string";
  const text = isZipped ? gunzipSync(body).toString() : Buffer.from(body).toString();
  const schema = `${operation}/requestBody/content/application~1json/schema`;
  const fault = schemaFault(JSON.parse(text), schema);
  return fault === null ? null : `the request was taken: ${fault}`;
}

/**
 * Compares one answer of the service's own routes with the description: status, media type, body, headers, and the
 * request if it was accepted. Other paths belong to the wrapped site.
 * @throws {Undescribed} with all differences.
 */
export function mustBeDescribed(request: Visit, answer: Answer): void {
  const { method = "GET", path = "/" } = request;
  if (routeKind(`http://publisher.example${path}`) === "organic") return;
  if (PAGES.includes(path.split("?")[0]!) && answer.status < 400) return;
  const faults: (string | null)[] = [];
  const operation = operationOf(method, path);
  if (answer.status === 500) {
    faults.push("a fault of the service");
  } else if (operation === null) {
    // Without a token, the operator's paths all answer alike.
    const isRefused =
      [401, 404].includes(answer.status) || (answer.status === 405 && answer.headers.allow !== undefined);
    if (!isRefused) faults.push("the operation is not described");
    else if (method !== "HEAD")
      faults.push(schemaFault(JSON.parse(answer.body), "/components/schemas/Problem"));
  } else {
    const pointer = answerOf(operation, answer.status);
    if (pointer === null) faults.push("the status is not described");
    else faults.push(bodyFault(method, answer, pointer), ...headerFaults(answer, pointer));
    faults.push(requestFault(operation, request, answer.status));
  }
  const found = faults.filter((fault) => fault !== null);
  if (found.length === 0) return;
  const what = `${method} ${path.slice(0, 200)} -> ${answer.status}`;
  throw new Undescribed(`${what}: ${found.join("; ")}\n${answer.body.slice(0, 500)}`);
}
