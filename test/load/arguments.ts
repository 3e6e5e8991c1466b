import process from "node:process";
import { parseArgs } from "node:util";

/**
 * Reads `--name NUMBER` arguments. A mistake ends the process with one sentence.
 * @param defaults the numbers that there are, and what they are when left out.
 */
export function numbersOf<Name extends string>(
  script: string,
  defaults: Readonly<Record<Name, number>>,
  choices: Readonly<Record<string, readonly string[]>> = {},
): Record<Name, number> & Record<string, string | number> {
  const fail = (text: string): never => {
    console.error(`${script}: ${text}`);
    process.exit(2);
  };
  const names = [...Object.keys(defaults), ...Object.keys(choices)];
  const options = Object.fromEntries(names.map((name) => [name, { type: "string" as const }]));
  let values: Record<string, unknown> = {};
  try {
    values = parseArgs({ options }).values;
  } catch (error) {
    fail(
      `${(error as Error).message.split(".")[0]}; there are ${names.map((name) => `--${name}`).join(", ")}`,
    );
  }
  const numbers = Object.entries<number>(defaults).map(([name, standard]) => {
    const value = Number(values[name] ?? standard);
    return value > 0 ? [name, value] : fail(`--${name} must be a number above 0, not "${values[name]}"`);
  });
  const chosen = Object.entries(choices).map(([name, all]) => {
    const value = String(values[name] ?? all[0]);
    return all.includes(value)
      ? [name, value]
      : fail(`--${name} must be one of ${all.join(", ")}, not "${value}"`);
  });
  return Object.fromEntries([...numbers, ...chosen]);
}
