const MASK = (1n << 64n) - 1n;
const rotate = (x: bigint, by: bigint) => ((x << by) | (x >> (64n - by))) & MASK;
const word = (bytes: Uint8Array, at: number) => {
  let x = 0n;
  for (let i = 7; i >= 0; i--) x = (x << 8n) | BigInt(bytes[at + i] ?? 0);
  return x;
};

/** SipHash-c-d as in its paper, not optimised. */
export function sipHash(c: number, d: number, key: Uint8Array, message: Uint8Array): bigint {
  const [k0, k1] = [word(key, 0), word(key, 8)];
  const v: [bigint, bigint, bigint, bigint] = [
    k0 ^ 0x736f6d6570736575n,
    k1 ^ 0x646f72616e646f6dn,
    k0 ^ 0x6c7967656e657261n,
    k1 ^ 0x7465646279746573n,
  ];
  const rounds = (count: number) => {
    for (let i = 0; i < count; i++) {
      v[0] = (v[0] + v[1]) & MASK;
      v[2] = (v[2] + v[3]) & MASK;
      v[1] = rotate(v[1], 13n) ^ v[0];
      v[3] = rotate(v[3], 16n) ^ v[2];
      v[0] = rotate(v[0], 32n);
      v[2] = (v[2] + v[1]) & MASK;
      v[0] = (v[0] + v[3]) & MASK;
      v[1] = rotate(v[1], 17n) ^ v[2];
      v[3] = rotate(v[3], 21n) ^ v[0];
      v[2] = rotate(v[2], 32n);
    }
  };
  const words = Math.floor(message.length / 8);
  for (let i = 0; i <= words; i++) {
    const last = BigInt(message.length & 255) << 56n;
    const m = i < words ? word(message, i * 8) : word(message.subarray(words * 8), 0) | last;
    v[3] ^= m;
    rounds(c);
    v[0] ^= m;
  }
  v[2] ^= 0xffn;
  rounds(d);
  return v[0] ^ v[1] ^ v[2] ^ v[3];
}
