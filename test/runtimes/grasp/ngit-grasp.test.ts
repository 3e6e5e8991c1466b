/**
 * ngit-grasp 3.0.9, another GRASP server, beside ours on Node, Bun and Deno (V6): events and Git data both ways, purgatory on both
 * sides, each away for a while. ngit-grasp dials public relays by itself, so that both run in a network namespace with loopback only.
 * @module
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { findNgitGrasp } from "../../../scripts/cargo-tools.ts";
import { STEP_MS, type Step } from "../../support/beside-ngit-grasp/steps.ts";
import { NEW_NAMESPACE, namespaceFault } from "../../support/namespace.ts";
import { type ProcessRuntime, root, runtimes } from "../../support/spawn.ts";
import { runCommand } from "../../support/start-program.ts";

const why =
  findNgitGrasp() === null
    ? "it is not installed; node scripts/cargo-tools.ts installs it"
    : namespaceFault();
/** "was away" includes what waits in its purgatory from before. */
const EQUAL = ["from ours", "from theirs", "theirs was away", "ours was away"] as const;

describe.skipIf(why !== null)(`ngit-grasp 3.0.9${why === null ? "" : ` (${why})`}`, () => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-ngit-grasp-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  // Each mostly waits, 180 s of it for data that a client might still push (table of purgatory sync).
  test.concurrent.each<ProcessRuntime>(["node", "bun", "deno"])(
    "and ours on %s serve the same events and refs after each step, and find the differences by negentropy in both roles (V6, L26, T52)",
    async (runtime) => {
      const [command, ...args] = NEW_NAMESPACE;
      const { code, stdout, all } = await runCommand({
        command,
        args: [
          ...[...args, ...runtimes.node, "test/support/beside-ngit-grasp/main.ts"],
          ...[runtime, mkdtempSync(join(folder, `${runtime}-`))],
        ],
        cwd: root,
        timeoutMs: EQUAL.length * STEP_MS,
      });
      expect(code, all).toBe(0);
      const steps = stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as Step);
      expect(steps.map(({ step }) => step)).toEqual([...EQUAL, "negentropy of ours", "negentropy of theirs"]);
      for (const { step, events, missing, refs } of steps.slice(0, EQUAL.length)) {
        expect([step, events![0] === events![1], missing, refs!.every(Boolean)]).toEqual([
          ...[step, true, [0, 0], true],
        ]);
      }
      for (const { step, counts } of steps.slice(EQUAL.length)) {
        expect([step, counts!["> NEG-OPEN"]! > 0, counts!["< NEG-MSG"]! > 0]).toEqual([step, true, true]);
        expect([step, counts!["< NEG-ERR"] ?? 0]).toEqual([step, 0]);
      }
    },
    EQUAL.length * STEP_MS,
  );
});
