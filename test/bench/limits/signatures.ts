/**
 * Signature checks (BIP 340) a second of one processor: those of the relay beside native libsecp256k1, in turn. Processor time is
 * counted, so that other work on the machine changes little.
 * @module
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { findTools, installTools, type ToolSet } from "../../../scripts/tool-cache.ts";
import { isGood } from "../../../worker/grasp/signatures/signature-checks.ts";
import { findProgram } from "../../support/find-program.ts";
import { author } from "../../support/nostr.ts";
import { root } from "../../support/spawn.ts";
import { spreadOf } from "../harness.ts";
import { type Limit, rate, Unmeasured } from "./limit.ts";

/** Different signatures. */
const SIGNED = 100;
const ROUNDS = 5;

/** The crate `secp256k1`, which ngit-grasp has too, compiles libsecp256k1 from the source that it brings. */
const native: ToolSet = {
  name: "native-signatures",
  lists: join(root, "test/bench/limits/native-signatures"),
  files: ["Cargo.toml", "Cargo.lock", "main.rs"],
  what: "native libsecp256k1, from the crate secp256k1",
  usedFor: "the bench of signature checks beside native code",
};

/** @returns the program that checks signatures natively; `null` if it cannot be built here. */
function nativeProgram(): string | null {
  const cargo = findProgram("cargo");
  const isHere = findTools(native) !== null;
  if (!isHere && cargo === null) return null;
  const built = installTools(native, () => [[cargo!, "build", "--release", "--locked", "--quiet"]]);
  return built ? join(findTools(native)!, "target/release/native-signatures") : null;
}

export const signatures: Limit = {
  name: "signatures",
  async measure({ sizes }) {
    const program = nativeProgram();
    if (program === null) throw new Unmeasured("there is no cargo to build libsecp256k1 with");
    const events = Array.from({ length: SIGNED }, (_, i) => author().sign(1, [], String(i)));
    const rounds = Math.ceil(sizes.checks / SIGNED / ROUNDS);
    const ours = () => {
      const before = process.cpuUsage();
      for (let round = 0; round < rounds; round++)
        if (!events.every(isGood)) throw new Error("a good signature was refused");
      const { user, system } = process.cpuUsage(before);
      return (rounds * SIGNED * 1e6) / (user + system);
    };
    const input = events.map(({ id, pubkey, sig }) => `${id} ${pubkey} ${sig}`).join("\n");
    const theirs = () => {
      const { stdout, stderr } = spawnSync(program, [String(rounds)], { input, encoding: "utf8" });
      const [checks, good, ns] = stdout.split(" ").map(Number);
      if (checks === undefined || checks !== good) throw new Error(`${stdout}${stderr}`);
      return (checks * 1e9) / ns!;
    };
    // Compiled code.
    for (const event of events) isGood(event);
    const measured = Array.from({ length: ROUNDS }, () => ({ ours: ours(), theirs: theirs() }));
    const medianOf = (side: "ours" | "theirs") => spreadOf(measured.map((one) => one[side])).median;
    return [
      rate("checks by one processor, libsecp256k1 in WebAssembly (ours)", medianOf("ours")),
      rate("checks by one processor, native libsecp256k1", medianOf("theirs")),
    ];
  },
};
