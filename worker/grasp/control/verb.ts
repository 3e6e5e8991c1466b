/**
 * The shape of an administration command of GRASP (O14): it runs inside the service, and its caller is a command line.
 * @module
 */
import type { Operand, Option, Values } from "../../cli/command.ts";
import type { StatusReader } from "../admin/read-status.ts";
import type { Background } from "../start/background.ts";
import type { Core } from "../start/core.ts";
import type { Parts } from "../start/parts.ts";

/** The running service, as far as commands use it. */
export interface Running {
  readonly parts: Parts;
  readonly core: Core;
  readonly background: Background;
  readonly status: Pick<StatusReader, "read">;
}

/** One line of an answer: shown as a row of a table, or as JSON. */
export type Row = Readonly<Record<string, string | number | boolean | null>>;

/** Where a command writes while it runs. */
export interface Output {
  row(row: Row): void;
  /** A line that other programs read as it is. */
  text(line: string): void;
  /** What is going on, for somebody who waits. */
  progress(text: string): void;
  /** Ends when the caller leaves or the service stops. */
  readonly signal: AbortSignal;
}

/** One administration command. */
export interface Verb {
  /** One line for the list of commands, in lower case and without a full stop. */
  readonly summary: string;
  /** The rest of the command's own help. */
  readonly details: string;
  readonly operands?: Readonly<Record<string, Operand>>;
  readonly options?: Readonly<Record<string, Option>>;
  /**
   * Runs the command.
   * @throws {UsageError} if a value is missing or wrong; {@link Refusal} if it cannot be done, and why
   */
  run(values: Values, running: Running, output: Output): Promise<void>;
}

/** A command cannot be done. Its message says why, and what to do. */
export class Refusal extends Error {
  override readonly name = "Refusal";
}
