import { isObject } from "../../runtime/lib/json.ts";

/**
 * The fields that differ between two configurations, by name. A list is one field.
 * @param name comes before every field's name.
 */
export function changedFields(before: unknown, after: unknown, name = ""): string[] {
  if (!isObject(before) || !isObject(after)) {
    return JSON.stringify(before) === JSON.stringify(after) ? [] : [name];
  }
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keys].flatMap((key) =>
    changedFields(before[key], after[key], name === "" ? key : `${name}.${key}`),
  );
}
