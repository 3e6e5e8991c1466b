import { expect, test } from "vitest";
import { newSecretKey } from "../../../../../worker/grasp/client/signer.ts";
import { readSecretKey, toNsec } from "../../../../../worker/grasp/commands/secret-key.ts";

test("a secret key is read as nsec or hex, with blanks around it", () => {
  const secret = newSecretKey();
  const hex = Buffer.from(secret).toString("hex");
  for (const text of [toNsec(secret), `  ${hex}\n`, hex.toUpperCase()]) {
    const read = readSecretKey(text);
    expect("secret" in read && Buffer.from(read.secret).toString("hex")).toBe(hex);
  }
});

// The example of NIP-19.
test("nsec is that of NIP-19", () => {
  const secret = Buffer.from("67dea2ed018072d675f5415ecfaed7d2597555e202d85b3d65ea4e58d2d92ffa", "hex");
  expect(toNsec(secret)).toBe("nsec1vl029mgpspedva04g90vltkh6fvh240zqtv9k0t9af8935ke9laqsnlfe5");
});

test.each([
  ["an empty file", "", /empty/],
  ["a public key", "npub10elfcs4fr0l0r8af98jlmgdh9c8tcxjvz9qkw038js35mp4dma8qzvjptg", /public/],
  [
    "an encrypted key",
    "ncryptsec1qgg9947rlpvqu76pj5ecreduf9jxhselq2nae2kghhvd5g7dgjtcxfqtd67p9m0w57lspw8gsq6yphnm8623nsl8xn9j4jdzz84zm3frztj3z7s35vpzmqf6ksu8r89qk5z2zxfmu5gv8th8wclt0h4p",
    /encrypted/,
  ],
  ["a wrong checksum", "nsec1vl029mgpspedva04g90vltkh6fvh240zqtv9k0t9af8935ke9laqsnlfe4", /checksum/],
  ["zero", "0".repeat(64), /no secret key/],
])("%s is no secret key", (_what, text, fault) => {
  const read = readSecretKey(text);
  expect("fault" in read && read.fault).toMatch(fault);
  if (text !== "") expect("fault" in read && read.fault).not.toContain(text);
});
