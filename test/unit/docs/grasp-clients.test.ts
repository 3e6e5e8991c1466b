import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { composeConfig } from "../../../worker/config/compose.ts";
import { graspSection } from "../../../worker/grasp/config.ts";
import { relayDocument } from "../../../worker/grasp/nip11.ts";
import { plain, readPage } from "../../support/markdown.ts";
import { root } from "../../support/spawn.ts";

const page = readPage(readFileSync(join(root, "docs/grasp/clients.md"), "utf8"));
const rowsOf = (first: string) =>
  page.tables.find(({ columns }) => plain(columns[0]!) === first)!.rows.map((row) => row.map(plain));

test("the page for clients has the limits that the relay tells", () => {
  const config = composeConfig([graspSection], { grasp: { domain: "git.example" } }, { env: {} });
  const document = relayDocument(config.section(graspSection)!, { version: "0.0.0", commit: "" });
  const told = Object.entries(document.limitation as Record<string, unknown>)
    .filter(([, value]) => typeof value === "number")
    .map(([name, value]) => [name, String(value)]);
  expect(rowsOf("field of limitation")).toEqual(told);
});

test("the page for clients has the reasons by which pushes are refused", () => {
  const source = readFileSync(join(root, "runtime/grasp/push.ts"), "utf8");
  for (const [reason] of rowsOf("ng reason")) expect(source).toContain(`"${reason}"`);
});

test("the page for clients has the fields of status.json", () => {
  const source = readFileSync(join(root, "runtime/grasp/facts.ts"), "utf8");
  const body = /export interface RepositoryFacts \{([\s\S]*?)\n\}/.exec(source)![1]!;
  const fields = [...body.matchAll(/^ {2}readonly (\w+):/gm)].map(([, name]) => name);
  const named = rowsOf("field").flatMap(([names]) => names!.split(", "));
  expect(named.sort()).toEqual(fields.sort());
});
