/**
 * Serves a store over HTTP to instances on other hosts. Their client is `runtime/stores/http.ts`.
 * @module
 */
import * as v from "valibot";
import type { LogOnce } from "../../runtime/observe/log.ts";
import type { Json, Store } from "../../runtime/platform.ts";
import type { StoreCall, StoreRefusal } from "../../runtime/stores/http.ts";
import { bearerToken } from "../http/bearer.ts";
import { bodyRefusal, readJson } from "../http/body.ts";
import { problem } from "../http/problem.ts";

/** Maximum length of a call, in bytes: a value of 1 MiB, escaped as JSON. */
const MAX_CALL_BYTES = 8 * 1024 ** 2;

const callSchema = v.variant("op", [
  v.strictObject({ op: v.literal("get"), key: v.string() }),
  v.strictObject({
    op: v.literal("put"),
    key: v.string(),
    value: v.string(),
    options: v.optional(
      v.strictObject({
        ifVersion: v.nullish(v.string()),
        ttlSeconds: v.optional(v.number()),
        metadata: v.optional(v.unknown() as v.GenericSchema<Json>),
      }),
    ),
  }),
  v.strictObject({ op: v.literal("delete"), key: v.string() }),
  v.strictObject({
    op: v.literal("list"),
    prefix: v.string(),
    options: v.optional(
      v.strictObject({
        limit: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(10_000))),
        cursor: v.nullish(v.string()),
      }),
    ),
  }),
]);

export interface StoreServerOptions {
  store: Store;
  /** Whether this is the token of the store. Every call must have it. */
  isToken(token: string): boolean;
  log: Pick<LogOnce, "error">;
}

/**
 * A fetch handler that serves a store at every path.
 * @throws {Error} if the store may return old values: clients of this server rely on current ones.
 */
export function serveStore({
  store,
  isToken,
  log,
}: StoreServerOptions): (request: Request) => Promise<Response> {
  const { name, readAfterWrite } = store.traits;
  if (!readAfterWrite) throw new Error(`a ${name} store cannot be served: what it reads may be old`);

  return async (request) => {
    const token = bearerToken(request.headers.get("authorization") ?? undefined);
    if (token === null || !isToken(token)) {
      return answer(401, problem("unauthorized", "send the store's token as Authorization: Bearer <token>"));
    }
    if (request.method !== "POST")
      return answer(405, problem("method_not_allowed", "operations are sent by POST"));
    const body = await readJson(request, MAX_CALL_BYTES);
    if ("fault" in body) {
      const { status, body: message, headers } = bodyRefusal(body.fault, MAX_CALL_BYTES);
      return answer(status, message, headers);
    }
    const parsed = v.safeParse(callSchema, body.value);
    if (!parsed.success) return answer(400, problem("malformed", "the body is none of the operations"));
    try {
      return answer(200, await perform(store, parsed.output as StoreCall));
    } catch (error) {
      if (error instanceof TypeError) return answer(400, refusal("TypeError", error));
      if (error instanceof RangeError) return answer(400, refusal("RangeError", error));
      log.error("store", "the store failed", { error });
      return answer(503, problem("store_failed", "the store failed; the log has the cause"));
    }
  };
}

function perform(store: Store, call: StoreCall): unknown {
  switch (call.op) {
    case "get":
      return store.get(call.key);
    case "put":
      return store.put(call.key, call.value, call.options);
    case "delete":
      return store.delete(call.key);
    case "list":
      return store.list(call.prefix, definedOnly(call.options));
  }
}

function definedOnly(options: { limit?: number | undefined; cursor?: string | null | undefined } = {}) {
  const { limit, cursor } = options;
  return { ...(limit === undefined ? {} : { limit }), ...(cursor === undefined ? {} : { cursor }) };
}

function refusal(type: StoreRefusal["type"], { message }: Error): StoreRefusal {
  return { error: "refused", type, message };
}

function answer(status: number, body: unknown, headers: Record<string, string> = {}): Response {
  return Response.json(body ?? null, { status, headers: { ...headers, "cache-control": "no-store" } });
}
