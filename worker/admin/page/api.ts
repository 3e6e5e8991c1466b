/** Requests to the service's API with the admin token. Only this module holds the token, in memory. */

/** A refusal of the service, or no answer (`status` 0). */
export class Refusal extends Error {
  readonly status: number;
  readonly faults: readonly { field: string; reason: string }[];

  constructor(status: number, message: string, faults: Refusal["faults"] = []) {
    super(message);
    this.status = status;
    this.faults = faults;
  }
}

/** Timeout of a request, in milliseconds. */
const TIMEOUT_MS = 8000;

let token: string | null = null;
let onExpired: (message: string) => void = () => {};

/** Sets the callback for a token that the service refuses. */
export function whenExpired(act: (message: string) => void): void {
  onExpired = act;
}

/** Sets the token of later requests; `null` removes it. */
export function setToken(given: string | null): void {
  token = given;
}

/**
 * Sends a request.
 * @param path may be relative to the page
 * @returns the JSON of the answer; `null` if there is none
 * @throws {Refusal} if the service refuses or does not answer
 */
export async function ask(method: string, path: string, body?: unknown): Promise<unknown> {
  const asked = token;
  const response = await fetch(path, {
    method,
    headers: {
      accept: "application/json",
      ...(asked === null ? {} : { authorization: `Bearer ${asked}` }),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    // Without cookies: the operator is not a visitor.
    credentials: "omit",
    cache: "no-store",
    redirect: "error",
    signal: AbortSignal.timeout(TIMEOUT_MS),
  }).catch(() => {
    throw new Refusal(0, "the service does not answer");
  });
  const answer = await response.json().catch(() => null);
  if (response.ok) return answer;
  const message = answer?.message ?? `the service answered with status ${response.status}`;
  if (response.status === 401 && asked !== null && asked === token) onExpired(message);
  throw new Refusal(response.status, message, answer?.faults);
}

/** The message of an error as a sentence. */
export function sentence(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?…]$/.test(text) ? "" : "."}`;
}
