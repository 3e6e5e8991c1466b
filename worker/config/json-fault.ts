import { printParseErrorCode, visit } from "jsonc-parser";

/** Where a text stops being JSON. */
export interface JsonFault {
  /** From 1. */
  line: number;
  /** From 1, in UTF-16 code units. */
  column: number;
  /** What belongs there. */
  expected: string;
}

/** What belongs where the parser reports an error, by the name of its error code. */
const EXPECTED: Readonly<Record<string, string>> = {
  InvalidSymbol: "a value, or a field's name in double quotes",
  PropertyNameExpected: "a field's name in double quotes",
  ValueExpected: "a value",
  ColonExpected: '":"',
  CommaExpected: '"," or the end of the object or list',
  CloseBraceExpected: '"," or "}"',
  CloseBracketExpected: '"," or "]"',
  EndOfFileExpected: "the end of the text",
  UnexpectedEndOfString: "a text in double quotes on one line",
  InvalidUnicode: "four hex digits after \\u",
  InvalidEscapeCharacter: 'an escape that JSON has, such as \\n or \\"',
  InvalidCharacter: "an escape such as \\t in place of a control character",
  InvalidCommentToken: "no comment: JSON has none",
};

/**
 * Finds the first fault of a text that should be JSON. `JSON.parse` knows it too, but on some runtimes its message quotes
 * the text, which may hold a secret.
 * @returns `null` if `JSON.parse` accepts the text.
 */
export function jsonFault(text: string): JsonFault | null {
  try {
    JSON.parse(text);
    return null;
  } catch {
    return firstError(text) ?? { line: 1, column: 1, expected: "JSON" };
  }
}

function firstError(text: string): JsonFault | null {
  let found: JsonFault | null = null;
  try {
    visit(
      text,
      {
        onError(code, _offset, _length, line, column) {
          found ??= {
            line: line + 1,
            column: column + 1,
            expected: EXPECTED[printParseErrorCode(code)] ?? "JSON",
          };
        },
      },
      { disallowComments: true },
    );
  } catch {
    // The parser recurses: a text that nests very deeply exhausts the stack.
  }
  return found;
}
