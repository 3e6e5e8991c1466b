import { expect, test } from "vitest";
import { dependentsOf } from "../../../../runtime/grasp/dependents.ts";
import type { NostrEvent } from "../../../../runtime/grasp/events/event.ts";
import { author } from "../../../support/nostr.ts";

const [owner, other] = [author(), author()];
const repository = `30617:${owner.key}:repo`;

function partsOf(events: readonly NostrEvent[]) {
  const store = {
    get: (id: string) => events.find((event) => event.id === id) ?? null,
    query: ([filter]: readonly { tags: ReadonlyMap<string, ReadonlySet<string>>; until?: number }[]) =>
      events.filter(({ tags, created_at: at }) => {
        const isInTime = filter!.until === undefined || at <= filter!.until;
        return (
          isInTime &&
          [...filter!.tags].every(([name, values]) =>
            tags.some(([tag, value = ""]) => tag === name && values.has(value)),
          )
        );
      }),
  };
  return { store: store as never, servedAt: () => null, stays: () => false, nowSeconds: 2_000_000_000 };
}

test("what hangs on a repository goes with it, and the deletion stays for others to hear (R57, R59)", () => {
  const issue = other.sign(1621, [["a", repository]]);
  const comment = other.sign(1111, [["e", issue.id]]);
  const deletion = owner.sign(5, [["a", repository]]);
  const gone = dependentsOf(repository, new Set(), partsOf([issue, comment, deletion]));
  expect(gone.map(({ id }) => id).sort()).toEqual([issue.id, comment.id].sort());
});

test("a deletion keeps nothing here by referring to it (R50)", () => {
  const issue = other.sign(1621, [["a", repository]]);
  const attempt = owner.sign(5, [["e", issue.id]]);
  const gone = dependentsOf(repository, new Set(), partsOf([issue, attempt]));
  expect(gone.map(({ id }) => id)).toEqual([issue.id]);
});
