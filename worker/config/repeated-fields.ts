/** A field that one object of a JSON text has twice. RFC 8259, section 4, does not say which value counts. */
export interface RepeatedField {
  /** The field names and list indexes that lead to it. */
  path: (string | number)[];
  /** The lines of the previous field and of this one, from 1. */
  lines: [number, number];
}

/** An object or a list that the reader is inside of. */
type Frame = { fields: Map<string, number>; key: string; isKeyNext: boolean } | { index: number };

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],\n]/g;

/**
 * Finds fields that occur twice in one object, at any depth; `JSON.parse` silently drops the first. Does not recurse, so
 * that a deeply nested text cannot exhaust the stack.
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
