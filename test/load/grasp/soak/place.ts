/**
 * The server of a soak as its clients see it: it is ended now and then, and what was under way then may have no answer.
 * @module
 */

/** Where the server is, and which of its lives this is. */
export interface Place {
  url: string;
  /** `false` from the moment at which it is told to end until it is ready again. */
  isUp: boolean;
  /** Number of its life, from 1. */
  life: number;
}

/** The server was ended under a request: the client begins something else. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
}

/** What a server should not have done. */
export class Fault extends Error {
  override readonly name = "Fault";
}

/** Longest time for one request, in milliseconds. */
const REQUEST_MS = 90_000;

/**
 * Runs a request of a client.
 * @throws {Interrupted} if it failed and the server was ended meanwhile
 * @throws {Fault} if it failed and the server was up all the time
 */
export async function during<T>(place: Place, what: string, request: () => Promise<T>): Promise<T> {
  if (!place.isUp) throw new Interrupted(what);
  const { life } = place;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${REQUEST_MS / 1000} s`)), REQUEST_MS);
  });
  try {
    return await Promise.race([request(), late]);
  } catch (error) {
    if (!place.isUp || place.life !== life) throw new Interrupted(what, { cause: error });
    throw new Fault(`${what}: ${error instanceof Error ? error.message : error}`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

let addresses = 0;

/** An address on loopback that no client had, because the server limits what an address may do. */
export function newAddress(): string {
  addresses++;
  return `127.3.${(addresses >> 8) & 255}.${addresses & 255}`;
}
