import { describe, expect, test } from "vitest";
import { authoritativeState, candidates, judgeFit } from "../../../../runtime/grasp/authorise.ts";
import { ZERO_ID } from "../../../../runtime/grasp/git/command-list.ts";
import { type RepositoryState, readState } from "../../../../runtime/grasp/state.ts";

const [A, B] = ["a".repeat(64), "b".repeat(64)];
const id = (digit: string) => digit.repeat(40);
const MAIN = "refs/heads/main";
let serial = 0;
const stateEvent = (
  tags: string[][],
  pubkey = A!,
  created_at = 1,
  eventId = `${++serial}`.padStart(64, "0"),
) => ({
  id: eventId,
  pubkey,
  created_at,
  kind: 30618,
  tags: [["d", "repo"], ...tags],
  content: "",
  sig: "2".repeat(128),
});
const state = (...args: Parameters<typeof stateEvent>) =>
  (readState(stateEvent(...args)) as { state: RepositoryState }).state;
const refs = (entries: Record<string, string>) => new Map(Object.entries(entries));

describe("readState (R37, R38)", () => {
  test("reads branches, tags and HEAD; ignores other names and peeled tags", () => {
    const read = state([
      [MAIN, id("1"), "more"],
      ["refs/tags/v1", "2".repeat(64)],
      ["refs/tags/v1^{}", id("3")],
      ["refs/notes/x", id("4")],
      ["HEAD", "ref: refs/heads/main"],
    ]);
    expect([...read.refs]).toEqual([
      [MAIN, id("1")],
      ["refs/tags/v1", "2".repeat(64)],
    ]);
    expect(read.head).toBe(MAIN);
  });

  test("resolves symbolic values inside the state (A19)", () => {
    expect(
      state([
        ["refs/heads/x", "ref: refs/heads/main"],
        [MAIN, id("1")],
      ]).refs.get("refs/heads/x"),
    ).toBe(id("1"));
  });

  test.each<[string, string[][]]>([
    [
      "a ref twice",
      [
        [MAIN, id("1")],
        [MAIN, id("1")],
      ],
    ],
    ["a name that Git refuses", [["refs/heads/a..b", id("1")]]],
    ["a part of 251 bytes (A44)", [[`refs/heads/${"a".repeat(251)}`, id("1")]]],
    [
      "a ref and one below it (A45)",
      [
        ["refs/heads/a", id("1")],
        ["refs/heads/a/b", id("1")],
      ],
    ],
    ["no id", [[MAIN]]],
    ["a symbolic value that leads nowhere", [[MAIN, "ref: refs/heads/other"]]],
    [
      "a circle of symbolic values",
      [
        ["refs/heads/a", "ref: refs/heads/b"],
        ["refs/heads/b", "ref: refs/heads/a"],
      ],
    ],
    ["10,001 refs", Array.from({ length: 10_001 }, (_, n) => [`refs/tags/${n}`, id("1")])],
  ])("refuses %s", (_name, tags) => {
    expect(readState(stateEvent(tags))).toHaveProperty("fault");
  });
});

test("a value that is no id is kept, and waits (S4)", () => {
  expect([...state([[MAIN, "abc123"]]).refs]).toEqual([[MAIN, "abc123"]]);
});

describe("the authoritative state", () => {
  const set = new Set([A!, B!]);
  const of = (states: RepositoryState[], ended: { created_at: number; id: string }[] = []) =>
    authoritativeState(candidates(states, set, ended));

  test("is the newest of the set's members; at equal times the smaller id (A18)", () => {
    const old = state([[MAIN, id("1")]], A, 1);
    const one = state([[MAIN, id("2")]], A, 5, "1".repeat(64));
    const two = state([[MAIN, id("3")]], B, 5, "2".repeat(64));
    expect(of([old, two, one])).toBe(one);
  });

  test("is never by an author outside the set (A16)", () => {
    expect(of([state([[MAIN, id("1")]], "c".repeat(64), 9)])).toBeNull();
  });

  test("an author's newest alone counts; one without refs withdraws (R43, T37)", () => {
    expect(of([state([[MAIN, id("1")]], A, 1), state([], A, 2)])).toBeNull();
  });

  test("nothing older than a deleted or withdrawn authoritative state counts (A17, R60)", () => {
    const older = state([[MAIN, id("1")]], B, 3);
    expect(of([older], [{ created_at: 4, id: "f".repeat(64) }])).toBeNull();
    expect(of([older], [{ created_at: 2, id: "0".repeat(64) }])).toBe(older);
  });
});

describe("judgeFit (A20)", () => {
  const target = state([
    [MAIN, id("1")],
    ["refs/tags/v1", id("2")],
  ]);
  const push = (ref: string, from: string, to: string) => ({ ref, old: from, new: to });

  test("fits if every named ref is at its value afterwards", () => {
    expect(
      judgeFit([push(MAIN, ZERO_ID, id("1")), push("refs/tags/v1", ZERO_ID, id("2"))], target, new Map()),
    ).toEqual({
      fits: true,
      unnamed: [],
    });
  });

  test("lists the refs that alignment deletes (A21)", () => {
    const present = refs({ "refs/tags/v1": id("2"), "refs/heads/old": id("9") });
    expect(judgeFit([push(MAIN, ZERO_ID, id("1"))], target, present)).toEqual({
      fits: true,
      unnamed: ["refs/heads/old"],
    });
  });

  test("a partial push is refused, with the refs that are missing (A22)", () => {
    expect(judgeFit([push(MAIN, ZERO_ID, id("1"))], target, new Map())).toMatchObject({
      fits: false,
      missing: ["refs/tags/v1"],
    });
  });

  test("a force push is granted like any other", () => {
    const present = refs({ [MAIN]: id("8"), "refs/tags/v1": id("2") });
    expect(judgeFit([push(MAIN, id("8"), id("1"))], target, present)).toMatchObject({ fits: true });
  });

  test.each<[string, { ref: string; old: string; new: string }, string]>([
    ["another value", push(MAIN, ZERO_ID, id("7")), "wrong_value"],
    ["the deletion of a named ref", push("refs/tags/v1", id("2"), ZERO_ID), "named"],
    ["a ref that is not named", push("refs/heads/x", ZERO_ID, id("1")), "not_named"],
    ["an old value that is not the present one (A8)", push(MAIN, id("5"), id("1")), "moved"],
    ["a foreign name (A23, T4)", push("refs/notes/x", ZERO_ID, id("1")), "foreign_name"],
  ])("%s is refused", (_name, command, reason) => {
    const fit = judgeFit([command], target, refs({ "refs/tags/v1": id("2") }));
    expect(fit).toMatchObject({ fits: false });
    expect((fit as unknown as { refused: Map<string, object> }).refused.get(command.ref)).toMatchObject({
      reason,
    });
  });

  test("a ref that is not named may be deleted, the current branch too", () => {
    const present = refs({ [MAIN]: id("1"), "refs/tags/v1": id("2"), "refs/heads/x": id("3") });
    expect(judgeFit([push("refs/heads/x", id("3"), ZERO_ID)], target, present)).toMatchObject({ fits: true });
  });

  test("a ref that is at its new value needs no right old value (A7, A8)", () => {
    const present = refs({ [MAIN]: id("1"), "refs/tags/v1": id("2") });
    expect(judgeFit([push(MAIN, id("5"), id("1"))], target, present)).toMatchObject({ fits: true });
    expect(judgeFit([push(MAIN, id("1"), id("1"))], target, present)).toMatchObject({ fits: true });
  });
});
