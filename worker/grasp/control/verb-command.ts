/**
 * An administration command as a command of the command line.
 * @module
 */
import { resolve } from "node:path";
import { stderr, stdout } from "node:process";
import { type Command, configOption } from "../../cli/command.ts";
import { sectionOf } from "../section-of.ts";
import { call } from "./call.ts";
import { tableOf } from "./table.ts";
import type { Row, Verb } from "./verb.ts";

/** A command that runs a verb in the service that the configuration names. */
export function verbCommand(name: string, { summary, details, options, operands }: Verb): Command {
  return {
    summary,
    details,
    operands: operands ?? {},
    options: {
      ...configOption,
      ...options,
      json: { summary: "write each row as a line of JSON, as soon as it is there" },
    },
    async run({ config, json, ...values }, sections) {
      const { dataDirectory } = await sectionOf({ config }, sections);
      const rows: Row[] = [];
      await call(resolve(dataDirectory), name, values, {
        row: (row) => (json ? stdout.write(`${JSON.stringify(row)}\n`) : rows.push(row)),
        text: (line) => stdout.write(`${line}\n`),
        progress: (text) => stderr.write(`${text}\n`),
      }).finally(() => stdout.write(tableOf(rows)));
    },
  };
}
