/**
 * ngit-grasp, another GRASP server. It dials what events name, and public relays beside: it runs in a network namespace only.
 * @module
 */
import { join } from "node:path";
import { findNgitGrasp } from "../../scripts/cargo-tools.ts";
import { type RunningProgram, startProgram } from "./start-program.ts";

/** Starts it, and waits until it answers. @param folder where its data are @param port of 127.0.0.1 */
export function startNgitGrasp(
  folder: string,
  port: number,
  env: Readonly<Record<string, string>> = {},
): Promise<RunningProgram> {
  const host = `127.0.0.1:${port}`;
  return startProgram({
    command: findNgitGrasp()!,
    args: ["serve"],
    cwd: folder,
    env: {
      NGIT_DOMAIN: host,
      NGIT_BIND_ADDRESS: host,
      NGIT_GIT_DATA_PATH: join(folder, "git"),
      NGIT_RELAY_DATA_PATH: join(folder, "relay"),
      NGIT_SYNC_ALLOW_NON_GLOBAL_TARGETS: "true",
      NGIT_SYNC_PLUS_ENABLED: "false",
      NGIT_SYNC_BASE_BACKOFF_SECS: "1",
      NGIT_SYNC_MAX_BACKOFF_SECS: "2",
      NGIT_SYNC_DISCONNECT_CHECK_INTERVAL_SECS: "1",
      NGIT_LOG_LEVEL: "info",
      ...env,
    },
    ready: () => isRelay(`http://${host}`),
    startTimeoutMs: 60_000,
  });
}

/** Whether a relay answers at an address. */
function isRelay(url: string): Promise<boolean> {
  return fetch(url, { headers: { accept: "application/nostr+json" } }).then(
    ({ ok }) => ok,
    () => false,
  );
}
