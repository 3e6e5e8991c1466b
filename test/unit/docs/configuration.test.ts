import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { describe, expect, test, vi } from "vitest";
import { describeMetrics } from "../../../runtime/ec/metrics.ts";
import { parsePartner } from "../../../runtime/ec/partners/partner.ts";
import { isLoopbackHost } from "../../../runtime/lib/addresses.ts";
import { createMetrics } from "../../../runtime/observe/metrics.ts";
import { runCommandLine } from "../../../worker/cli/command-line.ts";
import { ConfigError, composeConfig, composedSchema, inspectConfig } from "../../../worker/config/compose.ts";
import { fieldsOf } from "../../../worker/config/environment.ts";
import { PROCESS_METRICS } from "../../../worker/serve/process-metrics.ts";
import { services } from "../../../worker/services.ts";
import { plain, readPage, type Table } from "../../support/markdown.ts";
import { root } from "../../support/spawn.ts";

const page = readPage(
  ["operate", "edge-cookie", "grasp"]
    .map((part) => readFileSync(join(root, "docs", part, "configuration.md"), "utf8"))
    .join("\n"),
);
/** What the command line says of a command. */
async function helpOf(...command: string[]): Promise<string> {
  const written = vi.spyOn(process.stdout, "write").mockReturnValue(true);
  try {
    await runCommandLine(services, [...command, "--help"]);
    return written.mock.calls.map(([text]) => String(text)).join("");
  } finally {
    written.mockRestore();
  }
}

const tablesOf = (first: string): Table[] => page.tables.filter(({ columns }) => columns[0] === first);

/** Fields and their values, by path; a list is a value. */
function leaves(value: unknown, path = ""): [string, unknown][] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [[path, value]];
  return Object.entries(value).flatMap(([key, each]) => leaves(each, path === "" ? key : `${path}.${key}`));
}

const edgeCookie = {
  publisher: { domain: "a.example" },
  passphrases: ["publisher-chosen-secret"],
  listen: {},
};
const grasp = { domain: "git.example", metrics: { listen: {} } };
/** All fields of a configuration and their values, by name. */
function valuesOf(
  env: Record<string, string> = {},
  input: object = { edgeCookie, grasp },
): Map<string, unknown> {
  const config = composeConfig(services, input, { env });
  const sections = services.map((service) => [service.name, config.section(service)]);
  return new Map(leaves({ ...config.shared, ...Object.fromEntries(sections) }));
}

const defaults = valuesOf();
const rows = tablesOf("field").flatMap((table) => table.rows);

/** The values that a type of the page allows; `null` fits where the field may be null. */
const TYPES: Record<string, (value: unknown) => boolean> = {
  text: (value) => typeof value === "string",
  number: (value) => typeof value === "number",
  flag: (value) => typeof value === "boolean",
  list: Array.isArray,
  "list or null": (value) => value === null || Array.isArray(value),
  "number or list": (value) => typeof value === "number" || Array.isArray(value),
  "number, list or null": (value) => value === null || typeof value === "number" || Array.isArray(value),
  "text or null": (value) => value === null || typeof value === "string",
  "number or null": (value) => value === null || typeof value === "number",
};

/** The fields with faults of a configuration with one variable set. */
function faultsWith(env: Record<string, string>): string[] {
  return inspectConfig(services, { edgeCookie, grasp }, { env }).faults.map(({ field }) => field);
}

