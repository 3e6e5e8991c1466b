/**
 * HTML as text, with everything that is not markup escaped.
 * @module
 */

/** Text that is HTML already. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** What a template takes: text is escaped, lists are joined, `null` is nothing. */
export type Part = string | number | Html | null | readonly Part[];

const ESCAPES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

function textOf(part: Part): string {
  if (part === null) return "";
  if (part instanceof Html) return part.text;
  if (typeof part === "object") return part.map(textOf).join("");
  return String(part).replace(/[&<>"]/g, (character) => ESCAPES[character]!);
}

/** A template for HTML. */
export function html(literals: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return new Html(String.raw({ raw: literals }, ...parts.map(textOf)));
}

/** Text of the description, in which code is between backticks. */
export function prose(text: string): Html {
  return new Html(
    text
      .split("`")
      .map((part, n) => (n % 2 === 1 ? code(part).text : textOf(part)))
      .join(""),
  );
}

/** One piece of code within a line. */
export const code = (text: string): Html => html`<code>${text}</code>`;

/** Parts with a text between them. */
export const joined = (parts: readonly Part[], between: string): Part =>
  parts.flatMap((part, n) => (n === 0 ? [part] : [between, part]));
