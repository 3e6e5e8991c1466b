/**
 * Network namespaces with loopback only, for programs that would reach other hosts: every port is free there, and nothing outside
 * can be reached.
 * @module
 */
import { spawnSync } from "node:child_process";

/** What keeps this process from making a network namespace; `null`: nothing. */
export function namespaceFault(): string | null {
  const made = spawnSync("unshare", ["-n", "ip", "link", "set", "lo", "up"]);
  return made.status === 0 ? null : "this user cannot make a network namespace";
}

/** Begins a command line whose program runs in a new namespace, as the process that was started. */
export const NEW_NAMESPACE = ["unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"] as const;

/** Begins a command line whose program runs in the namespace of a process. */
export function namespaceOf(pid: number): readonly string[] {
  return ["nsenter", `--net=/proc/${pid}/ns/net`];
}
