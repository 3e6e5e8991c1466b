import { expect, test } from "vitest";
import { reasonOfError, reasonOfStatus } from "../../../../../worker/grasp/relay-sync/close-reason.ts";
import { NotPublic } from "../../../../../worker/http/public-lookup.ts";

const coded = (code: string) => Object.assign(new Error(code), { code });

test.each([
  [new NotPublic("10.0.0.1"), "address"],
  [coded("ENOTFOUND"), "dns"],
  [coded("ENODATA"), "dns"],
  // Our own network may be down: the name may exist.
  [coded("EAI_AGAIN"), "connection"],
  [new Error("no name server answered for relay.example"), "connection"],
  [coded("CERT_HAS_EXPIRED"), "tls"],
  [coded("ERR_TLS_CERT_ALTNAME_INVALID"), "tls"],
  [coded("DEPTH_ZERO_SELF_SIGNED_CERT"), "tls"],
  [coded("HPE_INVALID_CONSTANT"), "protocol"],
  [coded("WS_ERR_INVALID_UTF8"), "protocol"],
  [new Error("Invalid Sec-WebSocket-Accept header"), "protocol"],
  [coded("WS_ERR_UNSUPPORTED_MESSAGE_LENGTH"), "too-large"],
  [coded("ECONNREFUSED"), "connection"],
  [coded("ECONNRESET"), "connection"],
] as const)("%s is a fault of %s (L19)", (error, reason) => {
  expect(reasonOfError(error)).toBe(reason);
});

test("an answer that may be another one soon is no fault of protocol", () => {
  const reasons = [429, 408, 500, 502, 503, 200, 301, 403, 404].map(reasonOfStatus);
  expect(reasons).toEqual([...Array(5).fill("connection"), ...Array(4).fill("protocol")]);
});
