/**
 * Which relays are open (L2, L3, L4), and which identifiers each is asked for.
 * @module
 */
import type { UrlRules } from "../purgatory-sync/urls.ts";
import { MAX_RELAYS } from "./figures.ts";
import { relayOfClone, relayUrl } from "./relay-url.ts";

/** What an announcement, served or waiting, says of relays. */
export interface Announced {
  readonly owner: string;
  readonly identifier: string;
  readonly relays: readonly string[];
  readonly clone: readonly string[];
}

/** The relays that announcements and the operator name. */
export interface ChosenRelays {
  /** The identifiers of each relay, by its URL. A bootstrap relay has all of them. */
  readonly relays: ReadonlyMap<string, ReadonlySet<string>>;
  /** URLs beyond a bound, each once. */
  readonly left: number;
}

/** The relays of one announcement, each once, in its own order: `relays` first, then the hosts of `clone`. */
export function relaysOf({ relays, clone }: Pick<Announced, "relays" | "clone">, rules: UrlRules): string[] {
  const judged = [
    ...relays.map((text) => relayUrl(text, rules)),
    ...clone.map((text) => relayOfClone(text, rules)),
  ];
  return [...new Set(judged.flatMap((one) => ("url" in one ? [one.url] : [])))];
}

/**
 * Chooses relays. Bootstrap relays come first; then each author's announcements, in the order given, open those that no earlier one
 * opened, up to the author's bound.
 */
export function chooseRelays(
  announced: Iterable<Announced>,
  bootstrap: readonly string[],
  rules: UrlRules,
): ChosenRelays {
  const chosen = new Map<string, Set<string>>();
  const everywhere = new Set<string>();
  for (const text of bootstrap) {
    const judged = relayUrl(text, rules);
    if ("url" in judged) chosen.set(judged.url, everywhere);
  }
  const opened = new Map<string, number>();
  const left = new Map<string, Set<string>>();
  for (const one of announced) {
    everywhere.add(one.identifier);
    for (const url of relaysOf(one, rules)) {
      const known = chosen.get(url);
      if (known !== undefined) known.add(one.identifier);
      else if ((opened.get(one.owner) ?? 0) < MAX_RELAYS.author && chosen.size < MAX_RELAYS.total) {
        opened.set(one.owner, (opened.get(one.owner) ?? 0) + 1);
        chosen.set(url, new Set([one.identifier]));
      } else left.set(url, (left.get(url) ?? new Set()).add(one.identifier));
    }
  }
  // Somebody after them may have opened it.
  for (const [url, identifiers] of left) {
    const known = chosen.get(url);
    if (known === undefined) continue;
    for (const identifier of identifiers) known.add(identifier);
    left.delete(url);
  }
  return { relays: chosen, left: left.size };
}
