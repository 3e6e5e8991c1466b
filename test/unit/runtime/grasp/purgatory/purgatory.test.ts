import { beforeEach, describe, expect, test } from "vitest";
import type { GraspHappening } from "../../../../../runtime/grasp/happenings.ts";
import { BOUNDS } from "../../../../../runtime/grasp/purgatory/bounds.ts";
import type { Entry } from "../../../../../runtime/grasp/purgatory/entry.ts";
import { Purgatory } from "../../../../../runtime/grasp/purgatory/purgatory.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const key = (n: number) => n.toString(16).padStart(64, "0");
const DIRECT = { source: "direct", address: "192.0.2.1" } as const;
const SYNC = { source: "sync", address: null } as const;
const [OWNER, OTHER] = [key(1), key(2)];

let nowMs: number;
let journal: Map<string, Entry>;
let expired: Map<string, number>;
let purgatory: Purgatory;
let told: GraspHappening[];
let serial = 100;

const event = (kind: number, pubkey = OWNER, created_at = 1) => ({
  id: key(++serial),
  pubkey,
  created_at,
  kind,
  tags: [["d", "repo"]],
  content: "",
  sig: "",
});
const open = () =>
  new Purgatory(
    {
      put: (name, entry) => void journal.set(name, entry),
      remove: (name) => void journal.delete(name),
      expire(name, id, untilMs) {
        journal.delete(name);
        expired.set(id, untilMs);
      },
      undo() {},
      tell: (happening) => void told.push(happening),
    },
    () => nowMs,
  );
const announce = (created_at = 1, pubkey = OWNER) =>
  purgatory.addAnnouncement(event(30617, pubkey, created_at), "repo", DIRECT);
const state = (created_at = 1, pubkey = OWNER, from: typeof DIRECT | typeof SYNC = DIRECT) => {
  const one = event(30618, pubkey, created_at);
  return { id: one.id, added: purgatory.addState(one, "repo", from) };
};
const due = () => [...purgatory.due()].map(({ entry, decision }) => `${entry.store} ${decision}`);
const minutesLeft = (entry: Entry | null) => (entry!.deadlineMs - nowMs) / MINUTE;
const sweep = () => {
  for (const { entry } of purgatory.due()) purgatory.expire(entry);
};

beforeEach(() => {
  nowMs = 1_800_000_000_000;
  journal = new Map();
  expired = new Map();
  told = [];
  purgatory = open();
});

describe("deadlines", () => {
  test("an entry waits for 30 minutes (P13)", () => {
    announce();
    state();
    nowMs += 30 * MINUTE - 1;
    expect(due()).toEqual([]);
    nowMs += 1;
    expect(due()).toEqual(["announcement soft_expire", "state expire"]);
  });

  test("a granted push gives its state 15 minutes at least and its announcement 30 (P14)", () => {
    announce();
    const { id } = state();
    nowMs += 20 * MINUTE;
    purgatory.flows(purgatory.event(id)!);
    purgatory.flows(purgatory.announcement(OWNER, "repo")!);
    expect([minutesLeft(purgatory.event(id)), minutesLeft(purgatory.announcement(OWNER, "repo"))]).toEqual([
      15, 30,
    ]);
  });

  test("a prolongation never shortens (P21)", () => {
    const { id } = state();
    purgatory.flows(purgatory.event(id)!);
    expect(minutesLeft(purgatory.event(id))).toBe(30);
  });

  test("bytes that flow prolong each minute, to two hours after arrival at most (P15)", () => {
    const { id } = state();
    for (let minute = 0; minute < 130; minute++) {
      nowMs += MINUTE;
      const waiting = purgatory.event(id);
      if (waiting !== null && due().length === 0) purgatory.flows(waiting);
    }
    expect((purgatory.event(id)!.deadlineMs - purgatory.event(id)!.arrivedMs) / HOUR).toBe(2);
    expect(due()).toEqual(["state expire"]);
  });

  test("a newer version of a waiting announcement gives it and the identifier's states 30 minutes (P16, R34)", () => {
    announce(1);
    const { id } = state();
    nowMs += 25 * MINUTE;
    expect(announce(2).outcome).toBe("added");
    purgatory.prolongStates("repo", new Set([OWNER]));
    expect([minutesLeft(purgatory.event(id)), minutesLeft(purgatory.announcement(OWNER, "repo"))]).toEqual([
      30, 30,
    ]);
  });

  test("an older or equal version is refused and changes nothing: one waits per owner and identifier (P1, R34, T43)", () => {
    announce(5);
    nowMs += 25 * MINUTE;
    expect(announce(4)).toEqual({ outcome: "older" });
    expect(minutesLeft(purgatory.announcement(OWNER, "repo"))).toBe(5);
  });

  test("what a client submits after sync is direct, with 30 minutes (P17)", () => {
    const { id } = state(1, OWNER, SYNC);
    nowMs += 25 * MINUTE;
    purgatory.submittedByClient(purgatory.event(id)!, "192.0.2.9");
    expect(purgatory.event(id)).toMatchObject({ source: "direct", address: "192.0.2.9" });
    expect(minutesLeft(purgatory.event(id))).toBe(30);
  });
});

