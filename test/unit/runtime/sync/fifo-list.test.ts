import fc from "fast-check";
import { expect, test } from "vitest";
import { FifoItem, FifoList } from "../../../../runtime/sync/fifo-list.ts";

class Item extends FifoItem {
  readonly name: number;

  constructor(name: number) {
    super();
    this.name = name;
  }
}

test("a FIFO list behaves as an array for pushBack, shift, putBack and remove", () => {
  const action = fc.constantFrom("push", "shift", "put back", "remove");
  fc.assert(
    fc.property(fc.array(fc.tuple(action, fc.nat(50)), { maxLength: 200 }), (steps) => {
      const list = new FifoList<Item>();
      const model: Item[] = [];
      const out: Item[] = [];
      let name = 0;
      for (const [what, pick] of steps) {
        if (what === "push") {
          const item: Item = new Item(name++);
          list.pushBack(item);
          model.push(item);
        } else if (what === "shift") {
          const item = list.shift();
          expect(item).toBe(model.shift() ?? null);
          if (item !== null) out.push(item);
        } else if (what === "put back" && out.length > 0) {
          const [item] = out.splice(pick % out.length, 1);
          list.putBack(item!);
          model.push(item!);
          model.sort((a, b) => a.name - b.name);
        } else if (what === "remove" && model.length > 0) {
          const [item] = model.splice(pick % model.length, 1);
          list.remove(item!);
        }
        for (const item of model) expect(list.has(item)).toBe(true);
        for (const item of out) expect(list.has(item)).toBe(false);
        expect(list.isEmpty).toBe(model.length === 0);
      }
      for (const item of model) expect(list.shift()).toBe(item);
    }),
  );
});
