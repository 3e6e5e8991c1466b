/** When writes count, on a fake connection. */
import { expect, test } from "vitest";
import { isRefusal, UnconfirmedError } from "../../../../runtime/stores/redis-faults.ts";
import { Writes } from "../../../../runtime/stores/redis-writes.ts";

const WITH_REPLICA = "a 1:1@1 myself,master - 0 0 1 connected 0-16383\nb 1:2@2 slave a 0 0 1 connected\n";
const ALONE = WITH_REPLICA.replace("slave", "slave,fail");

const ONLINE = "slave0:ip=1,port=2,state=online,offset=1,lag=0\r\n";

/** A connection whose answers the test gives, in the order of the commands. */
function start(replicas: number | null) {
  const sent: { text: string; resolve(answer: unknown): void; reject(error: Error): void }[] = [];
  const client = {
    sendCommand: (args: string[]) =>
      new Promise<unknown>((resolve, reject) => void sent.push({ text: args.join(" "), resolve, reject })),
  };
  const writes = new Writes(client, { replicas, waitMs: 600 });
  let answered = 0;
  return {
    /** Sends a write. @returns what became of it so far */
    write(name: string) {
      const result: { outcome: unknown } = { outcome: "pending" };
      writes.send(["SET", name]).then(
        (answer) => {
          result.outcome = answer;
        },
        (error) => {
          result.outcome = error;
        },
      );
      return result;
    },
    /** Answers the next commands. @returns them */
    async answer(...answers: unknown[]): Promise<string[]> {
      const texts: string[] = [];
      for (const answer of answers) {
        await settled();
        const { text, resolve, reject } = sent[answered++]!;
        texts.push(text);
        if (answer instanceof Error) reject(answer);
        else resolve(answer);
      }
      await settled();
      return texts;
    },
    unanswered: () => sent.slice(answered).map(({ text }) => text),
  };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test("a write has its answer once a replica has it, not before", async () => {
  const { write, answer } = start(1);
  const one = write("a");
  expect(await answer("OK")).toEqual(["SET a"]);
  expect(one.outcome).toBe("pending");
  expect(await answer(1)).toEqual(["WAIT 1 600"]);
  expect(one.outcome).toBe("OK");
});

test("writes that are sent while one is confirmed share the next confirmation", async () => {
  const { write, answer, unanswered } = start(1);
  const one = write("a");
  await settled();
  const later = ["b", "c", "d"].map(write);
  expect(unanswered()).toEqual(["SET a", "WAIT 1 600", "SET b", "SET c", "SET d"]);
  await answer("OK", 1, "OK", "OK", "OK");
  expect([one, ...later].map(({ outcome }) => outcome)).toEqual(["OK", "pending", "pending", "pending"]);
  expect(await answer(1)).toEqual(["WAIT 1 600"]);
  expect(later.map(({ outcome }) => outcome)).toEqual(["OK", "OK", "OK"]);
});

test("a write that too few replicas have fails, and is not repeated", async () => {
  const { write, answer } = start(2);
  const one = write("a");
  expect(await answer("OK", 1)).toEqual(["SET a", "WAIT 2 600"]);
  expect(one.outcome).toBeInstanceOf(UnconfirmedError);
  expect(isRefusal(one.outcome)).toBe(false);
  const next = write("b");
  await answer("OK", 2);
  expect(next.outcome).toBe("OK");
});

test("a connection that ends before the confirmation has confirmed nothing, and the write is not repeated", async () => {
  const { write, answer } = start(1);
  const one = write("a");
  await answer("OK", new Error("The client is closed"));
  expect(one.outcome).toBeInstanceOf(UnconfirmedError);
  expect(isRefusal(one.outcome)).toBe(false);
});

test("a write that Redis refuses fails with Redis's reason", async () => {
  const { write, answer } = start(1);
  const one = write("a");
  await answer(new Error("MOVED 1 host:1"), 1);
  expect(String(one.outcome)).toBe("Error: MOVED 1 host:1");
});

test("without replicas to wait for, a write is one command", async () => {
  const { write, answer, unanswered } = start(0);
  const one = write("a");
  expect(await answer("OK")).toEqual(["SET a"]);
  expect([one.outcome, unanswered()]).toEqual(["OK", []]);
});

test("in a Cluster, a master whose replicas have failed confirms alone, and waits again once it has one", async () => {
  const { write, answer } = start(null);
  const lost = write("a");
  expect(await answer("OK", WITH_REPLICA, "", 0, WITH_REPLICA, "")).toEqual([
    "SET a",
    "CLUSTER NODES",
    "INFO replication",
    "WAIT 1 600",
    "CLUSTER NODES",
    "INFO replication",
  ]);
  expect(lost.outcome).toBeInstanceOf(UnconfirmedError);

  const alone = write("b");
  await answer("OK", 0, ALONE, "");
  expect(alone.outcome).toBe("OK");
  const alsoAlone = write("c");
  expect(await answer("OK", ALONE, "")).toEqual(["SET c", "CLUSTER NODES", "INFO replication"]);
  expect(alsoAlone.outcome).toBe("OK");

  const joining = write("d");
  await answer("OK", WITH_REPLICA, "");
  expect(joining.outcome).toBe("OK");
  const back = write("e");
  await answer("OK", WITH_REPLICA, ONLINE);
  expect(back.outcome).toBe("pending");
  expect(await answer(1)).toEqual(["WAIT 1 600"]);
  expect(back.outcome).toBe("OK");
});

test("a named number of replicas is never replaced by what the Cluster says", async () => {
  const { write, answer, unanswered } = start(1);
  const one = write("a");
  await answer("OK", 0);
  expect(one.outcome).toBeInstanceOf(UnconfirmedError);
  expect(unanswered()).toEqual([]);
});
