/**
 * GRASP's dialer on Node, Bun and Deno: the tests' side.
 * @module
 */
import type { CloseReason } from "../../../runtime/grasp/relay-sync/events.ts";
import type { RelayInformation } from "../../../runtime/grasp/relay-sync/ports.ts";
import { type ProcessRuntime, root, runtimes } from "../spawn.ts";
import { type CommandLine, runCommand } from "../start-program.ts";

/** A relay to dial. */
export interface DialCase {
  readonly url: string;
  /** What the name servers say. Default: no name exists. */
  readonly addresses?: Readonly<Record<string, readonly string[]>>;
  /** Default: true. */
  readonly allowLoopback?: boolean;
  /** Default: true. */
  readonly allowInsecure?: boolean;
  readonly openMs?: number;
  /** What to do then. `flood`: send 10 MB at once. `greet`: send a message. */
  readonly act?: "flood" | "greet";
}

/** What became of it. */
export interface DialResult {
  readonly isOpen: boolean;
  /** Lengths of the messages that came. */
  readonly messages: readonly number[];
  /** Why it ended; `ours`: the relay said `bye`. */
  readonly reason: CloseReason | "ours";
  /** How often a name server was asked. */
  readonly lookups: number;
  /** Most bytes that waited to be sent. */
  readonly mostUnsent: number;
}

/** Dials on a runtime. @param authority a file with a certificate that is trusted beside the system's */
export function dialOn(
  runtime: ProcessRuntime,
  cases: readonly DialCase[],
  authority?: string,
): Promise<DialResult[]> {
  const env = authority === undefined ? {} : { NODE_EXTRA_CA_CERTS: authority, DENO_CERT: authority };
  return runOn(runtime, "dial", cases, env);
}

/** Asks for what relays say of themselves. */
export function informationOn(
  runtime: ProcessRuntime,
  cases: readonly DialCase[],
): Promise<(RelayInformation | null)[]> {
  return runOn(runtime, "information", cases, {});
}

async function runOn<Result>(
  runtime: ProcessRuntime,
  what: "dial" | "information",
  cases: readonly DialCase[],
  env: CommandLine["env"],
): Promise<Result[]> {
  const [command, ...first] = runtimes[runtime];
  const { code, stdout, all } = await runCommand({
    command: command!,
    args: [...first, "test/support/dial/main.ts", what, JSON.stringify(cases)],
    cwd: root,
    env,
  });
  if (code !== 0) throw new Error(all);
  const lines = stdout.trim().split("\n");
  return lines.map((line) => JSON.parse(line) as Result);
}
