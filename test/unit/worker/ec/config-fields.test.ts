import { expectTypeOf, test } from "vitest";
import type { SharedInput, SharedSchemaInput } from "../../../../worker/config/shared.ts";
import type { EdgeCookieFields, EdgeCookieSchemaInput } from "../../../../worker/ec/config.ts";

/** The same type with every property written out. */
type Flat<T> = T extends readonly (infer Item)[]
  ? Flat<Item>[]
  : T extends object
    ? { [K in keyof T]: Flat<T[K]> }
    : T;

// The type checker runs these: the interfaces that an editor shows have the fields of the schemas.

test("the documented shared fields are those of the schema", () => {
  expectTypeOf<Flat<SharedInput>>().toEqualTypeOf<Flat<SharedSchemaInput>>();
});

test("the documented fields of the Edge Cookie are those of the schema", () => {
  type Input = EdgeCookieSchemaInput;
  type Documented = Flat<EdgeCookieFields>;
  // The schema lets `publisher` be absent, so that the missing field inside it is reported.
  expectTypeOf<Omit<Documented, "publisher">>().toEqualTypeOf<Omit<Flat<Input>, "publisher">>();
  expectTypeOf<Documented["publisher"]>().toEqualTypeOf<NonNullable<Flat<Input>["publisher"]>>();
});
