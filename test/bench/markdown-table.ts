/** A Markdown table. @param rows the first one is the head */
export const markdownTable = (rows: readonly (readonly string[])[]): string =>
  [rows[0]!, rows[0]!.map(() => "---"), ...rows.slice(1)]
    .map((cells) => `| ${cells.join(" | ")} |`)
    .join("\n");