describe("the pages on configuration", () => {
  test("have every field of the schema, and no other", () => {
    const named = rows.map(([field]) => plain(field!)).sort();
    const known = fieldsOf(composedSchema(services)).map(({ path }) => path.join("."));
    expect(named).toEqual(known.filter((field) => field !== "$schema").sort());
  });

  test.each(rows.map((row) => row.map(plain)))(
    "%s: variable %s, a %s, default %s",
    (field, variable, type, given) => {
      const value = defaults.get(field!);
      expect(TYPES[type!]!(value)).toBe(true);
      if (field === "edgeCookie.consent.gdprCountries") {
        const others = given!.replace("EU 27, ", "").split(" ");
        expect(value).toHaveLength(27 + others.length);
        expect(value).toEqual(expect.arrayContaining(others));
      } else if (field === "edgeCookie.consent.usStates") expect(given!.split(" ")).toEqual(value);
      else if (given === "required") {
        const [section, name] = field!.split(".") as ["edgeCookie", "passphrases"];
        const all = { edgeCookie, grasp };
        const { [name]: _, ...rest } = all[section];
        expect(() => valuesOf({}, { ...all, [section]: rest })).toThrow(ConfigError);
      } else expect(JSON.parse(given!)).toEqual(value);

      // No field accepts this; the fault names the variable's field.
      const [fault] = faultsWith({ [variable!]: "\u0001" });
      expect(fault?.replace(/\[0\]| \(from \w+\)$/g, "")).toBe(field);
      if (!type!.endsWith("or null")) return;
      for (const nothing of ["", "null"]) {
        expect(valuesOf({ [variable!]: nothing }).get(field!)).toBe(null);
      }
    },
  );

  test("have every field of a partner, its type and its default", () => {
    const [table] = tablesOf("field of a partner");
    const { partner } = parsePartner({ id: "a" }, { allowInsecure: false }) as {
      partner: Record<string, unknown>;
    };
    const expected = Object.entries({ ...partner, apiKey: undefined, previousApiKey: undefined });
    expect(table!.rows.map(([field]) => plain(field!)).sort()).toEqual(
      expected.map(([field]) => field).sort(),
    );
    for (const [field, type, given] of table!.rows.map((row) => row.map(plain))) {
      if (["required", "none", "the id"].includes(given!)) continue;
      expect([field, JSON.parse(given!)]).toEqual([field, partner[field!]]);
      expect(TYPES[type!]!(partner[field!])).toBe(true);
    }
  });

  test("have every metric, its type and its labels", () => {
    const metrics = createMetrics();
    describeMetrics(metrics);
    const known = metrics.snapshot().map(({ name, type }) => `${name} ${type}`);
    const [table] = tablesOf("metric");
    expect(table!.rows.map(([name, type]) => `${plain(name!)} ${type}`).sort()).toEqual(known.sort());
  });

  test("have every metric of the process", () => {
    const [table] = tablesOf("server metric");
    expect(table!.rows.map(([name, type]) => [plain(name!), type])).toEqual(
      PROCESS_METRICS.map(({ name, type }) => [name, type]),
    );
  });

  test("have every command and its options, as the help has them", async () => {
    const [table] = tablesOf("command");
    const stdout = await helpOf();
    const commands = [...stdout.matchAll(/^ {2}(\w+(?: \w+)?) {2}/gm)].map(([, name]) => `millrace ${name}`);
    expect(table!.rows.map(([command]) => plain(command!)).sort()).toEqual(commands.sort());
    for (const [command, options] of table!.rows) {
      const help = await helpOf(...plain(command!).split(" ").slice(1));
      const own = [...help.matchAll(/^ {2}(--[a-z-]+(?: [A-Z]+)?) /gm)].map(([, option]) => option!);
      const expected = own.filter((option) => !["--help", "--version"].includes(option));
      expect(options === "" ? [] : options!.split(", ").map(plain)).toEqual(expected);
    }
  });

  test("have examples that are valid", () => {
    const examples = page.blocks.filter(({ language }) => language === "json");
    expect(examples.length).toBeGreaterThan(1);
    for (const { text } of examples) {
      const config = composeConfig(services, JSON.parse(text), {
        env: { OLD_PASSPHRASE: "the-one-before" },
        readFile: () => "a file's secret",
      });
      expect(isLoopbackHost(config.shared.listen.host)).toBe(true);
    }
  });
});
