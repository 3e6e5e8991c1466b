import { describe, expect, test } from "vitest";
import { parseConfig } from "../../../../worker/ec/config.ts";
import { faultLines } from "../config/fault-lines.ts";

const withPassphrase = (passphrase: string) => ({
  publisher: { domain: "a.example" },
  passphrases: [passphrase],
});
const faultsOf = (input: unknown) => faultLines(() => parseConfig(input));

describe("passphrases", () => {
  test.each([
    "changeme",
    "CHANGE-ME",
    "change_me",
    "ChangeMe123!",
    "password",
    "Password1",
    "secretsecret",
    "your-secret-here",
    "<your passphrase>",
    "aaaaaaaaaaaa",
    "12345678",
    "placeholder",
  ])("%s is a placeholder", (passphrase) => {
    expect(faultsOf(withPassphrase(passphrase))[0]).toMatch(/not a placeholder/);
  });

  test.each([
    "publisher-chosen-secret",
    "correct horse battery staple",
    "pässwört",
    "7f3k9d02xq",
    "my secret garden",
  ])("%s is a passphrase", (passphrase) => {
    expect(parseConfig(withPassphrase(passphrase)).passphrases).toEqual([passphrase]);
  });

  test("the length counts in bytes", () => {
    expect(faultsOf(withPassphrase("ö".repeat(3)))).toHaveLength(1);
    expect(faultsOf(withPassphrase("öäüß"))).toEqual([]);
  });
});
