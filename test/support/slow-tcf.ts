/**
 * A reader of TC strings that follows the format's description step by step on a text of zeros and ones: slow, plain,
 * and able to say which rule a string breaks.
 * @module
 */
import type { TcfFacts } from "../../runtime/ec/request/tcf.ts";
import { toBits } from "./bit-strings.ts";

/** The rules that a TC string can break. */
export type TcfFault =
  | "alphabet"
  | "cut short"
  | "version"
  | "segments"
  | "platform"
  | "country"
  | "vendor 0"
  | "run backwards"
  | "restriction for nothing";

/** Walks over bits from the first to the last. */
function walk(bits: string) {
  let at = 0;
  const take = (count: number) => {
    if (at + count > bits.length) throw "cut short" satisfies TcfFault;
    at += count;
    return Number.parseInt(bits.slice(at - count, at) || "0", 2);
  };
  const ranges = () => {
    for (let left = take(12); left > 0; left--) {
      const isRun = take(1) === 1;
      const first = take(16);
      const last = isRun ? take(16) : first;
      if (first === 0) throw "vendor 0" satisfies TcfFault;
      if (last < first) throw "run backwards" satisfies TcfFault;
    }
  };
  const vendors = () => {
    const highest = take(16);
    if (take(1) === 1) ranges();
    else take(highest);
  };
  return { take, ranges, vendors };
}

function core(bits: string) {
  const { take, ranges, vendors } = walk(bits);
  if (take(6) !== 2) throw "version" satisfies TcfFault;
  const createdMs = take(36) * 100;
  const lastUpdatedMs = take(36) * 100;
  if (take(12) < 2) throw "platform" satisfies TcfFault;
  for (const count of [12, 6, 12, 12, 6, 1, 1, 12]) take(count);
  const purpose1 = take(1) === 1;
  for (const count of [23, 24, 1]) take(count);
  const letters = [take(6), take(6)];
  if (letters.some((letter) => letter > 57)) throw "country" satisfies TcfFault;
  vendors();
  vendors();
  for (let left = take(12); left > 0; left--) {
    if (take(6) === 0 || take(2) === 3) throw "restriction for nothing" satisfies TcfFault;
    ranges();
  }
  return { purpose1, createdMs, lastUpdatedMs };
}

function other(bits: string): void {
  const { take, vendors } = walk(bits);
  const type = take(3);
  if (type === 1 || type === 2) vendors();
  else if (type === 3) {
    take(48);
    const custom = take(6);
    take(custom);
    take(custom);
  } else throw "segments" satisfies TcfFault;
}

/** Reads a TC string, or names the first rule that it breaks. */
export function slowTcf(text: string): TcfFacts | TcfFault {
  const segments = text.split(".");
  if (segments.some((segment) => !/^[A-Za-z0-9_-]+$/.test(segment))) return "alphabet";
  try {
    const [first, ...rest] = segments.map(toBits);
    if (first!.startsWith("000") === false) return "segments";
    const facts = core(first!);
    rest.forEach(other);
    return { ...facts, disclosesVendors: rest.some((bits) => bits.startsWith("001")), core: segments[0]! };
  } catch (fault) {
    if (typeof fault !== "string") throw fault;
    return fault as TcfFault;
  }
}
