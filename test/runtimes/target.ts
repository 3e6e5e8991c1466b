/**
 * One running service as the black-box scenarios see it: a base URL, a way to say who visits from where, and a
 * look into the graph. The same for every runtime.
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

/** The options that every runtime is started with, apart from its listener and store. */
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

/** A visitor: an address, a place, and what their browser holds. */
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
  /** One request by a visitor. An answer of the service's own that the API's description does not have fails. */
  visit(visitor: Visitor, request?: Visit): Promise<Answer>;
  /** What the graph holds for an id. */
  entry(id: string): Promise<GraphEntry | null>;
  /** What the service logged so far, if its host shows it. */
  log(): string;
}

/** Makes a target of a base URL. */
export function targetOf(name: string, url: string, origin: Origin, log: () => string): Target {
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
  };
}

/** One request by the operator, with a JSON body if there is one to send. */
export function admin(target: Target, method: string, path: string, body?: unknown): Promise<Answer> {
  const headers: [string, string][] = [["authorization", `Bearer ${ADMIN_TOKEN}`]];
  if (body === undefined) return target.visit({}, { method, path, headers });
  headers.push(["content-type", "application/json"]);
  return target.visit({}, { method, path, headers, body: JSON.stringify(body) });
}

/** A scenario: one behaviour, on any runtime. */
export interface Scenario {
  name: string;
  run(target: Target): Promise<void>;
}

/** The hash that a normalised address gives under a passphrase, by a tool that is not ours. */
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

/** Waits for words in the log of a process. An answer may be here before them: they come by a way of their own. */
export async function logged({ log }: { log(): string }, words: RegExp): Promise<void> {
  const what = `${words} in the log`;
  await eventually(what, async () => words.test(log()) || undefined).catch(() => assert.match(log(), words));
}

/** Asks again until an answer comes that is not `undefined`; background work has no other sign of its end. */
export async function eventually<T>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
  const deadline = Date.now() + 15_000;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() > deadline) throw new Error(`did not happen in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
