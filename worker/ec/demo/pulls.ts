/**
 * The panel's lines about one visitor's pulls, in plain words.
 * @module
 */
import type { GraphEntry } from "../../../runtime/ec/graph/entry.ts";
import type { Gate } from "./gates.ts";
import type { PullEvent } from "./watched-fetch.ts";

/** One line of the panel's list. */
export interface PullLine {
  /** Consecutive, from 1. */
  number: number;
  atMs: number;
  partner: string;
  kind: PullEvent["what"]["kind"] | "waits" | "written";
  text: string;
}

const MAX_LINES = 9;

/** The pulls for one visitor's id. */
export interface Pulls {
  /** Newest first. */
  readonly lines: readonly PullLine[];
  /** Whether the last visit started pulls. */
  readonly isOn: boolean;
  /** The progress of each partner since then. */
  readonly progress: ReadonlyMap<string, "waits" | "asked" | "over">;
}

export const NO_PULLS: Pulls = { lines: [], isOn: false, progress: new Map() };

/** A visit resets the progress, except for requests in flight. @param isOn whether the visit may pull */
export function afterVisit(pulls: Pulls, isOn: boolean): Pulls {
  const progress = new Map([...pulls.progress].filter(([, state]) => isOn && state !== "over"));
  return { ...pulls, isOn, progress };
}

/** Adds an event of a pull. @param name the partner's name */
export function withEvent(pulls: Pulls, event: PullEvent, name: string): Pulls {
  const { partner, atMs, what } = event;
  const progress = new Map(pulls.progress).set(partner, what.kind === "asked" ? "asked" : "over");
  return add({ ...pulls, progress }, { atMs, partner, kind: what.kind, text: wordsFor(what, name) });
}

function wordsFor(what: PullEvent["what"], name: string): string {
  switch (what.kind) {
    case "asked":
      return `${name} was asked for its id for you.`;
    case "answered":
      return what.status === 200
        ? `${name} answered, after ${duration(what.tookMs)}.`
        : `${name} answered with status ${what.status}.`;
    case "slow down":
      return `${name} said “slow down”. It gets no requests for ${duration(what.pauseMs)}; your next visit tries again.`;
    case "dropped":
      return `The request to ${name} was cancelled: its answer is not needed any more.`;
    case "failed":
      return `${name} gave no answer.`;
  }
}

/** Adds a line for each due partner that cannot be requested yet. @param due their ids */
export function withWaits(
  pulls: Pulls,
  due: readonly string[],
  gates: readonly Gate[],
  nameOf: (partner: string) => string,
  nowMs: number,
): Pulls {
  let after = pulls;
  for (const gate of gates) {
    const { partner } = gate;
    const why = reasonToWait(gate, nowMs);
    if (!pulls.isOn || pulls.progress.has(partner) || !due.includes(partner) || why === null) continue;
    const progress = new Map(after.progress).set(partner, "waits");
    const text = `You are in line for ${nameOf(partner)}: ${why}.`;
    after = add({ ...after, progress }, { atMs: nowMs, partner, kind: "waits", text });
  }
  return after;
}

/** Why a pull waits; `null` if it does not. */
function reasonToWait({ closed, inFlight, maxConcurrent, maxPerMinute }: Gate, nowMs: number): string | null {
  switch (closed?.because) {
    case "pause":
      return `it asked for a pause, which ends in ${Math.ceil((closed.untilMs - nowMs) / 1000)} s`;
    case "window":
      return `it had ${maxPerMinute} requests within a minute, which is its limit`;
    case "rest":
      return "it keeps failing, so requests pause";
    case undefined:
      if (inFlight < maxConcurrent) return null;
      return maxConcurrent === 1 ? "it takes one at a time" : `it takes ${maxConcurrent} at a time`;
  }
}

/** Adds a line for each partner's id that a write of the entry added. */
export function withWritten(
  pulls: Pulls,
  before: GraphEntry | null,
  after: GraphEntry | null,
  nameOf: (partner: string) => string,
  nowMs: number,
): Pulls {
  let extended = pulls;
  for (const [partner, { uid, synced }] of Object.entries(after?.ids ?? {})) {
    const old = before?.ids[partner];
    if (old?.uid === uid && old.synced === synced) continue;
    const text = `${possessive(nameOf(partner))} id for you is in the graph.`;
    extended = add(extended, { atMs: nowMs, partner, kind: "written", text });
  }
  return extended;
}

function add(pulls: Pulls, line: Omit<PullLine, "number">): Pulls {
  const number = (pulls.lines[0]?.number ?? 0) + 1;
  return { ...pulls, lines: [{ ...line, number }, ...pulls.lines].slice(0, MAX_LINES) };
}

function possessive(name: string): string {
  return name.endsWith("s") ? `${name}’` : `${name}’s`;
}

function duration(ms: number): string {
  return ms < 1000 ? `${Math.max(1, Math.round(ms))} ms` : `${Math.round(ms / 100) / 10} s`;
}
