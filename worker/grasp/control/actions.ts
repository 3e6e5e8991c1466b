import { UsageError, type Values } from "../../cli/command.ts";
import type { Output, Running } from "./verb.ts";

/** One action of a command. */
export type Action = (running: Running, values: Values, output: Output) => Promise<void>;

/** The action that the operand `action` names. @throws {UsageError} if it names none */
export function actionOf({ action: given }: Values, actions: ReadonlyMap<string, Action>): Action {
  const action = typeof given === "string" ? actions.get(given) : undefined;
  if (action !== undefined) return action;
  const names = [...actions.keys()];
  throw new UsageError(`the action must be ${names.slice(0, -1).join(", ")} or ${names.at(-1)}`);
}
