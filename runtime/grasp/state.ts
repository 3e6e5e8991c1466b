/**
 * Repository states (NIP-34, kind 30618): the refs that a maintainer says a repository has (R37, R38, A19, A44, A45).
 * @module
 */
import { type NostrEvent, tagValue } from "./events/event.ts";
import { isBranchOrTag, isRefName, nestedName } from "./git/ref-name.ts";
import { identifierFault } from "./identifier.ts";

/** Largest number of refs in a state (R37). */
export const MAX_STATE_REFS = 10_000;
/** Longest chain of symbolic values inside a state. */
const MAX_SYMBOLIC_STEPS = 10;
const SYMBOLIC = /^ref: (refs\/heads\/.+)$/;
/** Longest value of a ref, in characters. */
const MAX_VALUE_LENGTH = 1100;

/** A state that can be read. */
export interface RepositoryState {
  readonly event: NostrEvent;
  readonly identifier: string;
  /**
   * Branches and tags with their object ids; symbolic values are resolved. A value that is no id is kept: no object has it, so
   * that the state waits until it expires. Empty: the state withdraws (R43).
   */
  readonly refs: ReadonlyMap<string, string>;
  /** The branch that `HEAD` shall name, such as `refs/heads/main`; `null`: the state names none. */
  readonly head: string | null;
}

/**
 * Reads a state.
 * @returns what is wrong with it, as the rest of `invalid: …`.
 */
export function readState(event: NostrEvent): { state: RepositoryState } | { fault: string } {
  const identifier = tagValue(event, "d");
  if (identifier === undefined) return { fault: "the state has no d tag" };
  const fault = identifierFault(identifier);
  if (fault !== null) return { fault };

  const values = new Map<string, string>();
  for (const [name, value] of event.tags) {
    if (name === undefined || !isBranchOrTag(name) || name.endsWith("^{}")) continue;
    if (!isRefName(name)) return { fault: "a ref has a name that Git refuses, or that is too long" };
    if (values.has(name)) return { fault: `${name} is named twice` };
    if (value === undefined || value.length > MAX_VALUE_LENGTH) return { fault: `${name} has no object id` };
    if (values.size === MAX_STATE_REFS) return { fault: `the state has more than ${MAX_STATE_REFS} refs` };
    values.set(name, value);
  }
  const above = nestedName(values.keys());
  if (above !== null) return { fault: `the state has ${above} and a ref below it` };

  const refs = new Map<string, string>();
  for (const name of values.keys()) {
    const id = resolve(name, values);
    if (id === null) return { fault: `${name} points to a branch that the state does not name` };
    refs.set(name, id);
  }
  return { state: { event, identifier, refs, head: headOf(event) } };
}

function resolve(name: string, values: ReadonlyMap<string, string>): string | null {
  let value = values.get(name);
  for (let step = 0; step < MAX_SYMBOLIC_STEPS && value !== undefined; step++) {
    const target = SYMBOLIC.exec(value)?.[1];
    if (target === undefined) return value;
    value = values.get(target);
  }
  return null;
}

/** `ref: refs/heads/main` or `refs/heads/main` (R38); anything else names no branch. */
function headOf(event: NostrEvent): string | null {
  const branch = /^(?:ref: )?(refs\/heads\/.+)$/.exec(tagValue(event, "HEAD") ?? "")?.[1];
  return branch !== undefined && isRefName(branch) ? branch : null;
}
