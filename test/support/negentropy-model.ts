/**
 * The responder of NIP-77, slow and plain, written from the protocol's text: lists of strings, sums as BigInt, no frames. It shares
 * no code with the one that it is compared with.
 * @module
 */
import { createHash } from "node:crypto";

/** A record: its time and its id as hex. */
export type ModelRecord = readonly [time: number, id: string];

/** Answers one message, both as hex. */
export function modelReply(records: readonly ModelRecord[], message: string): string {
  const all = [...records].sort(([a, x], [b, y]) => a - b || (x < y ? -1 : 1));
  let input = message.slice(2);
  let lastIn = 0;
  const take = (bytes: number) => {
    const taken = input.slice(0, 2 * bytes);
    input = input.slice(2 * bytes);
    return taken;
  };
  const number = () => {
    let value = 0;
    for (;;) {
      const byte = Number.parseInt(take(1), 16);
      value = value * 128 + (byte & 127);
      if (byte < 128) return value;
    }
  };
  let output = "61";
  let lastOut = 0;
  const range = (time: number, prefix: string, mode: number) => {
    output += time === Infinity ? "00" : hexNumber(time - lastOut + 1);
    if (time !== Infinity) lastOut = time;
    output += hexNumber(prefix.length / 2) + prefix + hexNumber(mode);
  };
  const isBelow = ([time, id]: ModelRecord, limit: number, prefix: string) =>
    time < limit || (time === limit && id.slice(0, prefix.length) < prefix);
  let from = 0;
  while (input !== "") {
    const delta = number();
    const time = delta === 0 ? Infinity : lastIn + delta - 1;
    lastIn = time;
    const prefix = take(number());
    const mode = number();
    const mine: ModelRecord[] = [];
    while (from < all.length && isBelow(all[from]!, time, prefix)) mine.push(all[from++]!);
    const isSame = mode === 0 || (mode === 1 && take(16) === fingerprint(mine));
    if (mode === 2) take(32 * number());
    if (isSame) {
      range(time, prefix, 0);
    } else if (mode === 2 || mine.length < 4) {
      range(time, prefix, 2);
      output += hexNumber(mine.length) + mine.map(([, id]) => id).join("");
    } else {
      // Two halves; any split is allowed.
      const half = mine.length >> 1;
      const [at, id] = mine[half]!;
      range(at, id, 1);
      output += fingerprint(mine.slice(0, half));
      range(time, prefix, 1);
      output += fingerprint(mine.slice(half));
    }
  }
  return output;
}

function fingerprint(records: readonly ModelRecord[]): string {
  let sum = 0n;
  for (const [, id] of records) sum += BigInt(`0x${Buffer.from(id, "hex").reverse().toString("hex")}`);
  const bytes = Buffer.from((sum % 2n ** 256n).toString(16).padStart(64, "0"), "hex").reverse();
  const input = Buffer.concat([bytes, Buffer.from(hexNumber(records.length), "hex")]);
  return createHash("sha256").update(input).digest("hex").slice(0, 32);
}

function hexNumber(value: number): string {
  const digits = [];
  for (let rest = value; digits.length === 0 || rest > 0; rest = Math.floor(rest / 128)) {
    digits.unshift((rest % 128) + (digits.length === 0 ? 0 : 128));
  }
  return Buffer.from(digits).toString("hex");
}
