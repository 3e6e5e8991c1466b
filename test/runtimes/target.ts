/**
 * One running service for the black-box scenarios: a base URL, a way to set the client's address and place, and a
 * look into the graph. The same for all runtimes.
 * @module
 */
import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import type { GraphEntry } from "../../runtime/ec/graph/entry.ts";
import { mustBeDescribed } from "../support/openapi.ts";
import type { Origin } from "../support/origin.ts";
import { type Answer, type Visit, visit } from "../support/visit.ts";

export const PASSPHRASE = "publisher-chosen-secret";
export const DOMAIN = "publisher.example";
export const ADMIN_TOKEN = "an-admin-token-for-the-scenarios";

/** The options of all runtimes, without the listener and the store. */
export function scenarioConfig(originUrl: string) {
  return {
    publisher: { domain: DOMAIN, origin: originUrl },
    client: { ipHeader: "x-test-ip", countryHeader: "x-test-country", regionHeader: "x-test-region" },
    auction: { endpoint: `${originUrl}/openrtb2/auction` },
    passphrases: [PASSPHRASE, "an-older-passphrase"],
    operator: { tokenHash: createHash("sha256").update(ADMIN_TOKEN).digest("hex") },
    allowInsecurePartners: true,
  };
}

/** A visitor: an address, a place, and cookies. */
export interface Visitor {
  ip?: string;
  country?: string;
  region?: string;
  /** Cookies to send, in this order. */
  cookies?: [string, string][];
}

/** One service under test. */
export interface Target {
  /** Its runtime's name. */
  name: string;
  url: string;
  origin: Origin;
  /** One request of a visitor. Rejects if an own answer of the service does not match the API's description. */
  visit(visitor: Visitor, request?: Visit): Promise<Answer>;
  /** The graph's entry of an id. */
  entry(id: string): Promise<GraphEntry | null>;
  /** The log of the service so far, if its host shows it. */
  log(): string;
  /**
   * Whether the host answers one request after the other, each with an instance of its own: then nothing races and no queue fills,
   * and a scenario need not repeat a race.
   */
  readonly isOneAtATime: boolean;
}

/** Makes a target of a base URL. */
export function targetOf(
  name: string,
  url: string,
  origin: Origin,
  log: () => string,
  isOneAtATime = false,
): Target {
  const send = async (visitor: Visitor, request: Visit = {}) => {
    const headers: [string, string][] = [];
    if (visitor.ip !== undefined) headers.push(["x-test-ip", visitor.ip]);
    if (visitor.country !== undefined) headers.push(["x-test-country", visitor.country]);
    if (visitor.region !== undefined) headers.push(["x-test-region", visitor.region]);
    const cookies = (visitor.cookies ?? []).map(([cookie, value]) => `${cookie}=${value}`).join("; ");
    if (cookies !== "") headers.push(["cookie", cookies]);
    const answer = await visit(url, { ...request, headers: [...headers, ...(request.headers ?? [])] });
    mustBeDescribed(request, answer);
    return answer;
  };
  return {
    name,
    url,
    origin,
    visit: send,
    async entry(id) {
      const answer = await send(
        {},
        { path: `/_ts/admin/identity/${id}`, headers: [["authorization", `Bearer ${ADMIN_TOKEN}`]] },
      );
      if (answer.status === 404) return null;
      if (answer.status !== 200) throw new Error(`the look-up answered ${answer.status}: ${answer.body}`);
      const { last_seen: lastSeen, ...entry } = JSON.parse(answer.body).entry;
      return { ...entry, lastSeen };
    },
    log,
    isOneAtATime,
  };
}

/** One request of the operator, optionally with a JSON body. */
export function admin(target: Target, method: string, path: string, body?: unknown): Promise<Answer> {
  const headers: [string, string][] = [["authorization", `Bearer ${ADMIN_TOKEN}`]];
  if (body === undefined) return target.visit({}, { method, path, headers });
  headers.push(["content-type", "application/json"]);
  return target.visit({}, { method, path, headers, body: JSON.stringify(body) });
}

/** One behavior that is tested on all runtimes. */
export interface Scenario {
  name: string;
  run(target: Target): Promise<void>;
}

/** The hash of a normalized address under a passphrase, computed by Node's crypto. */
export function expectedHash(normalisedIp: string, passphrase = PASSPHRASE): string {
  return createHmac("sha256", passphrase).update(normalisedIp).digest("hex");
}

/** The `ts-ec` cookie that an answer sets; `null` if it sets none. Fails if it sets several. */
export function ecCookieOf(answer: Answer): { value: string; attributes: string } | null {
  const lines = answer.setCookies.filter((line) => line.startsWith("ts-ec="));
  if (lines.length > 1) throw new Error(`several ts-ec cookies: ${lines.join(" | ")}`);
  if (lines.length === 0) return null;
  const [pair, ...attributes] = lines[0]!.split("; ");
  return { value: pair!.slice("ts-ec=".length), attributes: attributes.join("; ") };
}

/** Waits for words in the log of a process: the log may arrive later than an answer. */
export async function logged({ log }: { log(): string }, words: RegExp): Promise<void> {
  const what = `${words} in the log`;
  await eventually(what, async () => words.test(log()) || undefined).catch(() => assert.match(log(), words));
}

/** Polls until the answer is not `undefined`; background work has no other sign of its end. */
export async function eventually<T>(
  what: string,
  ask: () => Promise<T | undefined>,
  withinMs = 15_000,
): Promise<T> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() > deadline) throw new Error(`did not happen in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
