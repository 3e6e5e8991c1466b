/**
 * What the parts of the store suite share.
 * @module
 */
import type { Store, StoreTraits } from "../../runtime/platform.ts";
import { ok } from "./case.ts";

/** An empty store and its environment. */
export interface StoreUnderTest {
  store: Store;
  /** Moves the clock of the store. */
  advance(ms: number): void | Promise<void>;
  /** Opens another instance on the same data. Only for stores that are durable or shared. */
  again?(): Store | Promise<Store>;
  /** Removes everything. The store may already be closed. */
  dispose(): void | Promise<void>;
}

/** How to create a store, and what it can do. */
export interface StoreHarness {
  /** The traits that the store must have. Promises that it does not make are not tested. */
  traits: StoreTraits;
  /** Longest value that it must accept, in bytes. Default: 1 MiB. */
  maxValueBytes?: number;
  /**
   * Number of writers that race for one key: the races are as many as its square. Default: 300. Fewer where a race is slow or where
   * another suite of the same code has 300.
   */
  writers?: number;
  open(): StoreUnderTest | Promise<StoreUnderTest>;
}

/** Adds a case to the suite. */
export type AddCase = (name: string, run: (under: StoreUnderTest) => Promise<void>) => void;

export const SECOND_MS = 1000;

/** Puts and returns the new version. @throws {Error} on a conflict. */
export async function put(
  store: Store,
  key: string,
  value: string,
  options?: Parameters<Store["put"]>[2],
): Promise<string> {
  const result = await store.put(key, value, options);
  ok(result.ok, `a put of ${JSON.stringify(key.slice(0, 20))} succeeds`);
  ok(typeof result.version === "string" && result.version !== "", "a put returns a version");
  return result.version;
}

export async function keptOrRefused(
  odd: string,
  write: Promise<unknown>,
  isKept: () => Promise<boolean>,
): Promise<void> {
  const what = `the text ${JSON.stringify(odd)}`;
  const refusal = await write.then(
    () => null,
    (error: unknown) => error,
  );
  if (refusal === null) ok(await isKept(), `${what} comes back as it was put`);
  else ok(refusal instanceof TypeError, `${what} is refused with a TypeError, not with ${refusal}`);
}

/** Tries once to add `member` to the JSON array of `key`. @returns false if another writer was first */
export async function addMember(store: Store, key: string, member: number): Promise<boolean> {
  const entry = await store.get(key);
  const members = entry === null ? [] : (JSON.parse(entry.value) as number[]);
  const value = JSON.stringify([...members, member]);
  return (await store.put(key, value, { ifVersion: entry === null ? null : entry.version })).ok;
}

/** The keys of each page. */
export async function allPages(
  store: Store,
  prefix: string,
  limit?: number,
  from: string | null = null,
): Promise<string[][]> {
  const pages: string[][] = [];
  let cursor = from;
  do {
    const page = await store.list(prefix, { ...(limit === undefined ? {} : { limit }), cursor });
    ok(page.entries.length <= (limit ?? 1000), "a page has no more entries than asked for");
    pages.push(page.entries.map(({ key }) => key));
    cursor = page.cursor;
    ok(pages.length < 2000, "the pages come to an end");
  } while (cursor !== null);
  return pages;
}

export async function allKeys(store: Store, prefix: string): Promise<string[]> {
  return (await allPages(store, prefix)).flat();
}