describe("expiry", () => {
  test("a state goes, and its id is remembered for 7 days (P18)", () => {
    const { id } = state();
    nowMs += 30 * MINUTE;
    sweep();
    expect(purgatory.event(id)).toBeNull();
    expect(journal.size).toBe(0);
    expect(expired.get(id)! - nowMs).toBe(7 * 24 * HOUR);
  });

  test("an announcement expires softly, is kept 24 hours, and goes (P19)", () => {
    announce();
    nowMs += 30 * MINUTE;
    sweep();
    expect(purgatory.announcement(OWNER, "repo")).toMatchObject({ isSoftExpired: true });
    nowMs += 24 * HOUR - 1;
    expect(due()).toEqual([]);
    nowMs += 1;
    sweep();
    expect(purgatory.announcement(OWNER, "repo")).toBeNull();
    expect(expired.size).toBe(1);
  });

  test("a state of an authorised author revives it with 30 minutes (P22)", () => {
    announce();
    nowMs += 30 * MINUTE;
    sweep();
    expect(purgatory.stateArrived(purgatory.announcement(OWNER, "repo")!)).toEqual({ isRevived: true });
    expect(purgatory.announcement(OWNER, "repo")).toMatchObject({ isSoftExpired: false });
    expect(minutesLeft(purgatory.announcement(OWNER, "repo"))).toBe(30);
  });

  test("a placeholder goes after 20 minutes and is not remembered (P20, A33)", () => {
    const upload = {
      id: key(9),
      repository: "o/repo",
      identifier: "repo",
      commit: "c".repeat(40),
      bytes: 100,
      address: null,
    };
    purgatory.addPlaceholder(upload);
    nowMs += 20 * MINUTE;
    sweep();
    expect([purgatory.placeholder("o/repo", key(9)), expired.size]).toEqual([null, 0]);
  });

  test("an entry that was prolonged meanwhile is not due any more (P23)", () => {
    const { id } = state();
    nowMs += 30 * MINUTE;
    const [found] = [...purgatory.due()];
    purgatory.submittedByClient(purgatory.event(id)!, "a");
    expect(purgatory.stillDue(found!.entry)).toBeNull();
  });
});

