/**
 * Filters of NIP-01: which events a subscription wants (R17 to R20, R67, R69).
 * @module
 */
import { isObject } from "../../lib/json.ts";
import { isHex64, type NostrEvent } from "./event.ts";

/** One filter. What is left out matches everything. */
export interface Filter {
  readonly ids?: ReadonlySet<string>;
  readonly authors?: ReadonlySet<string>;
  readonly kinds?: ReadonlySet<number>;
  /** Earliest time, in seconds; inclusive. */
  readonly since?: number;
  /** Latest time, in seconds; inclusive. */
  readonly until?: number;
  /** Largest number of stored events. */
  readonly limit?: number;
  /** Values by the letter of a tag, without `#`. */
  readonly tags: ReadonlyMap<string, ReadonlySet<string>>;
}

/** Largest number of values in one filter (table of limits). */
const MAX_VALUES = 2000;

/** A filter from outside, or what is wrong with it. */
export type ReadFilter = { readonly filter: Filter } | { readonly fault: string };

/**
 * Reads a filter. Ids and keys are whole (R17): prefixes are refused. Unknown fields are refused: without them the
 * answer would be wider than the question.
 */
export function readFilter(value: unknown): ReadFilter {
  if (!isObject(value)) return { fault: "a filter is a JSON object" };
  const tags = new Map<string, ReadonlySet<string>>();
  const filter: { -readonly [Key in keyof Filter]: Filter[Key] } = { tags };
  let values = 0;
  for (const [name, given] of Object.entries(value)) {
    if (Array.isArray(given)) values += given.length;
    if (values > MAX_VALUES) return { fault: `a filter has more than ${MAX_VALUES} values` };
    switch (name) {
      case "ids":
      case "authors": {
        if (!isListOf(given, isKey)) return { fault: `${name} is a list of 64 lower-case hex digits` };
        filter[name] = new Set(given);
        break;
      }
      case "kinds": {
        if (!isListOf(given, isKind)) return { fault: "kinds is a list of integers from 0 to 65535" };
        filter.kinds = new Set(given);
        break;
      }
      case "since":
      case "until":
      case "limit": {
        if (!isCount(given)) return { fault: `${name} is an integer from 0` };
        filter[name] = given;
        break;
      }
      case "search":
        return { fault: "search is not supported" };
      default: {
        const letter = /^#([a-zA-Z])$/.exec(name)?.[1];
        if (letter === undefined)
          return { fault: `a filter has no field ${JSON.stringify(name.slice(0, 20))}` };
        if (!isListOf(given, isText)) return { fault: `${name} is a list of texts` };
        tags.set(letter, new Set(given));
      }
    }
  }
  return { filter };
}

/** Whether a filter matches an event. `limit` does not count here: it holds for stored events only (R67). */
export function matches(filter: Filter, event: NostrEvent): boolean {
  if (filter.ids !== undefined && !filter.ids.has(event.id)) return false;
  if (filter.authors !== undefined && !filter.authors.has(event.pubkey)) return false;
  if (filter.kinds !== undefined && !filter.kinds.has(event.kind)) return false;
  if (filter.since !== undefined && event.created_at < filter.since) return false;
  if (filter.until !== undefined && event.created_at > filter.until) return false;
  for (const [letter, values] of filter.tags) {
    // A tag's first value counts (NIP-01).
    if (!event.tags.some((tag) => tag[0] === letter && tag[1] !== undefined && values.has(tag[1])))
      return false;
  }
  return true;
}

/** Whether a filter can match nothing, whatever the event: a list of it is empty (R17). */
export function matchesNothing({ ids, authors, kinds, since, until, tags }: Filter): boolean {
  if (ids?.size === 0 || authors?.size === 0 || kinds?.size === 0) return true;
  for (const values of tags.values()) if (values.size === 0) return true;
  return since !== undefined && until !== undefined && since > until;
}

/** Whether a filter names nothing that an index finds: no id, author, kind or tag (R19). */
export function isUnbounded({ ids, authors, kinds, tags }: Filter): boolean {
  return ids === undefined && authors === undefined && kinds === undefined && tags.size === 0;
}

const isKey = (value: unknown): value is string => typeof value === "string" && isHex64(value);
const isText = (value: unknown): value is string => typeof value === "string";
const isCount = (value: unknown): value is number =>
  typeof value === "number" && Number.isInteger(value) && value >= 0;
const isKind = (value: unknown): value is number => isCount(value) && value <= 65_535;

function isListOf<T>(value: unknown, isItem: (item: unknown) => item is T): value is T[] {
  return Array.isArray(value) && value.every(isItem);
}
