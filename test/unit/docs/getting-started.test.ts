import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readTcf, tcfInvalidity } from "../../../runtime/ec/request/tcf.ts";
import { root } from "../../support/spawn.ts";

test("the sample TC string consents to Purpose 1 and counts on the day after it was written", () => {
  const page = readFileSync(join(root, "docs/edge-cookie/getting-started.md"), "utf8");
  const sample = /^TC=(\S+)$/m.exec(page)![1]!;
  const facts = readTcf(sample)!;
  expect(facts).toMatchObject({ purpose1: true });
  expect(tcfInvalidity(facts, Date.UTC(2026, 10, 3), 395)).toBe(null);
});
