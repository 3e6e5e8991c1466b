import { expect, test } from "vitest";
import { isRunning } from "../../support/is-running.ts";
import { runCommand, startProgram } from "../../support/start-program.ts";

test("startProgram returns the first group of the readiness line and the output so far", async () => {
  const running = await startProgram({
    command: "sh",
    args: ["-c", "echo a warning >&2; echo ready on here; exec sleep 60"],
    ready: /^ready on (\S+)$/m,
  });
  expect([running.url, running.output()]).toEqual(["here", "ready on here\n"]);
  expect(isRunning(running.pid)).toBe(true);
  expect(await running.stop()).toBeNull();
  expect([running.hasEnded(), isRunning(running.pid)]).toEqual([true, false]);
  expect(running.log()).toBe("a warning\n");
});

test("startProgram fails with the command and its output when the program ends before it is ready", async () => {
  const started = startProgram({ command: "sh", args: ["-c", "echo why >&2; exit 3"], ready: /ready/ });
  await expect(started).rejects.toThrow("Cannot start sh -c echo why >&2; exit 3: it ended with 3\nwhy");
});

test("startProgram fails when the program is not ready in time, and kills it", async () => {
  const started = startProgram({
    command: "sh",
    args: ["-c", "echo $$; exec sleep 60"],
    ready: /never/,
    startTimeoutMs: 200,
  });
  const error = await started.catch((reason: Error) => reason);
  expect(String(error)).toContain("it was not ready within 0.2 s");
  expect(isRunning(Number(/^(\d+)$/m.exec(String(error))![1]))).toBe(false);
});

test("startProgram fails when the command does not exist", async () => {
  const started = startProgram({ command: "/no/such/program", ready: /ready/ });
  await expect(started).rejects.toThrow(/^Cannot start \/no\/such\/program: .*ENOENT/);
});

test("startProgram waits for a function that returns true", async () => {
  let calls = 0;
  const running = await startProgram({ command: "sleep", args: ["60"], ready: () => ++calls === 3 });
  expect([running.url, calls]).toEqual(["", 3]);
  await running.stop();
});

test("stop ends the children of the program, too", async () => {
  const running = await startProgram({
    command: "sh",
    args: ["-c", "sleep 60 & echo child $!; wait"],
    ready: /child (\d+)/,
  });
  expect(isRunning(Number(running.url))).toBe(true);
  await running.stop();
  await expect.poll(() => isRunning(Number(running.url))).toBe(false);
});

test("stop kills a program that ignores the signal", async () => {
  const running = await startProgram({
    command: process.execPath,
    args: ["-e", 'process.on("SIGTERM", () => {}); setInterval(() => {}, 1000); console.log("ready")'],
    ready: /ready/,
    stopTimeoutMs: 100,
  });
  expect(await running.stop()).toBeNull();
  expect(isRunning(running.pid)).toBe(false);
});

test("onLogLine receives each line of standard error", async () => {
  const lines: string[] = [];
  const running = await startProgram({
    command: "sh",
    args: ["-c", "printf 'one\\ntw' >&2; echo ready; sleep 0.1; echo o >&2; sleep 60"],
    ready: /ready/,
    onLogLine: (line) => lines.push(line),
  });
  await expect.poll(() => lines).toEqual(["one", "two"]);
  await running.stop();
});

test("maxDescriptors limits the open files of the program", async () => {
  const { stdout } = await runCommand({ command: "sh", args: ["-c", "ulimit -n"], maxDescriptors: 64 });
  expect(stdout).toBe("64\n");
});

test("runCommand returns the exit code and the output, and passes its input", async () => {
  const result = await runCommand({
    command: "sh",
    args: ["-c", "cat; echo error >&2; exit 4"],
    input: "text",
  });
  expect(result).toMatchObject({ code: 4, stdout: "text", stderr: "error\n" });
});

test("runCommand kills a command after its timeout", async () => {
  const result = await runCommand({ command: "sleep", args: ["60"], timeoutMs: 100 });
  expect(result.code).toBeNull();
});

test("runCommand removes a variable whose value is undefined", async () => {
  process.env.MILLRACE_TEST_VARIABLE = "set";
  try {
    const env = { MILLRACE_TEST_VARIABLE: undefined };
    const { stdout } = await runCommand({ command: "sh", args: ["-c", "env"], env });
    expect(stdout).not.toContain("MILLRACE_TEST_VARIABLE");
  } finally {
    delete process.env.MILLRACE_TEST_VARIABLE;
  }
});
