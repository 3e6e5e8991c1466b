import fc from "fast-check";
import { expect, test } from "vitest";
import { HeapItem, TimeHeap } from "../../../../runtime/sync/time-heap.ts";

class Item extends HeapItem {
  readonly name: number;

  constructor(name: number) {
    super();
    this.name = name;
  }
}

test("a time heap returns its items in order of time, then of arrival, whatever is moved and removed", () => {
  const step = fc.record({
    item: fc.nat(20),
    to: fc.option(fc.nat(30), { nil: undefined }),
    pop: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const heap = new TimeHeap<Item>();
      const items = Array.from({ length: 21 }, (_, name) => new Item(name));
      let model: { name: number; at: number; since: number }[] = [];
      steps.forEach(({ item, to, pop }, since) => {
        model = model.filter(({ name }) => name !== item);
        if (to === undefined) heap.remove(items[item]!);
        else {
          heap.set(items[item]!, to);
          model.push({ name: item, at: to, since });
        }
        model.sort((a, b) => a.at - b.at || a.since - b.since);
        if (pop && model.length > 0) {
          heap.remove(heap.peek()!);
          model.shift();
        }
        expect(heap.size).toBe(model.length);
        expect(heap.peek()?.name).toBe(model[0]?.name);
      });
    }),
  );
});
