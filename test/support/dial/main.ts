/**
 * Dials relays as GRASP does, on any runtime that is a process, and prints what became of each as one line of JSON.
 *
 * Arguments: `dial` or `information`, and a list of {@link DialCase} as JSON.
 */
import process from "node:process";
import type { RelayInformation } from "../../../runtime/grasp/relay-sync/ports.ts";
import { publicAddresses } from "../../../worker/grasp/git/fetch-address.ts";
import { relayDialer } from "../../../worker/grasp/relay-sync/dialer.ts";
import { createSystemClock } from "../../../worker/hosts/system-clock.ts";
import { publicLookup } from "../../../worker/http/public-lookup.ts";
import type { DialCase, DialResult } from "./dial.ts";

const clock = createSystemClock();

function run(one: DialCase): Promise<DialResult> {
  const { url, addresses = {}, allowLoopback = true, allowInsecure = true, openMs = 20_000, act } = one;
  let lookups = 0;
  const resolver = {
    resolve4(name: string, done: (error: null, found: readonly string[]) => void) {
      lookups++;
      done(null, addresses[name] ?? []);
    },
    resolve6: (_name: string, done: (error: null, found: readonly string[]) => void) => done(null, []),
  } as unknown as Parameters<typeof publicLookup>[1];
  const dialer = relayDialer({
    clock,
    resolve: publicAddresses(allowLoopback, publicLookup(allowLoopback, resolver)),
    allowInsecure,
    userAgent: "millrace/test",
  });
  return new Promise((resolve) => {
    const messages: number[] = [];
    let isOpen = false;
    let mostUnsent = 0;
    const end = (reason: DialResult["reason"]) => resolve({ isOpen, messages, reason, lookups, mostUnsent });
    const connection = dialer.dial(
      url,
      { maxMessageBytes: 2 * 1024 ** 2, openMs },
      {
        onOpen() {
          isOpen = true;
          for (let i = 0; act === "flood" && i < 100; i++) {
            connection.send("x".repeat(100_000));
            mostUnsent = Math.max(mostUnsent, connection.unsentBytes);
          }
          if (act === "greet") connection.send("hello");
        },
        onText(text) {
          messages.push(text.length);
          if (text !== "bye") return;
          connection.close();
          end("ours");
        },
        onClose: end,
      },
    );
  });
}

const [what, given] = process.argv.slice(2) as ["dial" | "information", string];
for (const one of JSON.parse(given) as DialCase[]) {
  const result = what === "dial" ? await run(one) : await information(one);
  console.log(JSON.stringify(result));
}
process.exit(0);

function information({ url, allowLoopback = true }: DialCase): Promise<RelayInformation | null> {
  const resolve = publicAddresses(allowLoopback);
  return relayDialer({ clock, resolve, allowInsecure: true, userAgent: "millrace/test" }).information(url);
}