describe("bounds (P5, P6)", () => {
  test("the newest eight states of an author and identifier are kept (P2, P5)", () => {
    for (let n = 1; n <= 10; n++) state(n);
    expect(purgatory.states("repo").map((one) => one.event.created_at)).toEqual([3, 4, 5, 6, 7, 8, 9, 10]);
    expect(state(2).added).toEqual({ outcome: "older" });
    state(1, OTHER);
    expect(purgatory.states("repo")).toHaveLength(9);
  });

  test.each<[string, number, (n: number) => string, (n: number) => string | null]>([
    ["author", BOUNDS.announcement.author, () => OWNER, () => null],
    ["address", BOUNDS.announcement.address, (n) => key(n), () => "192.0.2.1"],
  ])(
    "an announcement past the bound of one %s is refused and journalled nowhere",
    (bound, most, author, address) => {
      const from = (n: number) => ({ source: "direct", address: address(n) }) as const;
      for (let n = 0; n < most; n++) {
        expect(purgatory.addAnnouncement(event(30617, author(n)), `repo-${n}`, from(n)).outcome).toBe(
          "added",
        );
      }
      const size = journal.size;
      expect(purgatory.addAnnouncement(event(30617, author(most)), "more", from(most))).toEqual({
        outcome: "full",
        bound,
      });
      expect(journal.size).toBe(size);
    },
  );

  test("an identifier has 50 announcements at most", () => {
    for (let n = 0; n < 50; n++) announce(1, key(n + 1000));
    expect(announce(1, key(2000))).toEqual({ outcome: "full", bound: "identifier" });
  });

  test.each<["state" | "pr", number, number]>([
    ["state", 30618, 1000],
    ["pr", 1618, 500],
  ])(
    "an address may bring so many of kind %s in 30 minutes, and more later; sync is not counted (P6)",
    (store, kind, most) => {
      expect(BOUNDS[store].address).toBe(most);
      const add = (n: number, from: typeof DIRECT | typeof SYNC) => {
        const one = event(kind, key(n + 10_000));
        return store === "pr"
          ? purgatory.addPr(one, [`repo-${n}`], from).outcome
          : purgatory.addState(one, `repo-${n}`, from).outcome;
      };
      for (let n = 0; n < most; n++) expect(add(n, DIRECT)).toBe("added");
      expect([add(most, DIRECT), add(most, SYNC)]).toEqual(["full", "added"]);
      nowMs += 30 * MINUTE;
      expect(add(most + 1, DIRECT)).toBe("added");
    },
  );

  test("all stores together hold 256 MiB; what goes makes room (P6)", () => {
    const content = "x".repeat(16 * 1024 ** 2);
    const add = (n: number) => purgatory.addState({ ...event(30618, key(n)), content }, `repo-${n}`, SYNC);
    for (let n = 0; n < 15; n++) expect(add(n).outcome).toBe("added");
    const size = journal.size;
    expect(add(15)).toEqual({ outcome: "full", bound: "bytes" });
    expect([journal.size, purgatory.bytes <= 256 * 1024 ** 2]).toEqual([size, true]);
    purgatory.remove(purgatory.states("repo-0")[0]!, "deleted");
    expect(add(15).outcome).toBe("added");
  });

  test("what goes makes room", () => {
    for (let n = 0; n < 50; n++) announce(1, key(n + 1000));
    purgatory.remove(purgatory.announcement(key(1000), "repo")!, "deleted");
    expect(announce(1, key(2000)).outcome).toBe("added");
  });
});

test("a second upload replaces the commit of its placeholder (A29, P3)", () => {
  const upload = {
    id: key(9),
    repository: "o/repo",
    identifier: "repo",
    commit: "c".repeat(40),
    bytes: 100,
    address: null,
  };
  purgatory.addPlaceholder(upload);
  expect(purgatory.addPlaceholder({ ...upload, commit: "d".repeat(40) })).toMatchObject({
    outcome: "added",
    dropped: { commit: upload.commit },
  });
  expect(purgatory.placeholder("o/repo", key(9))!.commit).toBe("d".repeat(40));
  expect(purgatory.size("placeholder")).toBe(1);
});

test("a PR is found under every identifier that it tags (P3)", () => {
  const pr = event(1618);
  purgatory.addPr(pr, ["one", "two"], DIRECT);
  expect([purgatory.prs("one"), purgatory.prs("two")].map((list) => list.map((one) => one.event.id))).toEqual(
    [[pr.id], [pr.id]],
  );
  purgatory.remove(purgatory.event(pr.id)!, "deleted");
  expect([purgatory.hasPending("one"), purgatory.hasPending("two")]).toEqual([false, false]);
});

test("after a restart everything is there, with five minutes at least, and the sync queue is known (P29, P30)", () => {
  announce();
  const { id } = state();
  purgatory.addPr(event(1618), ["only-pr"], DIRECT);
  nowMs += 2 * HOUR;
  const again = open();
  expect([...again.restore(journal.values())].sort()).toEqual(["only-pr", "repo"]);
  expect(minutesLeft(again.event(id))).toBe(5);
  expect([again.size("announcement"), again.size("state"), again.size("pr")]).toEqual([1, 1, 1]);
});

test("a journal that fails leaves memory as it was (P27)", () => {
  const failing = new Purgatory(
    {
      put() {
        throw new Error("disk full");
      },
      remove() {},
      expire() {},
      undo() {},
      tell() {},
    },
    () => nowMs,
  );
  expect(() => failing.addState(event(30618), "repo", DIRECT)).toThrow("disk full");
  expect(failing.hasPending("repo")).toBe(false);
});
