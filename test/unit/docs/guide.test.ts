import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { isLike, runGuide } from "../../support/guide.ts";
import { readPage } from "../../support/markdown.ts";

const folder = mkdtempSync(join(tmpdir(), "millrace-docs-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const block = (info: string, text: string) => `\`\`\`${info}\n${text}\n\`\`\`\n`;
const run = (markdown: string, options: object = {}) =>
  runGuide(markdown, { folder: mkdtempSync(join(folder, "run-")), ...options });

describe("the runner of guides", () => {
  test("runs a page: variables, files, output, expected failures, blocks that are only shown", async () => {
    const page = [
      block("sh", "NAME=of-the-page   # a comment"),
      block("txt note.txt", "a note"),
      block("sh", 'LATER="$NAME!"; cat note.txt'),
      block("text", "a note"),
      block("sh", 'echo "$LATER $((1 + 1))"'),
      block("text", "…! 2"),
      block("sh fails", "echo no; false"),
      block("text", "no"),
      block("console", "not run"),
    ].join("\n");
    const result = await run(page, { variables: { NAME: "of-the-test" } });
    expect(result).toEqual({ ran: 3, shown: ["not run"] });
  });

  test("waits for a server, reports its port, and ends it", async () => {
    const server =
      'require("net").createServer((s) => s.end("hello")).listen(0, function () {\n' +
      '  console.log("listening on port " + this.address().port);\n});';
    let port = 0;
    const ask = 'node -e \'require("net").connect(process.env.PORT, "127.0.0.1").pipe(process.stdout)\'';
    const page = [
      block("js server.cjs", server),
      block("sh server", "node server.cjs"),
      block("sh", ask),
      block("text", "hello"),
    ];
    const onServer = (serverPort: number) => {
      port = serverPort;
      return { PORT: String(serverPort) };
    };
    await run(page.join("\n"), { onServer });
    const socket = connect(port, "127.0.0.1");
    await expect(once(socket, "connect")).rejects.toThrow(/ECONNREFUSED/);
  });

  test.each([
    ["other output", block("sh", "echo one") + block("text", "two"), /line 1: exit code 0, output\none/],
    ["a failure", block("sh", "echo why; false"), /line 1: exit code 1, output\nwhy/],
    ["a success that should fail", block("sh fails", "true"), /line 1: exit code 0/],
    ["a failure before the last command", block("sh", "false\ntrue"), /line 1: exit code 1/],
    ["a word that it does not know", block("sh sometimes", "true"), /line 1: unknown word "sometimes"/],
    ["a server that does not start", block("sh server", "echo oh; exit 3"), /ended with 3\s+oh/],
  ])("stops at %s", async (_what, page, message) => {
    await expect(run(page)).rejects.toThrow(message);
  });

  test("stops if page and test have different variables", async () => {
    const variables = { NAME: "x", SURPLUS: "y" };
    await expect(run(block("sh", "NAME=a\nOTHER=b"), { variables })).rejects.toThrow(/OTHER is only/);
    await expect(run(block("sh", "NAME=a"), { variables })).rejects.toThrow(/SURPLUS is only/);
  });

  test("an ellipsis matches any text within a line", () => {
    expect(isLike('{"uid":"…"}', '{"uid":"abc"}\n')).toBe(true);
    expect(isLike("a…c", "a\nc")).toBe(false);
    expect(isLike("a.c", "abc")).toBe(false);
    expect(isLike("one\ntwo", "one")).toBe(false);
  });
});

test("the reader of pages finds headings, links, tables and names", () => {
  const page = readPage(
    [
      "# A `title`",
      "",
      "| a | b |",
      "| --- | --- |",
      "| `x\\|y` | [z](page.md#part) |",
      "",
      "## Part 2",
      "## Part 2",
      block("sh", "# no [link](x)"),
    ].join("\n"),
  );
  expect([...page.anchors]).toEqual(["a-title", "part-2", "part-2-1"]);
  expect(page.links).toEqual(["page.md#part"]);
  expect(page.tables).toEqual([
    { under: ["A `title`"], columns: ["a", "b"], rows: [["`x|y`", "[z](page.md#part)"]] },
  ]);
  expect(page.codes).toContain("title");
  expect(page.blocks).toEqual([{ language: "sh", info: "", text: "# no [link](x)\n", line: 9 }]);
});
