/**
 * The public compliance tool of GRASP against `millrace serve`. The tool announces public hosts, so that both run in a network
 * namespace that has loopback only.
 * @module
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { findGraspAudit } from "../../../scripts/cargo-tools.ts";
import { namespaceFault } from "../../support/namespace.ts";
import { type ProcessRuntime, root, runtimes } from "../../support/spawn.ts";
import { runCommand } from "../../support/start-program.ts";

const TIMEOUT_MS = 280_000;
/** In a namespace of its own every port is free. */
const PORT = 7334;

/** What keeps the tool from running here; `null`: nothing. */
function reason(): string | null {
  if (findGraspAudit() === null)
    return "grasp-audit is not installed; node scripts/cargo-tools.ts installs it";
  return namespaceFault();
}

const why = reason();

describe.skipIf(why !== null)(`grasp-audit 0.2.0${why === null ? "" : ` (${why})`}`, () => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-audit-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  // Each has a network namespace of its own, and mostly waits.
  test.concurrent.each<[ProcessRuntime, "shared" | "isolated", boolean]>([
    ["node", "shared", false],
    ["node", "isolated", true],
    ["bun", "shared", true],
    ["deno", "shared", true],
  ])(
    "every check passes on %s, with %s fixtures, GRASP-06 on: %s (V4, X6 to X14)",
    async (runtime, mode, takesPrs) => {
      const data = join(folder, `${runtime}-${mode}`);
      const config = `${data}.json`;
      const host = `127.0.0.1:${PORT}`;
      writeFileSync(
        config,
        JSON.stringify({
          grasp: {
            domain: host,
            listen: { port: PORT },
            dataDirectory: data,
            prs: { enabled: takesPrs },
          },
        }),
      );
      const server = [...runtimes[runtime], "worker/cli/main.ts", "serve", "--config", config];
      const audit = [
        findGraspAudit()!,
        "audit",
        "--relay",
        `ws://${host}`,
        "--git-data-dir",
        join(data, "git"),
        "--mode",
        mode,
      ];
      const script = `
        ip link set lo up || exit 9
        "$@" > ${data}.out 2> ${data}.log & server=$!
        for i in $(seq 300); do grep -q listening ${data}.out && break; sleep 0.1; done
        ${audit.join(" ")}; code=$?
        kill $server; wait $server
        exit $code`;
      const { code, all } = await runCommand({
        command: "unshare",
        args: ["-n", "sh", "-c", script, "sh", ...server],
        cwd: root,
        timeoutMs: TIMEOUT_MS,
      });
      // biome-ignore lint/suspicious/noControlCharactersInRegex: the tool colours its report.
      const text = all.replace(/\u001b\[[0-9;]*m/g, "");
      expect([...text.matchAll(/✗.*\n.*/g)].map(([line]) => line)).toEqual([]);
      expect(text).toContain("62/62 tests passed");
      if (takesPrs) expect(text).toContain("12/12 tests passed");
      expect(code).toBe(0);
    },
    TIMEOUT_MS,
  );
});
