/**
 * What a limit is: something that is done to a server of its own, and the figures that come of it.
 * @module
 */
import type { Figure } from "../grasp/rows.ts";

/** How large the data are. */
export interface LimitSizes {
  /** Signature checks. */
  readonly checks: number;
  /** Stored events. */
  readonly events: number;
  /** Questions of each kind. */
  readonly questions: number;
  /** Idle WebSockets. */
  readonly idle: number;
  /** Subscribers of one event. */
  readonly subscribers: number;
  /** Clones at once. */
  readonly clones: number;
  /** Refs of one repository. */
  readonly refs: number;
  /** How long memory settles before it is read, in milliseconds. */
  readonly settleMs: number;
  /** How long `info/refs` is asked for, in milliseconds. */
  readonly requestsMs: number;
}

/** The sizes of the table in docs/performance.md. */
export const FULL: LimitSizes = {
  checks: 20_000,
  events: 1_000_000,
  questions: 2000,
  idle: 5000,
  subscribers: 10_000,
  clones: 200,
  refs: 10_000,
  settleMs: 3000,
  requestsMs: 5000,
};

/** Sizes that measure everything in seconds. */
export const QUICK: LimitSizes = {
  checks: 200,
  events: 2000,
  questions: 10,
  idle: 100,
  subscribers: 200,
  clones: 5,
  refs: 100,
  settleMs: 50,
  requestsMs: 300,
};

/** A figure of a limit. */
export type LimitFigure = Pick<Figure, "name" | "value" | "unit">;

/** What a limit is given. */
export interface Given {
  readonly sizes: LimitSizes;
  /** The program of the server. */
  readonly main: string;
  /** An existing folder of its own. */
  readonly folder: string;
  /** Tells how far it is. */
  say(text: string): void;
}

/** One limit. `measure` throws an {@link Unmeasured} if it cannot be measured here. */
export interface Limit {
  readonly name: string;
  measure(given: Given): Promise<LimitFigure[]>;
}

/** This machine lacks something that a limit needs; the message says what. */
export class Unmeasured extends Error {}

export const rate = (name: string, value: number): LimitFigure => ({ name, value, unit: "a second" });
export const ms = (name: string, value: number): LimitFigure => ({ name, value, unit: "ms" });
export const seconds = (name: string, value: number): LimitFigure => ({ name, value, unit: "s" });
export const mib = (name: string, value: number): LimitFigure => ({ name, value, unit: "MiB" });
export const kib = (name: string, value: number): LimitFigure => ({ name, value, unit: "KiB" });
export const count = (name: string, value: number): LimitFigure => ({ name, value, unit: "count" });

/** A number as the table shows it. */
export const many = (value: number) => value.toLocaleString("en");
