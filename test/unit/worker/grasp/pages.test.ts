import { describe, expect, test } from "vitest";
import { readAnnouncement } from "../../../../runtime/grasp/announcement.ts";
import { type RepositoryFacts, repositoryFacts } from "../../../../runtime/grasp/facts.ts";
import { toNpub } from "../../../../runtime/grasp/npub.ts";
import { distance, link, shown } from "../../../../worker/grasp/pages/html.ts";
import { repositoryPage } from "../../../../worker/grasp/pages/repository.ts";
import { author } from "../../../support/nostr.ts";

const owner = author();
const FRAME = { site: "site", basePath: "/", version: "1" };

function factsOf(identifier: string, tags: string[][] = []): RepositoryFacts {
  const read = readAnnouncement(owner.sign(30617, [["d", identifier], ...tags]));
  if ("fault" in read) throw new Error(read.fault);
  return repositoryFacts({
    owner: owner.key,
    identifier,
    address: "git.example/",
    announcements: new Map([
      [owner.key, { announcement: read.announcement, status: "served", isHosted: true } as const],
    ]),
    state: null,
    isStateServed: false,
    entries: [],
    snapshot: null,
    missing: new Set(),
    asked: [],
    repair: null,
  });
}
const htmlOf = async (facts: RepositoryFacts) => (await repositoryPage(facts, 1_800_000_000, FRAME)).text();

describe("foreign text (G28, T30)", () => {
  test.each([
    ["plain", "plain"],
    ["a\u001b[31mb\u009bc\u007f", "a\ufffd[31mb\ufffdc\ufffd"],
    ["\u202egnp.exe", "\ufffdgnp.exe"],
    ["\ud800", "\ufffd"],
    ["line\nbreak\u2028", "line\ufffdbreak\ufffd"],
    ["höhe 日本 🎉", "höhe 日本 🎉"],
  ])("%j is shown as %j", (text, expected) => {
    expect(shown(text)).toBe(expected);
  });

  test("a long one is cut", () => {
    expect(shown("x".repeat(10_000)).length).toBeLessThan(1000);
  });

  test.each([
    "javascript:alert(1)",
    " javascript:alert(1)",
    "data:text/html,x",
    "ftp://a",
    "//a.example",
    "",
    "nostr:x",
  ])("%j is no link", async (url) => {
    expect(String(await link(url))).not.toContain("<a");
  });

  test("a link is http or https with rel=noopener, and cannot leave its attribute", async () => {
    const text = String(await link(`https://a.example/"><script>'`));
    expect(text).toMatch(/^<a rel="noopener" href="https:\/\/a\.example\/[^"<>]*">[^<]*<\/a>$/);
  });

  test("no tag of an announcement makes an element", async () => {
    const evil = `"><script>alert(1)</script><img onerror=x src='`;
    const page = await htmlOf(
      factsOf("repo", [
        ["name", evil],
        ["description", evil],
        ...["web", "t", "u", "r", "clone", "relays"].map((tag) => [tag, evil]),
      ]),
    );
    expect(page).not.toContain("<script");
    expect(page.match(/<img /g)).toHaveLength(1);
  });

  test.each(["__proto__", "constructor", "toString"])(
    "%s is an ordinary identifier (T31)",
    async (identifier) => {
      const facts = factsOf(identifier);
      expect(facts.identifier).toBe(identifier);
      expect(facts.urls.https).toBe(`https://git.example/${toNpub(owner.key)}/${identifier}.git`);
      expect(await htmlOf(facts)).toContain(identifier);
    },
  );

  test("a command that is pasted into a shell has nothing that a shell acts on", async () => {
    const page = await htmlOf(factsOf("a'$(x);`y`|z&*!\"c"));
    const [, commands] = /<pre tabindex="0">(.*?)<\/pre>/s.exec(page)!;
    for (const command of commands!.split("\n")) expect(command).toMatch(/^git clone [A-Za-z0-9:/._%~-]+$/);
  });
});

test.each([
  [0, "now"],
  [59, "now"],
  [60, "in 1 minute"],
  [-7200, "2 hours ago"],
  [86_400 * 3, "in 3 days"],
  [-31_557_600 * 2, "2 years ago"],
])("%i seconds are %s", (seconds, text) => {
  expect(distance(seconds)).toBe(text);
});
