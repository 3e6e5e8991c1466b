/**
 * The device's own secret, and its client data from the publisher's servers.
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
/** Timeout and maximum response size of `clientUrl`. */
const CLIENT_BOUNDS = { timeoutMs: 2000, maxBytes: 4096 };

/**
 * The passphrase of this device, random at its first use. Every visitor can read what a browser gets, so it cannot get a
 * passphrase of the publisher.
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

/** Options of {@link createClientReader}. */
export interface ClientReaderOptions {
  /** The address that answers with the client; `undefined`: the client is unknown. */
  url: string | undefined;
  store: Store;
  clock: Clock;
  fetch: Fetch;
  /** Called with the error if the request fails. */
  onFailure(error: unknown): void;
}

const UNKNOWN: Client = { ip: null, country: null, region: null };

/**
 * Creates a function that reads the client. A device knows neither its public address nor its jurisdiction, so it requests
 * them from the publisher's servers. Their `Cache-Control` sets the lifetime of the answer. If they cannot be reached, the
 * address is unknown and the place is the last known one.
 */
export function createClientReader({
  url,
  store,
  clock,
  fetch,
  onFailure,
}: ClientReaderOptions): () => Promise<Client> {
  if (url === undefined) return async () => UNKNOWN;

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
      ? UNKNOWN
      : {
          ...UNKNOWN,
          ...(parseJson(known.value, "the place that this browser was last in") as Omit<Client, "ip">),
        };
  }

  /** Stores the place. The address is not stored. */
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

/** Reads an answer of `clientUrl`. @throws {Error} if it is not valid */
export function clientIn(answer: unknown): Client {
  const { ip = null, country = null, region = null } = isObject(answer) ? answer : { ip: 0 };
  for (const fact of [ip, country, region]) {
    if (fact !== null && typeof fact !== "string") {
      throw new Error(
        'clientUrl must answer {"ip": "203.0.113.7", "country": "FR", "region": null}; each a string or null',
      );
    }
  }
  return { ip, country, region } as Client;
}
