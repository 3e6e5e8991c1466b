/** The service's API, asked with the admin token. The token is in this module's memory and nowhere else. */

/** What the service said no with. */
export class Refusal extends Error {
  readonly status: number;
  readonly faults: readonly { field: string; reason: string }[];

  constructor(status: number, message: string, faults: Refusal["faults"] = []) {
    super(message);
    this.status = status;
    this.faults = faults;
  }
}

/** How long an answer may take. */
const TIMEOUT_MS = 8000;

let token: string | null = null;
let onExpired: (message: string) => void = () => {};

/** What happens when the token is refused. */
export function whenExpired(act: (message: string) => void): void {
  onExpired = act;
}

/** The token to ask with from now on; `null` forgets it. */
export function setToken(given: string | null): void {
  token = given;
}

/**
 * Asks the service.
 * @returns what the JSON of the answer holds; `null` if there is none
 * @throws {Refusal} if the service refuses, or does not answer
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
    // The operator is no visitor: not even this browser's own Edge Cookie goes along.
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

/** What an error says, as a sentence. */
export function sentence(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?…]$/.test(text) ? "" : "."}`;
}
