import type { HotPath } from "../../../wasm/hotpath.ts";
import type { Answers } from "./vectors.ts";

/** A hot path with the functions that the vectors call. */
export function answersOf(hotPath: HotPath): Answers {
  const keyed = (key: Uint8Array) => hotPath.setKey(7, key);
  return {
    validate: hotPath.validate,
    sha256: hotPath.sha256,
    hmac(key, message) {
      keyed(key);
      return hotPath.hmac(7, message);
    },
    hashHex(key, normalisedIp) {
      keyed(key);
      return hotPath.hashHex(7, normalisedIp);
    },
    mint(key, normalisedIp) {
      keyed(key);
      return hotPath.mint(7, normalisedIp);
    },
    take: hotPath.take,
  };
}
