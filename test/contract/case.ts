/**
 * Contract suites as plain lists, so that any host can run them: a test runner, a spawned process, a worker, a page.
 * @module
 */

/** One test of a promise of a port. */
export interface ContractCase {
  name: string;
  /** Rejects if the promise is broken. */
  run(): Promise<void>;
}

/** The result of a case; `fault` is `null` if the promise holds. */
export interface ContractResult {
  name: string;
  fault: string | null;
}

/** Runs the cases one after the other. */
export async function runCases(cases: readonly ContractCase[]): Promise<ContractResult[]> {
  const results: ContractResult[] = [];
  for (const { name, run } of cases) {
    try {
      await run();
      results.push({ name, fault: null });
    } catch (error) {
      results.push({ name, fault: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    }
  }
  return results;
}

/** @throws {Error} unless `condition` holds. */
export function ok(condition: unknown, what: string): asserts condition {
  if (!condition) throw new Error(`broken promise: ${what}`);
}

/** @throws {Error} unless both are equal as JSON, for any order of fields. */
export function same(actual: unknown, expected: unknown, what: string): void {
  const [is, shouldBe] = [JSON.stringify(actual, inOrder), JSON.stringify(expected, inOrder)];
  ok(is === shouldBe, `${what}: got ${excerpt(is)}, expected ${excerpt(shouldBe)}`);
}

/** The error that `work` rejects with. @throws {Error} if it does not. */
export async function rejection(work: Promise<unknown>, what: string): Promise<Error> {
  try {
    await work;
  } catch (error) {
    ok(error instanceof Error, `${what}: rejected with something that is not an Error`);
    return error;
  }
  throw new Error(`broken promise: ${what}: it did not reject`);
}

/** For `JSON.stringify`: sorts the fields of objects by name. */
function inOrder(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function excerpt(text: string | undefined): string {
  if (text === undefined || text.length <= 300) return String(text);
  return `${text.slice(0, 300)}… (${text.length} characters)`;
}
