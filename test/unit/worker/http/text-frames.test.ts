import { expect, test } from "vitest";
import * as ws from "ws";
import { textFrames } from "../../../../worker/http/text-frames.ts";

/** The library's own reader, which its types leave out. */
const { Receiver } = ws as unknown as { Receiver: new (options: object) => NodeJS.WritableStream };

/** What a client reads. */
function read(frames: Buffer): string[] {
  const texts: string[] = [];
  const receiver = new Receiver({ isServer: false, allowSynchronousEvents: true });
  receiver.on("message", (data: Buffer, isBinary: boolean) => {
    expect(isBinary).toBe(false);
    texts.push(data.toString("utf8"));
  });
  receiver.write(frames);
  return texts;
}

test.each([
  ["no text", []],
  ["an empty text", [""]],
  ["lengths at the limits of their forms", [125, 126, 127, 65_535, 65_536, 70_000].map((n) => "x".repeat(n))],
  ["texts whose bytes are more than their characters", ["é".repeat(63), "\u{1f980}".repeat(40_000), "a"]],
])("a client reads what was written: %s (RFC 6455, section 5.2)", (_, texts) => {
  expect(read(textFrames(texts))).toEqual(texts);
});
