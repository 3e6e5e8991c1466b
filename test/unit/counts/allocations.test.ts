import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { root } from "../../support/spawn.ts";

/** About one and a half times what each kind of request takes on Node 24, in bytes. */
const MOST_BYTES = { returning: 2500, "no consent": 2500, "no jurisdiction": 2000 };

test("a request for a page allocates no more than it has to", () => {
  const script = fileURLToPath(new URL("allocations.ts", import.meta.url));
  const args = ["--expose-gc", "--max-semi-space-size=512", "--min-semi-space-size=512", script];
  const output = execFileSync(process.execPath, args, { cwd: root, encoding: "utf8", timeout: 20_000 });
  const bytes = JSON.parse(output) as typeof MOST_BYTES;
  for (const [kind, most] of Object.entries(MOST_BYTES)) {
    expect(bytes[kind as keyof typeof MOST_BYTES], kind).toBeLessThan(most);
    // A measure that always says nothing would not notice anything.
    expect(bytes[kind as keyof typeof MOST_BYTES], kind).toBeGreaterThan(most / 10);
  }
});
