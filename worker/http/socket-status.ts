/**
 * The status with which an upgrade was answered, by its connection: several parts answer, and the access log reads it.
 * @module
 */
import type { Duplex } from "node:stream";

const statuses = new WeakMap<Duplex, number>();

/** Remembers the status of an answer that is written to a bare connection. */
export function noteStatus(socket: Duplex, status: number): void {
  statuses.set(socket, status);
}

/** The status of the answer; `null`: there was none. */
export function statusOn(socket: Duplex): number | null {
  return statuses.get(socket) ?? null;
}
