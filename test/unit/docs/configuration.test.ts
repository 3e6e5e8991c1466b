import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { describeMetrics } from "../../../runtime/ec/metrics.ts";
import { parsePartner } from "../../../runtime/ec/partners/partner.ts";
import { isLoopbackHost } from "../../../runtime/lib/addresses.ts";
import { createMetrics } from "../../../runtime/observe/metrics.ts";
import { ConfigError, parseConfig } from "../../../worker/ec/config.ts";
import { plain, readPage, type Table } from "../../support/markdown.ts";
import { runCli } from "../../support/run-cli.ts";
import { root } from "../../support/spawn.ts";

const page = readPage(
  ["operate", "edge-cookie"]
    .map((part) => readFileSync(join(root, "docs", part, "configuration.md"), "utf8"))
    .join("\n"),
);
const tablesOf = (first: string): Table[] => page.tables.filter(({ columns }) => columns[0] === first);

/** Fields and their values, by path; a list is a value. */
function leaves(value: unknown, path = ""): [string, unknown][] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [[path, value]];
  return Object.entries(value).flatMap(([key, each]) => leaves(each, path === "" ? key : `${path}.${key}`));
}

const minimal = { publisher: { domain: "a.example" }, ec: { passphrases: ["publisher-chosen-secret"] } };
const defaults = new Map(leaves(parseConfig(minimal, {})));
const rows = tablesOf("field").flatMap((table) => table.rows);

/** What a page's words for a type take; `null` fits where the field may be null. */
const TYPES: Record<string, (value: unknown) => boolean> = {
  text: (value) => typeof value === "string",
  number: (value) => typeof value === "number",
  flag: (value) => typeof value === "boolean",
  list: Array.isArray,
  "number or list": (value) => typeof value === "number" || Array.isArray(value),
  "text or null": (value) => value === null || typeof value === "string",
  "number or null": (value) => value === null || typeof value === "number",
};

/** Faults of a configuration with one variable set. */
function faultsWith(variable: string, value: string): string[] {
  try {
    parseConfig(minimal, { [variable]: value });
    return [];
  } catch (error) {
    return (error as ConfigError).faults.map(({ field }) => field);
  }
}

describe("the page on configuration", () => {
  test("has every field, and no other", () => {
    const named = rows.map(([field]) => plain(field!));
    expect([...named].sort()).toEqual([...defaults.keys()].sort());
  });

  test.each(rows.map((row) => row.map(plain)))(
    "%s: variable %s, a %s, default %s",
    (field, variable, type, given) => {
      const value = defaults.get(field!);
      expect(TYPES[type!]!(value)).toBe(true);
      if (field === "consent.gdprCountries") {
        const others = given!.replace("EU 27, ", "").split(" ");
        expect(value).toHaveLength(27 + others.length);
        expect(value).toEqual(expect.arrayContaining(others));
      } else if (field === "consent.usStates") expect(given!.split(" ")).toEqual(value);
      else if (given === "required") {
        const [section, name] = field!.split(".") as ["ec", "passphrases"];
        const { [name]: _, ...rest } = minimal[section];
        expect(() => parseConfig({ ...minimal, [section]: rest }, {})).toThrow(ConfigError);
      } else expect(JSON.parse(given!)).toEqual(value);

      // No field takes this; the fault tells which field the variable is.
      const [fault] = faultsWith(variable!, "\u0001");
      expect(fault).toMatch(
        new RegExp(`^${field!.replace(".", "\\.")}(\\[0\\])?( \\(from ${variable}\\))?$`),
      );
      if (!type!.endsWith("or null")) return;
      for (const nothing of ["", "null"]) {
        const config = new Map(leaves(parseConfig(minimal, { [variable!]: nothing })));
        expect(config.get(field!)).toBe(null);
      }
    },
  );

  test("has every field of a partner, its type and its default", () => {
    const [table] = tablesOf("field of a partner");
    const { partner } = parsePartner({ id: "a" }, { allowInsecure: false }) as {
      partner: Record<string, unknown>;
    };
    const expected = Object.entries({ ...partner, apiKey: undefined });
    expect(table!.rows.map(([field]) => plain(field!)).sort()).toEqual(
      expected.map(([field]) => field).sort(),
    );
    for (const [field, type, given] of table!.rows.map((row) => row.map(plain))) {
      if (["required", "none", "the id"].includes(given!)) continue;
      expect([field, JSON.parse(given!)]).toEqual([field, partner[field!]]);
      expect(TYPES[type!]!(partner[field!])).toBe(true);
    }
  });

  test("has every metric, its type and its labels", () => {
    const metrics = createMetrics();
    describeMetrics(metrics);
    const known = metrics.snapshot().map(({ name, type }) => `${name} ${type}`);
    const [table] = tablesOf("metric");
    expect(table!.rows.map(([name, type]) => `${plain(name!)} ${type}`).sort()).toEqual(known.sort());
  });

  test("has every command and its options, as the help has them", async () => {
    const [table] = tablesOf("command");
    const { stdout } = await runCli("node", ["--help"]);
    const commands = [...stdout.matchAll(/^ {2}(\w+) /gm)].map(([, name]) => `millrace ${name}`);
    expect(table!.rows.map(([command]) => plain(command!))).toEqual(commands);
    for (const [command, options] of table!.rows) {
      const help = (await runCli("node", [plain(command!).split(" ")[1]!, "--help"])).stdout;
      const own = [...help.matchAll(/^ {2}(--[a-z-]+(?: [A-Z]+)?) /gm)].map(([, option]) => option!);
      const expected = own.filter((option) => !["--help", "--version"].includes(option));
      expect(options === "" ? [] : options!.split(", ").map(plain)).toEqual(expected);
    }
  });

  test("has examples that are valid", () => {
    const examples = page.blocks.filter(({ language }) => language === "json");
    expect(examples.length).toBeGreaterThan(1);
    for (const { text } of examples) {
      const config = parseConfig(
        JSON.parse(text),
        { OLD_PASSPHRASE: "the-one-before" },
        () => "a file's secret",
      );
      expect(isLoopbackHost(config.listen.host)).toBe(true);
    }
  });
});
