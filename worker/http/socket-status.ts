/**
 * The status with which an upgrade was answered, by its connection: several parts answer, and the access log reads it.
 * @module
 */
import type { Duplex } from "node:stream";

const statuses = new WeakMap<Duplex, number>();

const listeners = new WeakMap<Duplex, (status: number) => void>();

/** Remembers the status of an answer that is written to a bare connection. */
export function noteStatus(socket: Duplex, status: number): void {
  statuses.set(socket, status);
  listeners.get(socket)?.(status);
}

/** Calls a function with the status of the answer. One for each connection. */
export function onStatus(socket: Duplex, listener: (status: number) => void): void {
  listeners.set(socket, listener);
}

/** The status of the answer; `null`: there was none. */
export function statusOn(socket: Duplex): number | null {
  return statuses.get(socket) ?? null;
}
