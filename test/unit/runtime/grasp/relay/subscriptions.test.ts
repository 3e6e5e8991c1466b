import fc from "fast-check";
import { expect, test } from "vitest";
import { type Filter, matches, readFilter } from "../../../../../runtime/grasp/events/filter.ts";
import { Subscriptions } from "../../../../../runtime/grasp/relay/subscriptions.ts";

const key = (n: number) => n.toString(16).padStart(64, "0");
const event = (id: number, author: number, kind: number, tags: string[][]) => ({
  id: key(id),
  pubkey: key(author),
  created_at: 10,
  kind,
  tags,
  content: "",
  sig: "",
});
const filter = (given: object) => (readFilter(given) as { filter: Filter }).filter;

test("a subscription of the same name is replaced, and an event is given once for it", () => {
  const list = new Subscriptions<string>();
  list.add("one", "s", [filter({ kinds: [1] })]);
  list.add("one", "s", [filter({ kinds: [2] }), filter({ authors: [key(1)] })]);
  expect([...list.wanting(event(1, 1, 1, []))]).toEqual([{ subscriber: "one", name: "s" }]);
  expect([...list.wanting(event(1, 1, 2, []))]).toEqual([{ subscriber: "one", name: "s" }]);
  expect([...list.wanting(event(1, 2, 1, []))]).toEqual([]);
  expect(list.count("one")).toBe(1);
});

test("removed subscriptions are not found (R65)", () => {
  const list = new Subscriptions<string>();
  list.add("one", "a", [filter({})]);
  list.add("one", "b", [filter({})]);
  expect([list.remove("one", "a"), list.remove("one", "a")]).toEqual([true, false]);
  list.removeAll("one");
  expect([[...list.wanting(event(1, 1, 1, []))], list.count("one")]).toEqual([[], 0]);
});

test("finds exactly the subscriptions whose filters match", () => {
  const few = fc.integer({ min: 0, max: 3 });
  const keys = fc.array(few.map(key), { maxLength: 2 });
  const values = fc.array(few.map(String), { maxLength: 2 });
  const given = fc.record(
    { ids: keys, authors: keys, kinds: fc.array(few), "#t": values, "#e": values },
    { requiredKeys: [] },
  );
  const happened = fc.tuple(
    few,
    few,
    few,
    fc.array(fc.tuple(fc.constantFrom("t", "e", "tt"), few.map(String)), { maxLength: 3 }),
  );
  fc.assert(
    fc.property(
      fc.array(fc.array(given, { maxLength: 3 }), { maxLength: 8 }),
      happened,
      (subscriptions, [id, author, kind, tags]) => {
        const list = new Subscriptions<number>();
        const filters = subscriptions.map((one) => one.map(filter));
        for (const [index, one] of filters.entries()) list.add(index, "s", one);
        const one = event(id, author, kind, tags);
        const found = [...list.wanting(one)].map(({ subscriber }) => subscriber).sort((a, b) => a - b);
        const wanted = filters.flatMap((each, index) =>
          each.some((single) => matches(single, one)) ? [index] : [],
        );
        expect(found).toEqual(wanted);
      },
    ),
  );
});

/** How often filters are looked at for one event, with so many subscriptions of each shape. */
function looks(count: number, shapes: readonly ((n: number) => object)[]): number {
  const list = new Subscriptions<number>();
  let looked = 0;
  for (let n = 0; n < count; n++) {
    for (const [index, shape] of shapes.entries()) {
      const counted = new Proxy(filter(shape(n)), {
        get(target, name) {
          looked++;
          return Reflect.get(target, name);
        },
      });
      list.add(n, `s${index}`, [counted]);
    }
  }
  looked = 0;
  const tags = [
    ["t", "7"],
    ["a", "7"],
  ];
  for (const _ of list.wanting(event(1, 77, 7, tags)));
  return looked;
}

test.each<[string, (n: number) => object]>([
  ["authors", (n) => ({ authors: [key(n)] })],
  ["tags", (n) => ({ "#t": [String(n)] })],
  ["ids", (n) => ({ ids: [key(n)] })],
  ["kinds", (n) => ({ kinds: [n] })],
  ["kinds of one author", (n) => ({ authors: [key(77)], kinds: [n] })],
  ["kinds of one tag", (n) => ({ "#a": ["7"], kinds: [n, n + 1] })],
  ["authors of one kind", (n) => ({ authors: [key(n), key(n + 1)], kinds: [7] })],
])("with 16 times the subscriptions by %s an event costs the same (R18, T27)", (_name, shape) => {
  expect(looks(4000, [shape])).toBeLessThanOrEqual(looks(250, [shape]) + 20);
});
