/**
 * What a device knows of itself, and what it has to be told.
 * @module
 */

import { boundedFetch } from "../../../runtime/lib/bounded-fetch.ts";
import { toHex } from "../../../runtime/lib/hex.ts";
import { isObject, parseJson } from "../../../runtime/lib/json.ts";
import type { Client, Clock, Fetch, Random, Store } from "../../../runtime/platform.ts";
import { scope } from "./scope.ts";

const SECRET_KEY = "device:secret";
const PLACE_KEY = "device:place";
const SECRET_BYTES = 32;
/** How long the publisher's servers may take to say who asks, and how much they may say. */
const CLIENT_BOUNDS = { timeoutMs: 2000, maxBytes: 4096 };

/**
 * The passphrase of this device, made at random at its first use. What is sent to a browser anybody can read, so that no
 * passphrase of the publisher's may be in it.
 */
export async function deviceSecret(store: Store, random: Random): Promise<string> {
  const known = await store.get(SECRET_KEY);
  if (known !== null) return known.value;
  const bytes = new Uint8Array(SECRET_BYTES);
  random.fill(bytes);
  const secret = toHex(bytes);
  const { ok } = await store.put(SECRET_KEY, secret, { ifVersion: null });
  return ok ? secret : deviceSecret(store, random);
}

/** What {@link createClientReader} takes. */
export interface ClientReaderParts {
  /** Answers who asks; `undefined`: there is no such address. */
  url: string | undefined;
  store: Store;
  clock: Clock;
  fetch: Fetch;
  /** Told why nobody could be asked. */
  onFailure(error: unknown): void;
}

const NOWHERE: Client = { ip: null, country: null, region: null };

/**
 * A device does not know under which address the world sees it, nor in which jurisdiction it is: it asks the publisher's
 * servers. Their `Cache-Control` says how long the answer holds. While they cannot be reached the device has no address,
 * and the place is the last one known.
 */
export function createClientReader({
  url,
  store,
  clock,
  fetch,
  onFailure,
}: ClientReaderParts): () => Promise<Client> {
  if (url === undefined) return async () => NOWHERE;

  async function ask(from: string): Promise<Client> {
    const response = await boundedFetch(from, { headers: { accept: "application/json" } }, CLIENT_BOUNDS, {
      fetch,
      clock,
    });
    if (response.status !== 200) {
      response.body?.cancel().catch(() => {});
      throw new Error(`clientUrl answered with status ${response.status}`);
    }
    return clientIn(parseJson(await response.text(), "the answer of clientUrl"));
  }

  async function lastPlace(): Promise<Client> {
    const known = await store.get(PLACE_KEY);
    return known === null
      ? NOWHERE
      : {
          ...NOWHERE,
          ...(parseJson(known.value, "the place that this browser was last in") as Omit<Client, "ip">),
        };
  }

  /** The address itself is kept nowhere. */
  async function remember({ country, region }: Client): Promise<void> {
    const place = JSON.stringify({ country, region });
    if ((await store.get(PLACE_KEY))?.value !== place) await store.put(PLACE_KEY, place);
  }

  async function find(from: string): Promise<Client> {
    if (!scope.navigator.onLine) return lastPlace();
    try {
      const client = await ask(from);
      await remember(client);
      return client;
    } catch (error) {
      onFailure(error);
      return lastPlace();
    }
  }

  let finding: Promise<Client> | undefined;
  return () => {
    finding ??= find(url).finally(() => {
      finding = undefined;
    });
    return finding;
  };
}

/** @throws {Error} if it is no answer to who asks. */
export function clientIn(answer: unknown): Client {
  const { ip = null, country = null, region = null } = isObject(answer) ? answer : { ip: 0 };
  for (const fact of [ip, country, region]) {
    if (fact !== null && typeof fact !== "string") {
      throw new Error(
        'clientUrl must answer {"ip": "203.0.113.7", "country": "FR", "region": null}; texts or null',
      );
    }
  }
  return { ip, country, region } as Client;
}
