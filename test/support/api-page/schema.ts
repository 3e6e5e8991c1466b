/**
 * A JSON Schema in words and as a list of its fields.
 * @module
 */
import type { Schema } from "../../../worker/ec/openapi/types.ts";
import { code, type Html, html, joined, type Part, prose } from "./markup.ts";

type Fields = Readonly<Record<string, Schema>>;

/** Keywords that {@link schemaType}, {@link schemaLimits} and {@link schemaFields} show. */
const SHOWN = new Set([
  ...["type", "$ref", "enum", "const", "items", "oneOf", "anyOf", "description", "default", "properties"],
  ...["required", "additionalProperties", "minimum", "maximum", "minLength", "maxLength", "minItems"],
  ...["maxItems", "uniqueItems", "pattern", "not"],
]);

/** The name of an entry of `components`. */
export const nameOf = (reference: unknown): string => String(reference).split("/").at(-1)!;

const link = (reference: unknown): Html =>
  html`<a href="#schema-${nameOf(reference)}">${nameOf(reference)}</a>`;

/**
 * The type of a value in a few words.
 * @throws {Error} if the schema has a keyword that the page does not show.
 */
export function schemaType(schema: Schema): Part {
  const unknown = Object.keys(schema).filter((keyword) => !SHOWN.has(keyword));
  if (unknown.length > 0) throw new Error(`Cannot show a schema: keyword ${unknown.join(", ")}`);
  if (schema.$ref !== undefined) {
    const narrowed = Object.entries((schema.properties ?? {}) as Fields);
    const facts = narrowed.map(([name, field]) => [code(name), " ", schemaType(field)]);
    return [link(schema.$ref), facts.length === 0 ? null : [" with ", joined(facts, ", ")]];
  }
  if (schema.const !== undefined) return code(JSON.stringify(schema.const));
  if (schema.enum !== undefined) {
    return [
      "one of ",
      joined(
        (schema.enum as unknown[]).map((value) => code(JSON.stringify(value))),
        ", ",
      ),
    ];
  }
  const choices = (schema.oneOf ?? schema.anyOf) as Schema[] | undefined;
  if (choices !== undefined) return joined(choices.map(schemaType), " or ");
  if (schema.type === "array") return ["array of ", schemaType(schema.items as Schema)];
  if (Array.isArray(schema.type)) return schema.type.join(" or ");
  return (schema.type as string | undefined) ?? "any";
}

function span(least: unknown, most: unknown, unit: string): Part {
  if (least === undefined && most === undefined) return null;
  if (most === undefined && least === 1 && unit !== "") return "not empty";
  if (most === undefined) return `at least ${least}${unit}`;
  if (least === undefined) return `at most ${most}${unit}`;
  return least === most ? `${least}${unit}` : `${least} to ${most}${unit}`;
}

/** The limits of a value, such as its length. */
export function schemaLimits(schema: Schema): Part {
  const refused = (schema.not as Schema | undefined)?.enum as unknown[] | undefined;
  const limits: Part[] = [
    span(schema.minimum, schema.maximum, ""),
    span(schema.minLength, schema.maxLength, " characters"),
    span(schema.minItems, schema.maxItems, " entries"),
    schema.uniqueItems === true ? "no entry twice" : null,
    schema.pattern === undefined ? null : ["pattern ", code(String(schema.pattern))],
    refused
      ? [
          "not ",
          joined(
            refused.map((value) => code(JSON.stringify(value))),
            ", ",
          ),
        ]
      : null,
    schema.default === undefined ? null : ["default ", code(JSON.stringify(schema.default))],
  ];
  return factsOf(limits);
}

/** The schemas whose fields are those of a value: the value's own, those of an array's entries, those of each choice. */
function objectsIn(schema: Schema): Schema[] {
  const inside = [schema.items, ...((schema.oneOf ?? schema.anyOf ?? []) as Schema[])];
  const values = schema.additionalProperties;
  return [
    schema,
    ...inside.filter((each) => each !== undefined).flatMap((each) => objectsIn(each as Schema)),
    ...(typeof values === "object" && values !== null ? objectsIn(values as Schema) : []),
  ];
}

/** The facts that there are, between semicolons. */
export const factsOf = (facts: readonly Part[]): Part =>
  joined(
    facts.filter((fact) => fact !== null && !(Array.isArray(fact) && fact.length === 0)),
    "; ",
  );

/** A name, what it is, and what it means, as an entry of a `<dl>`. */
export function entry(name: Part, facts: readonly Part[], meaning: Part, more: Part = null): Html {
  return html`<dt>${name} <span class="facts">${factsOf(facts)}</span></dt>
<dd>${meaning}${more}</dd>
`;
}

/** The fields of an object, of the entries of an array, or of the values of a map; `null` if there are none. */
export function schemaFields(schema: Schema): Html | null {
  const own = objectsIn(schema).filter(({ $ref }) => $ref === undefined);
  const lists = own.flatMap(({ properties, required, additionalProperties }) => {
    const needed = new Set((required ?? []) as string[]);
    const fields = Object.entries((properties ?? {}) as Fields).map(([name, field]) =>
      entry(
        code(name),
        [schemaType(field), needed.has(name) ? "required" : null, schemaLimits(field)],
        typeof field.description === "string" ? prose(field.description) : null,
        schemaFields(field),
      ),
    );
    const isMap = typeof additionalProperties === "object" && additionalProperties !== null;
    if (isMap) {
      const values = additionalProperties as Schema;
      fields.push(entry("any name", [schemaType(values), schemaLimits(values)], null));
    }
    return fields.length === 0 ? [] : [html`<dl>${fields}</dl>`];
  });
  return lists.length === 0 ? null : html`${lists}`;
}
