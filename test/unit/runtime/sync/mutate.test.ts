import { expect, test } from "vitest";
import { mutate } from "./mutate.ts";

const source = `
/** A comment: this.#count++; */
class Counter {
  #count: number = 0;
  add(by: number): number {
    this.#count += by; // a comment
    return this . #count;
  }
  reset(): void { this.#count = 0; }
}
function half(value: number): number { return value / 2; }
`;
const edit = { file: "counter", within: "Counter.add", find: "this.#count += by;", replace: "" };

test("mutate replaces the statement or expression, whatever its layout and comments", () => {
  expect(mutate(source, edit)).not.toContain("+= by");
  expect(mutate(source, { ...edit, find: "return this.#count;", replace: "return 7;" })).toContain(
    "return 7;",
  );
  expect(mutate(source, { ...edit, within: "half", find: "value / 2", replace: "value" })).toContain(
    "return value;",
  );
});

test("mutate throws if the function or the node is not there, or the node is there twice", () => {
  expect(() => mutate(source, { ...edit, within: "Counter.none" })).toThrow();
  expect(() => mutate(source, { ...edit, find: "this.#count -= by;" })).toThrow();
  expect(() => mutate(source, { ...edit, find: "this.#count" })).toThrow();
});
