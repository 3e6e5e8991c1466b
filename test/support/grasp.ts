import { createHash } from "node:crypto";
import { verifySchnorr } from "tiny-secp256k1";
import type { NostrEvent } from "../../runtime/grasp/events/event.ts";
import { Grasp } from "../../runtime/grasp/grasp.ts";

type Needs = ConstructorParameters<typeof Grasp>[0];

const bytes = (hex: string) => Buffer.from(hex, "hex");

/** Checks an event's Schnorr signature (NIP-01, BIP-340). */
export function verifyEvent({ id, pubkey, sig }: NostrEvent): boolean {
  return verifySchnorr(bytes(id), bytes(pubkey), bytes(sig));
}

/** GRASP at git.example with empty lists, on these stores. */
export function graspOn(
  stores: Pick<Needs, "store" | "repositories">,
  verify: Needs["verify"] = verifyEvent,
  nowMs: Needs["nowMs"] = Date.now,
): Grasp {
  return new Grasp({
    ...stores,
    ourselves: { hosts: ["git.example"], basePath: "/" },
    lists: {
      denyAuthors: new Set(),
      denyRepositories: new Set(),
      allowRepositories: null,
      maxRepositories: 100,
      operator: null,
      relayKey: null,
    },
    nowMs,
    nowSeconds: () => Math.floor(nowMs() / 1000),
    sha256Hex: (text) => createHash("sha256").update(text).digest("hex"),
    verify,
  });
}
