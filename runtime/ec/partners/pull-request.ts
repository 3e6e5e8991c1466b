/**
 * The HTTP request of one pull.
 * @module
 */
import { isObject, parseJson } from "../../lib/json.ts";
import { type RequestIds, writeTraceparent } from "../../observe/trace-context.ts";
import type { Tracer } from "../../observe/tracer.ts";
import type { Clock, Fetch } from "../../platform.ts";
import { RateLimited, retryAfterMs } from "../../sync/index.ts";
import { ecHash } from "../id.ts";
import type { Partner } from "./partner.ts";
import { isUid } from "./uid.ts";

/** Maximum size of a partner's response, in bytes. */
const MAX_BYTES = 65_536;

/**
 * The URL to pull from: the partner's own with its query parameters, and the visitor's id, hash, address and consent.
 * @param normalisedIp `null`: the partner gets no address.
 * @param consent a query text with the consent parameters.
 */
export function pullUrl(base: string, id: string, normalisedIp: string | null, consent: string): string {
  const url = new URL(base);
  url.searchParams.set("ec_id", id);
  url.searchParams.set("ec_hash", ecHash(id));
  if (normalisedIp !== null) url.searchParams.set("ip", normalisedIp);
  for (const [name, value] of new URLSearchParams(consent)) url.searchParams.set(name, value);
  url.hash = "";
  return url.href;
}

/**
 * Reads the body of a response with status 200.
 * @returns the partner's id for the visitor; `null`: the partner has none.
 * @throws {Error} if the body is neither.
 */
export function readAnswer(body: string): string | null {
  const value = parseJson(body, "the partner's answer");
  if (isObject(value) && (value.uid === null || isUid(value.uid))) return value.uid;
  throw new Error('the partner\'s answer is neither {"uid": "…"} nor {"uid": null}');
}

/** One pull. */
export interface Pull {
  partner: Partner;
  id: string;
  ip: string;
  /** A query text with the visitor's consent parameters. */
  consent: string;
  /** Those of the request that caused the pull. */
  ids: RequestIds;
  /** The only timeout of a pull is the engine's, which aborts this. */
  signal: AbortSignal;
}

/** What {@link requestPull} needs. */
export interface PullDependencies {
  fetch: Fetch;
  clock: Pick<Clock, "now">;
  tracer: Tracer;
}

/**
 * Asks a partner for its id of a visitor. Follows no redirect.
 * @returns the id; `null`: the partner has none.
 * @throws {RateLimited} if the partner asks for fewer requests; {Error} for every other answer; the signal's reason.
 */
export function requestPull(pull: Pull, deps: PullDependencies): Promise<string | null> {
  // Some hosts, and some fetches, settle long after an abort or never.
  return orAborted(request(pull, deps), pull.signal);
}

async function request(
  { partner, id, ip, consent, ids, signal }: Pull,
  { fetch, clock, tracer }: PullDependencies,
): Promise<string | null> {
  const span = tracer.begin("client", "pull", ids.trace);
  const headers: Record<string, string> = {
    authorization: `Bearer ${partner.pullToken}`,
    accept: "application/json",
    ...(ids.requestId === null ? {} : { "x-request-id": ids.requestId }),
    // Without the client's `tracestate`, which is not meant for partners.
    ...(span === null ? {} : { traceparent: writeTraceparent(span.context) }),
  };
  const url = pullUrl(partner.pullSyncUrl!, id, partner.pullSendIp === false ? null : ip, consent);
  let response: Response | null = null;
  try {
    response = await fetch(url, { headers, redirect: "manual", signal });
    return await answerOf(response, signal, clock);
  } finally {
    span?.end(response?.status ?? null);
  }
}

async function answerOf(
  response: Response,
  signal: AbortSignal,
  clock: Pick<Clock, "now">,
): Promise<string | null> {
  if (response.status === 200) return readAnswer(await readText(response, signal));
  response.body?.cancel().catch(() => {});
  if (response.status === 404) return null;
  if (response.status === 429) {
    throw new RateLimited(retryAfterMs(response.headers.get("retry-after"), clock.now()));
  }
  throw new Error(`the partner answered with status ${response.status}`);
}

/** @throws {Error} if the body is too long; the signal's reason. */
async function readText(response: Response, signal: AbortSignal): Promise<string> {
  if (response.body === null) return "";
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  let left = MAX_BYTES;
  try {
    for (;;) {
      const { done, value } = await orAborted(reader.read(), signal);
      if (done) return text + decoder.decode();
      left -= value.byteLength;
      if (left < 0) throw new Error(`the answer is longer than ${MAX_BYTES} bytes`);
      text += decoder.decode(value, { stream: true });
    }
  } catch (error) {
    reader.cancel(error).catch(() => {});
    throw error;
  }
}

/** Like the work, but rejects with the signal's reason as soon as it aborts. */
function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort);
    const end = () => signal.removeEventListener("abort", abort);
    work.then(
      (value) => {
        end();
        resolve(value);
      },
      (error) => {
        end();
        reject(error);
      },
    );
  });
}
