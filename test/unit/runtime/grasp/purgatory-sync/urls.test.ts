import { describe, expect, test } from "vitest";
import { toNpub } from "../../../../../runtime/grasp/npub.ts";
import {
  cloneUrl,
  isGraspUrl,
  redirectTarget,
  type UrlFault,
} from "../../../../../runtime/grasp/purgatory-sync/urls.ts";

const RULES = { ownHosts: ["git.example", "127.0.0.1:7334"], allowInsecure: false };
const OPEN = { ...RULES, allowInsecure: true };
const NPUB = toNpub("79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798");

describe("clone URLs are judged and written again (S8, S9, S34, T5, T8, T69)", () => {
  test.each([
    ["https://Other.Example./a.git", "https://other.example/a.git"],
    ["https://other.example:443/a.git/", "https://other.example/a.git"],
    ["https://other.example:8443/a.git", "https://other.example:8443/a.git"],
    ["https://bücher.example/a.git", "https://xn--bcher-kva.example/a.git"],
    ["https://[2001:DB8::1]/a.git", "https://[2001:db8::1]/a.git"],
    ["https://other.example/a b.git", "https://other.example/a%20b.git"],
    ["https://other.example/x/../a.git", "https://other.example/a.git"],
    ["https://0x5db8d822/a.git", "https://93.184.216.34/a.git"],
  ])("%s is asked as %s", (given, url) => expect(cloneUrl(given, RULES)).toEqual({ url }));

  test.each<[string, UrlFault]>([
    ["--upload-pack=touch /tmp/x", "no_url"],
    ["+refs/heads/x:refs/heads/main", "no_url"],
    ["http://other.example/a.git", "scheme"],
    ["ssh://other.example/a.git", "scheme"],
    ["git://other.example/a.git", "scheme"],
    ["file:///etc/passwd", "scheme"],
    ["ext::sh -c id", "scheme"],
    ["https://me@other.example/a.git", "parts"],
    ["https://me:pw@other.example/a.git", "parts"],
    ["https://other.example/a.git?x", "parts"],
    ["https://other.example/a.git#x", "parts"],
    ["https://other.example:22/a.git", "port"],
    ["https://other.example:6667/a.git", "port"],
    ["https://a*b.example/a.git", "host"],
    ["https://-other.example/a.git", "host"],
    ["https://a,b.example/a.git", "host"],
    ["https://GIT.example./a.git", "own"],
    ["https://git.example:443/a.git", "own"],
    [`https://other.example/${"a".repeat(2100)}`, "long"],
  ])("%s is not asked: %s", (given, fault) => expect(cloneUrl(given, RULES)).toEqual({ fault }));

  test("http is asked only where it is allowed, and our own port only elsewhere", () => {
    expect(cloneUrl("http://other.example/a.git", OPEN)).toEqual({ url: "http://other.example/a.git" });
    expect(cloneUrl("http://127.0.0.1:7334/a.git", OPEN)).toEqual({ fault: "own" });
    expect(cloneUrl("http://127.0.0.1:7335/a.git", OPEN)).toEqual({ url: "http://127.0.0.1:7335/a.git" });
    expect(cloneUrl("https://git.example:8443/a.git", OPEN)).toEqual({
      url: "https://git.example:8443/a.git",
    });
  });
});

test("a GRASP path ends in npub and identifier (S6)", () => {
  const is = (path: string, identifier = "repo") => isGraspUrl(`https://other.example${path}`, identifier);
  expect(is(`/${NPUB}/repo.git`)).toBe(true);
  expect(is(`/below/${NPUB}/repo.git`)).toBe(true);
  expect(is(`/${NPUB}/a%20b.git`, "a b")).toBe(true);
  expect(is(`/${NPUB}/other.git`)).toBe(false);
  expect(is(`/${NPUB}/%ff.git`)).toBe(false);
  expect(is("/someone/repo.git")).toBe(false);
  expect(is("/repo.git")).toBe(false);
});

describe("a redirect is followed to the same scheme, host and port only (S31)", () => {
  const FROM = "https://other.example/a.git";
  const END = "/info/refs?service=git-upload-pack";
  test.each([
    [`https://other.example/b.git${END}`, "https://other.example/b.git"],
    [`/b.git${END}`, "https://other.example/b.git"],
    [`https://OTHER.example:443/b.git${END}`, "https://other.example/b.git"],
    [`https://elsewhere.example/b.git${END}`, null],
    [`http://other.example/b.git${END}`, null],
    [`https://other.example:8443/b.git${END}`, null],
    [`https://127.0.0.1/b.git${END}`, null],
    [`https://me@other.example/b.git${END}`, null],
    ["https://other.example/login", null],
    [`https://other.example/b.git${END}&x=1`, null],
    [`https://other.example/a.git${END}`, null],
    ["http://", null],
  ])("%s -> %s", (location, target) => expect(redirectTarget(FROM, location, RULES)).toBe(target));
});
