/**
 * What is wrong with the text of a JSON document that a person wrote.
 * @module
 */

/** Where a text stops being JSON. */
export interface JsonFault {
  /** From 1. */
  line: number;
  /** From 1, in UTF-16 code units. */
  column: number;
  /** What ought to stand there. */
  expected: string;
}

const SPACE = /[ \t\n\r]*/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what JSON forbids in a string.
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const SCALAR = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])|true(?!\w)|false(?!\w)|null(?!\w)/y;

/**
 * Finds the first fault of a text that should be JSON. `JSON.parse` knows, too, but some runtimes tell it with a piece
 * of the text, and that may be a secret.
 * @returns `null` if there is none.
 */
export function jsonFault(text: string): JsonFault | null {
  let at = 0;
  const match = (pattern: RegExp): boolean => {
    pattern.lastIndex = at;
    if (!pattern.test(text)) return false;
    at = pattern.lastIndex;
    return true;
  };
  const take = (character: string): boolean => {
    match(SPACE);
    if (text[at] !== character) return false;
    at++;
    return true;
  };
  /** What is missing at `at`, or nothing. */
  const items = (end: string, item: () => string | null): string | null => {
    if (take(end)) return null;
    for (;;) {
      const fault = item();
      if (fault !== null) return fault;
      if (take(end)) return null;
      if (!take(",")) return `"," or "${end}"`;
    }
  };
  const field = (): string | null => {
    match(SPACE);
    if (!match(STRING)) return "a field's name in double quotes";
    return take(":") ? value() : '":"';
  };
  const value = (): string | null => {
    if (take("{")) return items("}", field);
    if (take("[")) return items("]", value);
    return match(STRING) || match(SCALAR) ? null : "a value";
  };

  let expected = value();
  match(SPACE);
  if (expected === null && at < text.length) expected = "the end of the text";
  if (expected === null) return null;
  const before = text.slice(0, at).split("\n");
  return { line: before.length, column: before.at(-1)!.length + 1, expected };
}

/** A field that an object of a JSON text has twice. RFC 8259, section 4, leaves open what that means. */
export interface RepeatedField {
  /** The names and places that lead to it. */
  path: (string | number)[];
  /** The line of the one before, and its own; from 1. */
  lines: [number, number];
}

/** An object or a list that a place in the text is inside of. */
type Frame = { fields: Map<string, number>; key: string; isKeyNext: boolean } | { index: number };

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],\n]/g;

/**
 * Finds fields that stand twice in one object, at any depth; `JSON.parse` drops the first without a word.
 * @param text valid JSON.
 */
export function* repeatedFields(text: string): Generator<RepeatedField> {
  const frames: Frame[] = [];
  let line = 1;
  for (const [token] of text.matchAll(TOKEN)) {
    const frame = frames.at(-1);
    if (token === "\n") line++;
    else if (token === "{") frames.push({ fields: new Map(), key: "", isKeyNext: true });
    else if (token === "[") frames.push({ index: 0 });
    else if (token === "}" || token === "]") frames.pop();
    else if (frame === undefined) continue;
    else if ("index" in frame) {
      if (token === ",") frame.index++;
    } else if (token === ",") {
      frame.isKeyNext = true;
    } else if (frame.isKeyNext) {
      frame.key = JSON.parse(token);
      frame.isKeyNext = false;
      const before = frame.fields.get(frame.key);
      frame.fields.set(frame.key, line);
      if (before !== undefined) {
        yield {
          path: frames.map((each) => ("index" in each ? each.index : each.key)),
          lines: [before, line],
        };
      }
    }
  }
}
