/**
 * Messages from clients to the relay (NIP-01, 42, 45, 77): read, or answered with what is wrong (R5, R66).
 * @module
 */
import { isObject, jsonDepth, MAX_JSON_DEPTH, parseJson } from "../../lib/json.ts";
import { type Filter, readFilter } from "../events/filter.ts";

/** A message that can be handled. */
export type ClientMessage =
  | { readonly type: "EVENT"; readonly event: unknown }
  | { readonly type: "REQ" | "COUNT"; readonly subscription: string; readonly filters: readonly Filter[] }
  | { readonly type: "CLOSE" | "NEG-CLOSE"; readonly subscription: string }
  | { readonly type: "AUTH"; readonly event: unknown }
  | {
      readonly type: "NEG-OPEN";
      readonly subscription: string;
      readonly filter: Filter;
      readonly message: string;
    }
  | { readonly type: "NEG-MSG"; readonly subscription: string; readonly message: string };

/** A message of the relay, before it is written as JSON. */
export type RelayMessage =
  | readonly ["EVENT", string, unknown]
  | readonly ["OK", string, boolean, string]
  | readonly ["EOSE", string]
  | readonly ["CLOSED", string, string]
  | readonly ["NOTICE", string]
  | readonly ["AUTH", string]
  | readonly ["COUNT", string, { readonly count: number }]
  | readonly ["NEG-MSG", string, string]
  | readonly ["NEG-ERR", string, string];

/** Longest subscription id, in characters (table of limits). */
const MAX_SUBSCRIPTION = 64;
/** Largest number of filters in one message (table of limits). */
const MAX_FILTERS = 100;

/** Reads a message. The refusal goes back to the client as it is. */
export function readMessage(text: string): { message: ClientMessage } | { refusal: RelayMessage } {
  // Deep nesting costs the parser stack (O32).
  if (jsonDepth(text) > MAX_JSON_DEPTH) return notice("the message is nested too deeply");
  let value: unknown;
  try {
    value = parseJson(text, "the message");
  } catch {
    return notice("the message is not JSON");
  }
  if (!Array.isArray(value) || typeof value[0] !== "string")
    return notice("a message is a JSON list that begins with its type");
  const [type, second, ...rest] = value as [string, unknown, ...unknown[]];
  switch (type) {
    case "EVENT":
    case "AUTH":
      return readEvent(type, second);
    case "CLOSE":
    case "NEG-CLOSE":
      // It has no answer (R65); an id that is too long names nothing.
      return typeof second === "string" ? { message: { type, subscription: second } } : notice(NAME_FAULT);
    case "REQ":
    case "COUNT":
      return readQuery(type, second, rest);
    case "NEG-OPEN":
      return readNegotiation(second, rest);
    case "NEG-MSG":
      if (!isSubscription(second)) return refused("NEG-ERR", second, NAME_FAULT);
      if (!isHex(rest[0])) return refused("NEG-ERR", second, "the message is not hex");
      return { message: { type, subscription: second, message: rest[0] } };
    default:
      return notice(`there is no message ${JSON.stringify(type.slice(0, 20))}`);
  }
}

const NAME_FAULT = `a subscription id is a text of 1 to ${MAX_SUBSCRIPTION} characters`;

/** An event is an object with an id; without one there is nothing to answer to (R66). */
function readEvent(type: "EVENT" | "AUTH", event: unknown) {
  if (typeof event === "string")
    return { refusal: ["OK", event, false, "invalid: an event is a JSON object"] as const };
  if (!isObject(event) || typeof event.id !== "string") return notice("an event is a JSON object with an id");
  return { message: { type, event } };
}

function readQuery(type: "REQ" | "COUNT", name: unknown, given: readonly unknown[]) {
  if (!isSubscription(name)) return refused("CLOSED", name, NAME_FAULT);
  if (given.length === 0) return refused("CLOSED", name, "there is no filter");
  if (given.length > MAX_FILTERS)
    return refused("CLOSED", name, `there are more than ${MAX_FILTERS} filters`);
  const filters: Filter[] = [];
  for (const one of given) {
    const read = readFilter(one);
    if ("fault" in read) {
      const prefix = /^search /.test(read.fault) ? "unsupported" : "invalid";
      return refused("CLOSED", name, read.fault, prefix);
    }
    filters.push(read.filter);
  }
  return { message: { type, subscription: name, filters } };
}

function readNegotiation(name: unknown, [given, first]: readonly unknown[]) {
  if (!isSubscription(name)) return refused("NEG-ERR", name, NAME_FAULT);
  const read = readFilter(given);
  if ("fault" in read) return refused("NEG-ERR", name, read.fault);
  if (!isHex(first)) return refused("NEG-ERR", name, "the message is not hex");
  return { message: { type: "NEG-OPEN" as const, subscription: name, filter: read.filter, message: first } };
}

function notice(text: string): { refusal: RelayMessage } {
  return { refusal: ["NOTICE", `invalid: ${text}`] };
}

/** A refusal to the message's own name where it has one (R66). */
function refused(
  type: "CLOSED" | "NEG-ERR",
  name: unknown,
  text: string,
  prefix = "invalid",
): { refusal: RelayMessage } {
  if (typeof name !== "string") return notice(text);
  return { refusal: [type, name, `${prefix}: ${text}`] };
}

function isSubscription(value: unknown): value is string {
  return typeof value === "string" && value.length >= 1 && value.length <= MAX_SUBSCRIPTION;
}

function isHex(value: unknown): value is string {
  return typeof value === "string" && value.length % 2 === 0 && /^[0-9a-f]*$/i.test(value);
}
