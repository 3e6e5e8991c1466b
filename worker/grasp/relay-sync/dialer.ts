/**
 * Opens connections to other servers' relays, and asks what they say of themselves.
 * @module
 */
import { request as requestPlain } from "node:http";
import { request as requestTls } from "node:https";
import type { LookupFunction } from "node:net";
import type { Dialer, RelayInformation } from "../../../runtime/grasp/relay-sync/ports.ts";
import { isObject, jsonDepth, MAX_JSON_DEPTH, parseJson } from "../../../runtime/lib/json.ts";
import type { Clock } from "../../../runtime/platform.ts";
import { RelaySocketClient } from "./connection.ts";
import { type AddressRules, pinnedLookup } from "./pinned.ts";

/** Longest document of a relay about itself, in bytes, and how long it may take in all, in milliseconds. */
const MAX_DOCUMENT_BYTES = 256 * 1024;
const DOCUMENT_MS = 10_000;

export interface DialerParts extends AddressRules {
  readonly clock: Pick<Clock, "now" | "after">;
  readonly userAgent: string;
}

export function relayDialer(parts: DialerParts): Dialer {
  const { clock, userAgent } = parts;
  const lookup = (url: string) => pinnedLookup(url, parts);
  return {
    dial: (url, options, listener) =>
      new RelaySocketClient({ ...options, url, clock, userAgent, lookup: () => lookup(url) }, listener),
    information: async (url) => {
      try {
        return readInformation(await ask(url, await lookup(url), parts));
      } catch {
        return null;
      }
    },
  };
}

/** The text of a NIP-11 document. @throws if there is none, or it is too long or too slow. */
function ask(url: string, lookup: LookupFunction, { clock, userAgent }: DialerParts): Promise<string> {
  const address = new URL(url.replace(/^ws/, "http"));
  const request = address.protocol === "https:" ? requestTls : requestPlain;
  const headers = {
    accept: "application/nostr+json",
    "accept-encoding": "identity",
    "user-agent": userAgent,
  };
  return new Promise((resolve, reject) => {
    const asking = request(address, { agent: false, lookup, headers, rejectUnauthorized: true }, (answer) => {
      const chunks: Buffer[] = [];
      let size = 0;
      if (answer.statusCode !== 200) fail();
      answer.on("data", (chunk: Buffer) => {
        size += chunk.length;
        if (size > MAX_DOCUMENT_BYTES) fail();
        else chunks.push(chunk);
      });
      answer.on("error", fail);
      answer.on("end", () => {
        cancel();
        resolve(Buffer.concat(chunks).toString("utf8"));
      });
    });
    const fail = () => {
      cancel();
      asking.destroy();
      reject(new Error("there is no document"));
    };
    const cancel = clock.after(DOCUMENT_MS, fail);
    asking.on("error", fail);
    asking.on("close", fail);
    asking.end();
  });
}

/** What counts of a document; `null`: it is no JSON object (O32). @throws if it is no JSON. */
function readInformation(text: string): RelayInformation | null {
  if (jsonDepth(text) > MAX_JSON_DEPTH) return null;
  const document = parseJson(text, "the document");
  if (!isObject(document)) return null;
  const { supported_nips: nips, limitation } = document;
  const limits = isObject(limitation) ? limitation : {};
  const isNip = (value: unknown): value is number => typeof value === "number";
  return {
    supportedNips: Array.isArray(nips) ? nips.filter(isNip) : null,
    maxSubscriptions: positive(limits.max_subscriptions),
    maxLimit: positive(limits.max_limit),
  };
}

function positive(value: unknown): number | null {
  return Number.isSafeInteger(value) && (value as number) > 0 ? (value as number) : null;
}
