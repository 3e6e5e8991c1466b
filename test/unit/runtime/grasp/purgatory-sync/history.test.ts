import { expect, test } from "vitest";
import { AskedHistory } from "../../../../../runtime/grasp/purgatory-sync/history.ts";

const source = (url: string) => ({ url, key: url });

test("each server has its newest answer, with times, in our words (G27, S26)", () => {
  let now = 1000;
  const history = new AskedHistory(() => now);
  const start = (url: string) =>
    history.listen({ kind: "fetch-started", identifier: "repo", domain: "d", source: source(url) });
  const end = (url: string, outcome: "obtained" | "failed", items: number, error?: unknown) =>
    history.listen({
      kind: "fetch-ended",
      identifier: "repo",
      domain: "d",
      source: source(url),
      outcome,
      items,
      error,
    });
  start("https://a/x.git");
  now = 2000;
  start("https://b/x.git");
  end("https://a/x.git", "failed", 0, new Error("it answered 500"));
  expect(history.of("repo")).toEqual([
    {
      url: "https://a/x.git",
      startedMs: 1000,
      endedMs: 2000,
      outcome: "failed",
      items: 0,
      answer: "it answered 500",
      times: 1,
    },
    {
      url: "https://b/x.git",
      startedMs: 2000,
      endedMs: null,
      outcome: null,
      items: 0,
      answer: null,
      times: 1,
    },
  ]);
  now = 3000;
  start("https://a/x.git");
  end("https://a/x.git", "obtained", 2);
  expect(history.of("repo")[0]).toMatchObject({ outcome: "obtained", items: 2, answer: null, times: 2 });
  expect(history.of("other")).toEqual([]);
});

test("identifiers, servers of one, and answers are bounded; the oldest go first", () => {
  const history = new AskedHistory(() => 0);
  const start = (identifier: string, url: string) =>
    history.listen({ kind: "fetch-started", identifier, domain: "d", source: source(url) });
  for (let i = 0; i < 60; i++) start("repo", `https://a/${i}`);
  expect(history.of("repo").map(({ url }) => url)).toEqual(
    Array.from({ length: 50 }, (_, i) => `https://a/${59 - i}`),
  );
  for (let i = 0; i < 10_000; i++) start(`other ${i}`, "https://a/x");
  expect(history.of("repo")).toEqual([]);
  expect(history.of("other 0")).toHaveLength(1);
  const error = new Error("x".repeat(1000));
  history.listen({
    kind: "fetch-ended",
    identifier: "other 0",
    domain: "d",
    source: source("https://a/x"),
    outcome: "failed",
    items: 0,
    error,
  });
  expect(history.of("other 0")[0]!.answer).toHaveLength(200);
});
