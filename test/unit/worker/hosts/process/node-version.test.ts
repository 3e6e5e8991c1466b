import { expect, test } from "vitest";
import { requireNode } from "../../../../../worker/hosts/process/node-version.ts";

test.each(["24.0.0", "25.1.0", "100.0.0"])("Node %s is accepted", (version) => {
  expect(() => requireNode(version)).not.toThrow();
});

test.each(["18.20.8", "20.19.5", "23.11.1"])(
  "Node %s is refused with both versions in the error",
  (version) => {
    expect(() => requireNode(version)).toThrow(/Node 24 .*/);
    expect(() => requireNode(version)).toThrow(version);
  },
);
