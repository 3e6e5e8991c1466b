import { readFileSync, writeFileSync } from "node:fs";

/**
 * Replaces the text between `<!-- NAME:start -->` and `<!-- NAME:end -->`.
 * @throws {Error} if the file does not have these marks.
 */
export function between(text: string, name: string, content: string, file = "the file"): string {
  const [start, end] = [`<!-- ${name}:start -->`, `<!-- ${name}:end -->`];
  const [from, to] = [text.indexOf(start), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${file} has no ${start} and ${end}`);
  return `${text.slice(0, from + start.length)}\n${content}\n${text.slice(to)}`;
}

/** Replaces the text between the marks in a file. */
export function writeBetween(file: string, name: string, content: string): void {
  writeFileSync(file, between(readFileSync(file, "utf8"), name, content, file));
}
