/** The exports of the kernels, in every packaging. */
export interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  input(): number;
  inputBytes(): number;
  output(): number;
  random(): number;
  randomBytes(): number;
  refilled(): void;
  stream(): number;
  streamBytes(): number;
  mostKeys(): number;
  start(keys: number): number;
  seed(): void;
  validate(length: number): number;
  setKey(slot: number, length: number): void;
  mint(slot: number, length: number): number;
  hashHex(slot: number, length: number): void;
  hmac(slot: number, length: number): void;
  sha256(length: number): void;
  beginSha256(): void;
  beginHmac(slot: number): void;
  update(length: number): void;
  finishSha256(): void;
  finishHmac(slot: number): void;
  equal(length: number): number;
  hash64(length: number): void;
  take(length: number, nowMs: number, windowMs: number, limit: number): number;
  peek(length: number, nowMs: number, windowMs: number, limit: number): number;
  count(length: number, nowMs: number, windowMs: number): number;
  forget(length: number): void;
  keys(): number;
  refusedFull(): number;
}

/** One packaging of the kernels; see `inline.ts`, `precompiled.ts` and `portable.ts`. */
export interface Kernels {
  readonly packaging: "simd" | "plain" | "precompiled" | "portable";
  /** Creates an instance with its own memory. */
  instantiate(): Exports;
}
