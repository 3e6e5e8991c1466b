import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { canonicalText, isNewer, parseEvent, tagValues } from "../../../../../runtime/grasp/events/event.ts";

const NOW = 1_800_000_000;
const KEY = "a".repeat(64);
const event = {
  id: "1".repeat(64),
  pubkey: KEY,
  created_at: NOW,
  kind: 1,
  tags: [["t", "x"]],
  content: "text",
  sig: "2".repeat(128),
};
const faultOf = (part: object) => {
  const parsed = parseEvent({ ...event, ...part }, NOW);
  return "fault" in parsed ? parsed.fault : null;
};

describe("parseEvent", () => {
  test("keeps the seven fields and drops others (R64)", () => {
    expect(parseEvent({ ...event, extra: 1 }, NOW)).toEqual({ event });
  });

  test.each<[string, object]>([
    ["an upper-case id", { id: "A".repeat(64) }],
    ["a short key", { pubkey: "a" }],
    ["a signature of 127 digits", { sig: "2".repeat(127) }],
    ["a kind of 65536", { kind: 65_536 }],
    ["a kind that is no integer", { kind: 1.5 }],
    ["a negative time", { created_at: -1 }],
    ["a time of 2^31", { created_at: 2 ** 31 }],
    ["a time as text", { created_at: "1" }],
    ["a date 31 minutes ahead", { created_at: NOW + 1860 }],
    ["content that is no text", { content: null }],
    ["a tag with a number", { tags: [["t", 1]] }],
    ["an empty tag", { tags: [[]] }],
    ["10,241 tags", { tags: Array.from({ length: 10_241 }, () => ["t"]) }],
    ["content over 1 MiB", { content: "é".repeat(600_000) }],
  ])("refuses %s (R7, R9)", (_name, part) => {
    expect(faultOf(part)).toEqual(expect.any(String));
  });

  test("takes a date 30 minutes ahead, and 0 (R9)", () => {
    expect([faultOf({ created_at: NOW + 1800 }), faultOf({ created_at: 0 })]).toEqual([null, null]);
  });

  test.each([null, 1, "event", []])("refuses %j", (value) => {
    expect(parseEvent(value, NOW)).toHaveProperty("fault");
  });
});

describe("canonicalText (R63)", () => {
  test("escapes quotes, backslashes and control characters, and nothing else", () => {
    const content = 'é " \\ \b\t\n\f\r \u0001\u007f\u2028 \u{1f600} /';
    expect(canonicalText({ ...event, tags: [], content })).toBe(
      `[0,"${KEY}",${NOW},1,[],"é \\" \\\\ \\b\\t\\n\\f\\r \\u0001\u007f\u2028 \u{1f600} /"]`,
    );
  });

  test("gives the id of a known event", () => {
    const known = {
      pubkey: "6e468422dfb74a5738702a8823b9b28168abab8655faacb6853cd0ee15deee93",
      created_at: 1673347337,
      kind: 1,
      tags: [
        ["e", "3da979448d9ba263864c4d6f14984c423a3838364ec255f03c7904b1ae77f206"],
        ["p", "bf2376e17ba4ec269d10fcc996a4746b451152be9031fa48e74553dde5526bce"],
      ],
      content:
        "Walled gardens became prisons, and nostr is the first step towards tearing down the prison walls.",
    };
    const id = createHash("sha256").update(canonicalText(known)).digest("hex");
    expect(id).toBe("4376c65d2f232afbe9b882a35baa4f6fe8667c4e684749af565f981833ed6a65");
  });

  test("is read back as what was written", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "grapheme" }),
        fc.array(fc.array(fc.string(), { minLength: 1 })),
        (content, tags) => {
          expect(JSON.parse(canonicalText({ ...event, tags, content }))).toEqual([
            0,
            KEY,
            NOW,
            1,
            tags,
            content,
          ]);
        },
      ),
    );
  });
});

test("isNewer: the later date wins, at equal dates the smaller id (R54)", () => {
  const at = (created_at: number, id: string) => ({ created_at, id });
  expect(isNewer(at(2, "b"), at(1, "a"))).toBe(true);
  expect(isNewer(at(1, "a"), at(1, "b"))).toBe(true);
  expect(isNewer(at(1, "b"), at(1, "a"))).toBe(false);
  expect(isNewer(at(1, "a"), at(1, "a"))).toBe(false);
});

test("tagValues merges repeated tags and tags with many values (R30)", () => {
  expect(tagValues({ tags: [["clone", "a", "b"], ["x"], ["clone", "c"]] }, "clone")).toEqual(["a", "b", "c"]);
});
