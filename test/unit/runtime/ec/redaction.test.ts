import { expect, test } from "vitest";
import { EC_REDACTION } from "../../../../runtime/ec/redaction.ts";
import { createLog } from "../../../../runtime/observe/log.ts";
import { manualClock } from "../../../support/manual-clock.ts";

const ID = `${"0123456789abcdef".repeat(4)}.Ab3dE6`;

function logged(message: string, fields: Record<string, unknown>): string {
  const lines: string[] = [];
  const write = (line: string) => void lines.push(line);
  createLog({ level: "info", write, clock: manualClock(), redact: EC_REDACTION }).info(message, fields);
  return lines.join();
}

test("EC ids and hashes are cut to 8 characters anywhere in a line", () => {
  const error = new Error(`no entry for ${ID}`);
  const line = logged(`visit of ${ID}`, {
    id: ID,
    hash: ID.slice(0, 64),
    url: `/x?ec_id=${ID}&a=1`,
    error,
    list: [ID],
  });
  expect(line).not.toContain(ID.slice(0, 9));
  expect(line.match(/01234567…/g)).toHaveLength(6);
  expect(line).not.toContain("Ab3dE6");
  expect(line).toContain("01234567…&a=1");
});

test("secret fields of the configuration and of partners are not logged", () => {
  expect(EC_REDACTION.fields).toEqual(
    expect.arrayContaining(["passphrases", "apiKey", "apiKeyHash", "pullToken"]),
  );
  const partner = { id: "ssp", apiKey: "s3cr3t-1", apiKeyHash: "s3cr3t-2", pullToken: "s3cr3t-3" };
  const line = logged("partner", { partner, passphrases: ["s3cr3t-4"] });
  expect(line).not.toContain("s3cr3t");
  expect(line).toContain('"id":"ssp"');
});
