import { describe, test } from "vitest";
import { suites } from "./processes.ts";

describe.each(Object.entries(suites))("%s", (_suite, cases) => {
  test.each(cases)("$name", ({ run }) => run());
});
