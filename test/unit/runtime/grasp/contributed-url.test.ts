import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { contributedBy } from "../../../../runtime/grasp/contributed-url.ts";
import { identifierFault } from "../../../../runtime/grasp/identifier.ts";
import { toNpub } from "../../../../runtime/grasp/npub.ts";

const AUTHOR = "f8340b2bde651576b75af61aa26c80e13c65029f00f7f64004eece679bf7059f";
const OTHER = `${"00".repeat(31)}07`;
const NPUB = toNpub(AUTHOR);
const OURSELVES = { hosts: ["git.example", "127.0.0.1:7334"], basePath: "/" };
const read = (url: string, ourselves = OURSELVES) => contributedBy(url, AUTHOR, ourselves);

describe("a clone URL that names the author's own path here (X9)", () => {
  test.each([
    [`https://git.example/prs/${NPUB}/repo.git`, "repo"],
    [`http://git.example/prs/${NPUB}/repo.git`, "repo"],
    [`HTTPS://GIT.Example/prs/${NPUB}/repo.git`, "repo"],
    [`https://git.example:443/prs/${NPUB}/repo.git`, "repo"],
    [`http://git.example:80/prs/${NPUB}/repo.git`, "repo"],
    [`http://127.0.0.1:7334/prs/${NPUB}/repo.git`, "repo"],
    [`https://git.example/prs/${NPUB}/repo.git/`, "repo"],
    [`https://git.example/prs/${NPUB}/my%20repo%3A.git`, "my repo:"],
    [`https://git.example/prs/${NPUB}/r%65po.git`, "repo"],
    [`https://git.example/prs/${NPUB}/über.git`, "über"],
  ])("%s names %s", (url, identifier) => {
    expect(read(url)).toBe(identifier);
  });

  test("a base path is part of it", () => {
    const ourselves = { hosts: ["git.example"], basePath: "/grasp/" };
    expect(read(`https://git.example/grasp/prs/${NPUB}/repo.git`, ourselves)).toBe("repo");
    expect(read(`https://git.example/prs/${NPUB}/repo.git`, ourselves)).toBeNull();
  });

  test.each([
    `https://git.example/${NPUB}/repo.git`,
    `https://git.example/prs/${toNpub(OTHER)}/repo.git`,
    `https://git.example/prs/${AUTHOR}/repo.git`,
    `https://git.example/prs/${NPUB.toUpperCase()}/repo.git`,
    `https://git.example/prs/${NPUB}/repo`,
    `https://git.example/prs/${NPUB}/.git`,
    `https://git.example/prs/${NPUB}/repo.git?`,
    `https://git.example/prs/${NPUB}/repo.git?x`,
    `https://git.example/prs/${NPUB}/repo.git#`,
    `https://git.example/prs/${NPUB}/repo.git//`,
    `https://git.example/prs/${NPUB}/repo.git/info/refs`,
    `https://git.example//prs/${NPUB}/repo.git`,
    `https://git.example/x/../prs/${NPUB}/repo.git`,
    `https://git.example/%2e/prs/${NPUB}/repo.git`,
    `https://git.example/prs/${NPUB}/..%2frepo.git`,
    `https://git.example/prs/${NPUB}/%2e%2e.git`,
    `https://git.example/prs/${NPUB}/re%00po.git`,
    `https://git.example/prs/${NPUB}/re%ffpo.git`,
    `https://git.example/prs\\${NPUB}\\repo.git`,
    `https:\\\\git.example\\prs\\${NPUB}\\repo.git`,
    ` https://git.example/prs/${NPUB}/repo.git`,
    `https://git.example/prs/${NPUB}/repo.git\n`,
    `https://git.example/pr\ts/${NPUB}/repo.git`,
    `https://me@git.example/prs/${NPUB}/repo.git`,
    `https://git.example.evil/prs/${NPUB}/repo.git`,
    `https://notgit.example/prs/${NPUB}/repo.git`,
    `https://git.example./prs/${NPUB}/repo.git`,
    `https://git.example:8443/prs/${NPUB}/repo.git`,
    `http://git.example:443/prs/${NPUB}/repo.git`,
    `http://127.0.0.1/prs/${NPUB}/repo.git`,
    `https://evil/?git.example/prs/${NPUB}/repo.git`,
    `ssh://git.example/prs/${NPUB}/repo.git`,
    `git.example/prs/${NPUB}/repo.git`,
    "",
  ])("%j names none (T17)", (url) => {
    expect(read(url)).toBeNull();
  });

  test("every identifier is found in its own URL, and what is found is that of a parser of URLs", () => {
    const part = fc.oneof(
      fc.constantFrom(
        "prs",
        NPUB,
        toNpub(OTHER),
        "repo.git",
        "..",
        "%2e%2e",
        "%2f",
        "?",
        "#",
        "//",
        "\\",
        " ",
      ),
      fc.string({ unit: "binary", maxLength: 6 }),
    );
    const random = fc
      .tuple(
        fc.constantFrom("https://", "http://", "HTTPS://", "ws://", ""),
        fc.constantFrom("git.example", "GIT.example:443", "git.example:80", "evil", "git.example@evil"),
        fc.array(part, { maxLength: 5 }),
      )
      .map(([scheme, host, parts]) => `${scheme}${host}/${parts.join("/")}`);
    // A right URL with something put into one place of it.
    const right = `https://git.example/prs/${NPUB}/re%20po.git`;
    const changed = fc
      .tuple(fc.nat(right.length), fc.nat(2), part)
      .map(([at, without, more]) => right.slice(0, at) + more + right.slice(at + without));
    let count = 0;
    fc.assert(
      fc.property(fc.oneof(random, changed), (text) => {
        const found = read(text);
        if (found === null) return;
        count++;
        // The slow model: a parser of URLs, whose path is the one that encodes the identifier.
        const parsed = new URL(text);
        expect(identifierFault(found)).toBeNull();
        expect(OURSELVES.hosts).toContain(parsed.host);
        expect([parsed.username, parsed.search, parsed.hash]).toEqual(["", "", ""]);
        const [, first, npub, name, rest] = parsed.pathname.split("/");
        expect([first, npub, decodeURIComponent(name!), rest ?? ""]).toEqual([
          "prs",
          NPUB,
          `${found}.git`,
          "",
        ]);
      }),
      { numRuns: 5_000 },
    );
    expect(count).toBeGreaterThan(50);
    const identifier = fc
      .string({ unit: "grapheme", maxLength: 40 })
      .filter((one) => identifierFault(one) === null);
    fc.assert(
      fc.property(identifier, fc.boolean(), (one, hasSlash) => {
        const text = `https://git.example/prs/${NPUB}/${encodeURIComponent(one)}.git${hasSlash ? "/" : ""}`;
        expect(read(text)).toBe(one);
      }),
    );
  });
});
