/**
 * SHA-256 for GRASP.
 * @module
 */
import { toHex } from "../../runtime/lib/hex.ts";
import type { HotPath } from "../../wasm/hotpath.ts";
import type { Host } from "../hosts/host.ts";

/** The hashes that GRASP's parts are given. */
export interface Digests {
  sha256(bytes: Uint8Array): Uint8Array;
  /** The hash of a text's UTF-8, in hex. */
  sha256Hex(text: string): string;
}

/**
 * Creates a hot path for hashes only. It has windows for one key: a million unused ones take no page of memory, but Bun collects
 * garbage when there is as much as it counts as used, and it counts their 48 MiB twice. Packs that pass through are garbage (V8).
 */
export function createDigests(host: Pick<Host, "createHotPath" | "random">): Digests {
  const hotPath: Pick<HotPath, "sha256"> = host.createHotPath({ maxKeys: 1, random: host.random });
  const encoder = new TextEncoder();
  return {
    sha256: (bytes) => hotPath.sha256(bytes),
    sha256Hex: (text) => toHex(hotPath.sha256(encoder.encode(text))),
  };
}
