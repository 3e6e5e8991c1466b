/**
 * The data of ngit-grasp 3.0.9 move to ours as the guide says: its repositories are copied, its events are imported (O19).
 * @module
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { findNgitGrasp } from "../../../scripts/cargo-tools.ts";
import type { Moved } from "../../support/move/moved.ts";
import { NEW_NAMESPACE, namespaceFault } from "../../support/namespace.ts";
import { root, runtimes } from "../../support/spawn.ts";
import { runCommand } from "../../support/start-program.ts";

const why =
  findNgitGrasp() === null
    ? "ngit-grasp is not installed; node scripts/cargo-tools.ts installs it"
    : namespaceFault();
/** Four repositories, each with an announcement, two states, a PR, two issues, 12 comments and a deletion. */
const SENT = 4 * 19;
/** The first state of each was replaced, and the second issue deleted. */
const SERVED = SENT - 8;

describe.skipIf(why !== null)(`a move from ngit-grasp${why === null ? "" : ` (${why})`}`, () => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-move-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("keeps every event and every ref, and leaves no repository that borrows objects (O19, O18, V6)", async () => {
    const [command, ...args] = NEW_NAMESPACE;
    const { code, stdout, all } = await runCommand({
      command,
      args: [...args, ...runtimes.node, "test/support/move/main.ts", "node", folder],
      cwd: root,
      timeoutMs: 240_000,
    });
    expect(code, all).toBe(0);
    const { before, after, again, imported, checked, waiting, sent, borrowing } = JSON.parse(stdout) as Moved;
    expect([sent, before.events.length]).toEqual([SENT, SERVED]);
    expect(Object.values(before.clones)).toEqual([true, true, true, true]);
    for (const refs of Object.values(before.refs))
      expect(refs).toMatch(/refs\/nostr\/[0-9a-f]{64}\n.*refs\/tags\/v1\n/s);
    expect(after).toEqual(before);
    expect(again).toEqual(before);
    // Announcements wait for their states.
    expect(imported).toEqual({ stored: SERVED - 4, waits: 4 });
    expect([checked, waiting, borrowing]).toEqual([[], [], []]);
  }, 300_000);
});
