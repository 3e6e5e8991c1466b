/**
 * What a relay is asked for, as filters (L5, L6).
 * @module
 */
import type { Filter } from "../events/filter.ts";
import { KIND } from "../events/kinds.ts";
import { MAX_VALUES } from "./figures.ts";

/** Kinds of root events: patches, pull requests and their updates, issues, and what lies between. */
export const ROOT_KINDS: ReadonlySet<number> = new Set([1617, 1618, 1619, 1620, 1621]);

/** What a relay is asked for. */
export interface Targets {
  /** Identifiers of served and waiting announcements. */
  readonly identifiers: ReadonlySet<string>;
  /** Addresses `30617:<key>:<identifier>` of served announcements. */
  readonly addresses: ReadonlySet<string>;
  /** Owners and maintainers of served repositories. */
  readonly authors: ReadonlySet<string>;
  /** Ids of root events. */
  readonly roots: ReadonlySet<string>;
}

export const NO_TARGETS: Targets = {
  identifiers: new Set(),
  addresses: new Set(),
  authors: new Set(),
  roots: new Set(),
};

const LISTS = ["identifiers", "addresses", "authors", "roots"] as const;

/** Layer 1: announcements and lists of GRASP servers, all of them. */
export const FIRST_LAYER: readonly Filter[] = [
  { kinds: new Set([KIND.announcement, KIND.graspList]), tags: new Map() },
];

/** Layers 2 and 3. Filters of the same values are neighbours. */
export function targetFilters({ identifiers, addresses, authors, roots }: Targets): Filter[] {
  return [
    ...chunks(identifiers).map((values) => tagged("d", values, [KIND.state])),
    ...chunks(addresses).flatMap((values) => ["a", "A", "q"].map((letter) => tagged(letter, values))),
    ...chunks(authors).map((values) => ({
      kinds: new Set<number>([KIND.deletion, KIND.vanish]),
      authors: values,
      tags: new Map(),
    })),
    ...chunks(roots).flatMap((values) => ["e", "E", "q"].map((letter) => tagged(letter, values))),
  ];
}

/** The targets of `wanted` that are not among `covered`. */
export function newTargets(wanted: Targets, covered: Targets): Targets {
  return mapTargets((list) => new Set([...wanted[list]].filter((value) => !covered[list].has(value))));
}

export function joinTargets(a: Targets, b: Targets): Targets {
  return mapTargets((list) => new Set([...a[list], ...b[list]]));
}

export function isEmpty(targets: Targets): boolean {
  return LISTS.every((list) => targets[list].size === 0);
}

function mapTargets(make: (list: (typeof LISTS)[number]) => ReadonlySet<string>): Targets {
  return {
    identifiers: make("identifiers"),
    addresses: make("addresses"),
    authors: make("authors"),
    roots: make("roots"),
  };
}

function tagged(letter: string, values: ReadonlySet<string>, kinds?: readonly number[]): Filter {
  return {
    ...(kinds === undefined ? {} : { kinds: new Set(kinds) }),
    tags: new Map([[letter, values]]),
  };
}

function chunks(values: ReadonlySet<string>): ReadonlySet<string>[] {
  const all = [...values];
  return Array.from({ length: Math.ceil(all.length / MAX_VALUES) }, (_, at) => {
    return new Set(all.slice(at * MAX_VALUES, (at + 1) * MAX_VALUES));
  });
}
