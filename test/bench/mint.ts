/**
 * Minting an EC id: text in, 71-character text out. All contenders draw the suffix in bulk and without bias.
 * @module
 */
import * as nodeCrypto from "node:crypto";
import { hmac as nobleHmac } from "@noble/hashes/hmac.js";
import { sha256 as nobleSha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import { createHMAC, createSHA256 } from "hash-wasm";
import { createHotPath } from "../../wasm/hotpath.ts";
import { inlineKernels } from "../../wasm/inline.ts";
import { type Contender, measure, report } from "./harness.ts";

const passphrase = utf8ToBytes("publisher-chosen-secret");
const addresses = Array.from({ length: 1024 }, (_, i) => `203.0.${i >> 8}.${i & 255}`);
const random = { fill: (target: Uint8Array<ArrayBuffer>) => void crypto.getRandomValues(target) };
const alphanumerics = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

const pool = new Uint8Array(2048);
let used = pool.length;
function suffix(): string {
  let text = "";
  while (text.length < 6) {
    if (used === pool.length) {
      random.fill(pool);
      used = 0;
    }
    const byte = pool[used++]!;
    if (byte < 248) text += alphanumerics[byte % 62];
  }
  return text;
}

let sink = 0;
/** A contender from a function that mints one id. */
const minting = (name: string, mint: (address: string) => string): Contender => ({
  name,
  run(times) {
    for (let i = 0; i < times; i++) sink += mint(addresses[i & 1023]!).charCodeAt(i % 71);
  },
});

const hotPath = createHotPath(inlineKernels(), { maxKeys: 1, random });
hotPath.setKey(0, passphrase);

const keyObject = nodeCrypto.createSecretKey(passphrase);
const noble = nobleHmac.create(nobleSha256, passphrase);
const hashWasm = await createHMAC(createSHA256(), passphrase);
const webKey = await crypto.subtle.importKey("raw", passphrase, { name: "HMAC", hash: "SHA-256" }, false, [
  "sign",
]);

const contenders: Contender[] = [
  minting("millrace", (address) => hotPath.mint(0, address)),
  minting(
    "node:crypto",
    (address) => `${nodeCrypto.createHmac("sha256", keyObject).update(address).digest("hex")}.${suffix()}`,
  ),
  {
    name: "Web Crypto",
    async run(times) {
      for (let i = 0; i < times; i++) {
        const code = await crypto.subtle.sign("HMAC", webKey, utf8ToBytes(addresses[i & 1023]!));
        sink += `${bytesToHex(new Uint8Array(code))}.${suffix()}`.charCodeAt(i % 71);
      }
    },
  },
  minting(
    "@noble/hashes",
    (address) => `${bytesToHex(noble.clone().update(utf8ToBytes(address)).digest())}.${suffix()}`,
  ),
  minting("hash-wasm", (address) => `${hashWasm.init().update(address).digest("hex")}.${suffix()}`),
];

const ids = [
  hotPath.mint(0, "203.0.113.1"),
  `${hashWasm.init().update("203.0.113.1").digest("hex")}.${suffix()}`,
];
if (ids[0]!.slice(0, 65) !== ids[1]!.slice(0, 65)) throw new Error("the contenders do not do the same work");

report(await measure(contenders));
if (sink === 0) throw new Error("nothing was minted");
