import { describe, expect, test } from "vitest";
import { GRASP_REDACTION, logLine } from "../../../../runtime/grasp/log-lines.ts";
import { toNpub } from "../../../../runtime/grasp/npub.ts";
import { createLog } from "../../../../runtime/observe/log.ts";
import { author } from "../../../support/nostr.ts";

const owner = author();
const event = owner.sign(30618, [["d", "repo"]]);
const waiting = (source: "direct" | "sync") =>
  ({
    store: "state",
    event,
    identifier: "repo",
    arrivedMs: 0,
    deadlineMs: 1,
    source,
    address: source === "direct" ? "192.0.2.77" : null,
  }) as const;

function written(fields: Record<string, unknown>): string {
  const lines: string[] = [];
  const log = createLog({
    level: "debug",
    write: (line) => lines.push(line),
    clock: { now: () => 0 },
    redact: GRASP_REDACTION,
  });
  log.info("said", fields);
  return lines[0]!;
}

describe("an expiry (P26)", () => {
  test("is one line with identifier, npub, the id's first 8 characters, kind, source and reason", () => {
    const line = logLine({ kind: "left", entry: waiting("direct"), because: "expired" })!;
    expect(line.level).toBe("warn");
    expect(line.fields).toEqual({
      identifier: "repo",
      npub: toNpub(owner.key),
      id: event.id.slice(0, 8),
      kind: 30618,
      source: "direct",
      because: "expired",
    });
  });

  test("of what sync had brought is a debug line (P4)", () => {
    expect(logLine({ kind: "left", entry: waiting("sync"), because: "expired" })!.level).toBe("debug");
  });

  test("names no address", () => {
    const line = logLine({ kind: "left", entry: waiting("direct"), because: "expired" })!;
    expect(written(line.fields)).not.toContain("192.0.2.77");
    expect(written({ entry: waiting("direct") })).not.toContain("192.0.2.77");
  });
});

test("whole ids, keys and commits are cut to 8 characters (O13)", () => {
  const commit = "b".repeat(40);
  const line = written({ id: event.id, note: `${event.pubkey} pushed ${commit}.`, version: "2.39.5" });
  for (const text of [event.id, event.pubkey, commit]) {
    expect(line).not.toContain(text);
    expect(line).toContain(`${text.slice(0, 8)}…`);
  }
  expect(line).toContain("2.39.5");
});

test("a failed release is an error with its cause", () => {
  const error = new Error("the disk is full");
  const line = logLine({ kind: "release-failed", identifier: "repo", event, error })!;
  expect([line.level, line.fields.error, line.fields.id]).toEqual(["error", error, event.id.slice(0, 8)]);
});
