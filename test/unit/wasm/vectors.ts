/**
 * Published results, and the check of a hot path against each. Without a test framework, so that it runs on every host and against
 * the component.
 * @module
 */

const text = (value: string) => new TextEncoder().encode(value);
const repeat = (byte: number, count: number) => new Uint8Array(count).fill(byte);
const count = (length: number) => Uint8Array.from({ length }, (_, i) => i + 1);

export const toHex = (bytes: Uint8Array) =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** The examples of FIPS 180-4, and the empty message. */
export const sha256Vectors: [message: Uint8Array, digest: string][] = [
  [text(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
  [text("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
  [
    text("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
    "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
  ],
  [
    text(
      "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
    ),
    "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1",
  ],
  [repeat(0x61, 1_000_000), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"],
];

/** RFC 4231, test cases 1 to 7 (the fifth has 128 bits only), then those of the EC specification. */
export const hmacVectors: [key: Uint8Array, message: Uint8Array, code: string][] = [
  [repeat(0x0b, 20), text("Hi There"), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"],
  [
    text("Jefe"),
    text("what do ya want for nothing?"),
    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
  ],
  [repeat(0xaa, 20), repeat(0xdd, 50), "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"],
  [count(25), repeat(0xcd, 50), "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"],
  [repeat(0x0c, 20), text("Test With Truncation"), "a3b6167473100ee06e0c796c2955552b"],
  [
    repeat(0xaa, 131),
    text("Test Using Larger Than Block-Size Key - Hash Key First"),
    "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
  ],
  [
    repeat(0xaa, 131),
    text(
      "This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed before being used by the HMAC algorithm.",
    ),
    "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
  ],
];

export const passphrase = text("publisher-chosen-secret");

/** EC hashes of normalised addresses with that passphrase. */
export const hashVectors: [normalisedIp: string, hash: string][] = [
  ["203.0.113.1", "f380e72f656b9995f6bcffe9605c25ab43a65c4a5137b94e2511755e58f8d4ca"],
  ["20010db885a30000", "caf0eb6d42a451c19c57f306ed3014082f2674c613cba0c9cc58c18c0ada2da6"],
];

const id = `${hashVectors[0]![1]}.a0Z9zA`;

/** Texts and whether each is an EC id. */
export const idVectors: [text: string, valid: boolean][] = [
  [id, true],
  [`${"0123456789abcdef".repeat(4)}.000000`, true],
  [`${"f".repeat(64)}.zzzzzz`, true],
  ["", false],
  [id.slice(0, -1), false],
  [`${id}a`, false],
  [`${id}\n`, false],
  [`${id.slice(0, -1)}\n`, false],
  [id.toUpperCase(), false],
  [`A${id.slice(1)}`, false],
  [`g${id.slice(1)}`, false],
  [`\`${id.slice(1)}`, false],
  [`/${id.slice(1)}`, false],
  [`:${id.slice(1)}`, false],
  [`${id.slice(0, 63)}G${id.slice(64)}`, false],
  [id.replace(".", "-"), false],
  [id.replace(".", ".").replace(/.$/, "."), false],
  [`${id.slice(0, 65)}.${id.slice(66)}`, false],
  [`${id.slice(0, 65)}[${id.slice(66)}`, false],
  [`${id.slice(0, 65)}@${id.slice(66)}`, false],
  [`${id.slice(0, 65)}{${id.slice(66)}`, false],
  [`${id.slice(0, 65)}\`${id.slice(66)}`, false],
  [`${id.slice(0, 70)}\u0130`, false],
  [`${id.slice(0, 70)}\u0141`, false],
  [`\u0161${id.slice(1)}`, false],
  [`\ud800${id.slice(1)}`, false],
  [`${id.slice(0, 69)}\u{1f600}`, false],
  [`\0${id.slice(1)}`, false],
];

/** Takes of one key in order, and their results: admitted, remaining, retryAfterMs. */
export const takeVectors: [
  key: string,
  nowMs: number,
  windowMs: number,
  limit: number,
  admitted: boolean,
  remaining: number,
  retryAfterMs: number,
][] = [
  ["debounce", 1_000_000, 300_000, 1, true, 0, 0],
  ["debounce", 1_000_001, 300_000, 1, false, 0, 299_999],
  ["debounce", 1_299_999, 300_000, 1, false, 0, 1],
  ["debounce", 1_300_000, 300_000, 1, true, 0, 0],
  ["domain", 0, 1000, 3, true, 2, 0],
  ["domain", 10, 1000, 3, true, 1, 0],
  ["domain", 10, 1000, 3, true, 0, 0],
  ["domain", 20, 1000, 3, false, 0, 980],
  ["domain", 999, 1000, 3, false, 0, 1],
  ["domain", 1000, 1000, 3, true, 0, 0],
  ["domain", 1001, 1000, 3, false, 0, 9],
  ["domain", 1001, 1000, 1, false, 0, 999],
  ["domain", 500, 1000, 3, false, 0, 510],
  ["domain", 1010, 1000, 3, true, 1, 0],
  ["none", 5, 1000, 0, false, 0, 1000],
  ["none", 5, 1000, 1, true, 0, 0],
];

/** The functions that the vectors call. */
export interface Answers {
  validate(id: string): boolean;
  sha256(message: Uint8Array): Uint8Array;
  hmac(key: Uint8Array, message: Uint8Array): Uint8Array;
  hashHex(key: Uint8Array, normalisedIp: string): string;
  mint(key: Uint8Array, normalisedIp: string): string;
  take(
    key: string,
    nowMs: number,
    windowMs: number,
    limit: number,
  ): { admitted: boolean; remaining: number; retryAfterMs: number };
}

/** Runs all vectors and lists wrong results. */
export function faults(answers: Answers): string[] {
  const wrong: string[] = [];
  const expect = (what: string, got: unknown, wanted: unknown) => {
    if (got !== wanted) wrong.push(`${what}: ${got} instead of ${wanted}`);
  };
  for (const [message, digest] of sha256Vectors) {
    expect(`sha256 of ${message.length} bytes`, toHex(answers.sha256(message)), digest);
  }
  for (const [i, [key, message, code]] of hmacVectors.entries()) {
    expect(`RFC 4231 case ${i + 1}`, toHex(answers.hmac(key, message)).slice(0, code.length), code);
  }
  for (const [address, hash] of hashVectors) {
    expect(`hash of ${address}`, answers.hashHex(passphrase, address), hash);
    const minted = answers.mint(passphrase, address);
    expect(`hash in the id of ${address}`, minted.slice(0, 65), `${hash}.`);
    expect(`form of ${minted}`, /^[0-9a-f]{64}\.[0-9A-Za-z]{6}$/.test(minted) && minted.length === 71, true);
  }
  for (const [text, valid] of idVectors)
    expect(`validate ${JSON.stringify(text)}`, answers.validate(text), valid);
  for (const [key, nowMs, windowMs, limit, admitted, remaining, retryAfterMs] of takeVectors) {
    expect(
      `take ${key} at ${nowMs}`,
      JSON.stringify(answers.take(key, nowMs, windowMs, limit)),
      JSON.stringify({ admitted, remaining, retryAfterMs }),
    );
  }
  return wrong;
}
