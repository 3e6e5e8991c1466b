/** The figures of one host, or why there are none. */
export type ColdStart =
  | { host: string; missing: string }
  | {
      host: string;
      bytes: number;
      gzipBytes: number;
      deployedBytes: number | null;
      /** Median milliseconds to the first response, of millrace and of a bare Hono app. */
      ms: number;
      bareMs: number;
    };

/** Maximum delay of a first response compared with a bare Hono app, in milliseconds. */
export const COLD_START_REACH_MS = 15;

const kb = (bytes: number) =>
  bytes < 1e6 ? `${(bytes / 1000).toFixed(0)} KB` : `${(bytes / 1e6).toFixed(1)} MB`;

/** The Markdown table of sizes and cold starts. */
export function coldTable(starts: readonly ColdStart[]): string {
  const head = [
    "| host | script | gzipped | deployed | first response | bare hono | difference |",
    "| --- | --- | --- | --- | --- | --- | --- |",
  ];
  const rows = starts.map((start) => {
    if ("missing" in start) return `| ${start.host} | ${start.missing} | | | | | |`;
    const more = start.ms - start.bareMs;
    const sizes = [
      kb(start.bytes),
      kb(start.gzipBytes),
      start.deployedBytes ? kb(start.deployedBytes) : "the same",
    ];
    const times = [start.ms, start.bareMs].map((ms) => `${ms.toFixed(1)} ms`);
    const verdict = `${more.toFixed(1)} ms ${more <= COLD_START_REACH_MS ? "✓" : `(reach: ${COLD_START_REACH_MS} ms)`}`;
    return `| ${[start.host, ...sizes, ...times, verdict].join(" | ")} |`;
  });
  return [...head, ...rows].join("\n");
}
