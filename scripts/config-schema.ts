/**
 * The JSON schema of the configuration, for editors.
 * @module
 */
import { toJsonSchema } from "../test/node_modules/@valibot/to-json-schema/dist/index.mjs";
import { type ConfigSection, composedSchema } from "../worker/config/compose.ts";

type JsonSchema = ReturnType<typeof toJsonSchema>;

/** A text that the configuration keeps elsewhere. */
const ELSEWHERE = {
  description: "A text that a file or an environment variable contains.",
  oneOf: ["file", "env"].map((kind) => ({
    type: "object",
    properties: { [kind]: { type: "string" } },
    required: [kind],
    additionalProperties: false,
  })),
};

/**
 * Makes the JSON schema (draft 7) of the whole configuration. It accepts all that `millrace check` accepts in a file; checks
 * that JSON schema does not have, for example of a domain, are left to `millrace check`.
 * @param sections those of all services.
 */
export function configJsonSchema(sections: readonly ConfigSection<unknown>[]): JsonSchema {
  const schema = toJsonSchema(composedSchema(sections) as never, {
    typeMode: "input",
    errorMode: "ignore",
    overrideSchema({ valibotSchema, jsonSchema }) {
      const { message, type } = valibotSchema as { message?: unknown; type: string };
      const described = typeof message === "string" ? { ...jsonSchema, description: message } : jsonSchema;
      const isText = type === "string" || type === "picklist";
      return isText ? { anyOf: [described, { $ref: "#/definitions/elsewhere" }] } : described;
    },
    overrideAction({ valibotAction, jsonSchema }) {
      if (valibotAction.type !== "metadata") return null;
      const { minimum, maximum } = (valibotAction as unknown as { metadata: Record<string, number> })
        .metadata;
      return { ...jsonSchema, type: "integer", minimum: minimum!, maximum: maximum! };
    },
  });
  return {
    title: "Configuration of millrace",
    ...schema,
    definitions: { elsewhere: ELSEWHERE },
  } as JsonSchema;
}
