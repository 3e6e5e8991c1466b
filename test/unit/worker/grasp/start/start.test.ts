import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { signerOf } from "../../../../../worker/grasp/client/signer.ts";
import { lockData } from "../../../../../worker/grasp/start/data-lock.ts";
import { checkDatabase } from "../../../../../worker/grasp/start/database.ts";
import { readRelayKey } from "../../../../../worker/grasp/start/relay-key.ts";
import { StartError } from "../../../../../worker/serve/start-error.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "millrace-start-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const random = { fill: (target: Uint8Array<ArrayBuffer>) => void target.fill(7) };

describe("the relay's key", () => {
  const path = () => join(folder, "relay.key");

  test("is made once, and only its owner may read it", async () => {
    const first = await readRelayKey(null, path(), random);
    expect(first.publicKey).toMatch(/^[0-9a-f]{64}$/);
    expect(statSync(path()).mode & 0o777).toBe(0o600);
    const other = { fill: (target: Uint8Array<ArrayBuffer>) => void target.fill(9) };
    expect((await readRelayKey(null, path(), other)).publicKey).toBe(first.publicKey);
  });

  test("is the configured one where there is one, and no file is made", async () => {
    const { publicKey } = await readRelayKey("01".repeat(32), path(), random);
    expect(publicKey).toBe(signerOf(new Uint8Array(32).fill(1)).key);
    expect(() => statSync(path())).toThrow("ENOENT");
  });

  test.each(["", "\n", "not a key\n", "00".repeat(32), "ff".repeat(32), "01".repeat(31)])(
    "a file with %j stops the start and stays as it is",
    async (text) => {
      writeFileSync(path(), text);
      await expect(readRelayKey(null, path(), random)).rejects.toThrow(StartError);
      expect(readFileSync(path(), "utf8")).toBe(text);
    },
  );

  test("a key outside the curve's order stops the start", async () => {
    await expect(readRelayKey("00".repeat(32), path(), random)).rejects.toThrow(StartError);
  });
});

describe("the lock of a data directory (O3)", () => {
  test("is taken once, and again after its release", () => {
    const first = lockData(folder);
    expect(() => lockData(folder)).toThrow(StartError);
    first.release();
    lockData(folder).release();
  });

  test("a file that is no lock stops the start and stays as it is", () => {
    writeFileSync(join(folder, "lock"), "x".repeat(100));
    expect(() => lockData(folder)).toThrow(StartError);
    expect(readFileSync(join(folder, "lock"), "utf8")).toBe("x".repeat(100));
  });
});

describe("the database at the start (P33)", () => {
  const path = () => join(folder, "grasp.db");

  test("an absent one and a sound one are accepted", () => {
    expect(() => checkDatabase(path())).not.toThrow();
    const database = new DatabaseSync(path());
    database.exec("CREATE TABLE t (a); INSERT INTO t VALUES (1)");
    database.close();
    expect(() => checkDatabase(path())).not.toThrow();
  });

  test("another file, a cut one and one with a broken page are refused, and stay as they are", () => {
    const database = new DatabaseSync(path());
    database.exec("CREATE TABLE t (a TEXT); CREATE INDEX i ON t (a); BEGIN");
    for (let i = 0; i < 1000; i++) database.exec(`INSERT INTO t VALUES ('${"text ".repeat(20)}${i}')`);
    database.exec("COMMIT");
    database.close();
    const sound = readFileSync(path());
    const broken = Buffer.from(sound);
    broken.fill(0xff, 3 * 4096, 4 * 4096);
    for (const bytes of [Buffer.from("this is no database, whatever it is called".repeat(30)), broken]) {
      writeFileSync(path(), bytes);
      expect(() => checkDatabase(path())).toThrow(StartError);
      expect(readFileSync(path()).equals(bytes)).toBe(true);
    }
    writeFileSync(path(), sound);
    truncateSync(path(), sound.length - 4096);
    expect(() => checkDatabase(path())).toThrow(StartError);
  });
});
