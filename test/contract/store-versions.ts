import { same } from "./case.ts";
import { type AddCase, addMember, put, SECOND_MS, type StoreHarness } from "./store-harness.ts";

/** Adds the cases about versions and races. */
export function versionsCases(promise: AddCase, { writers = 300 }: StoreHarness): void {
  promise("every write returns another version", async ({ store }) => {
    const versions = [
      await put(store, "key", "same"),
      await put(store, "key", "same"),
      await put(store, "key", "same", { ttlSeconds: 60 }),
    ];
    await store.delete("key");
    versions.push(await put(store, "key", "same", { ifVersion: null }));
    same(new Set(versions).size, 4, "how many different versions four writes have");
    same((await store.get("key"))?.version, versions[3], "the version that get tells");
  });

  promise("put with ifVersion writes only over that version", async ({ store }) => {
    const first = await put(store, "key", "one");
    const second = await put(store, "key", "two", { ifVersion: first, metadata: 2 });
    same(
      await store.put("key", "three", { ifVersion: first, metadata: 3 }),
      { ok: false },
      "an outdated version",
    );
    same(
      await store.get("key"),
      { value: "two", metadata: 2, version: second },
      "the entry after a conflict",
    );
    for (const version of [
      "",
      "0",
      "-1",
      "no version",
      `${second}0`,
      `0${second}x`,
      "9".repeat(40),
      "null",
    ]) {
      same(await store.put("key", "x", { ifVersion: version }), { ok: false }, `the version "${version}"`);
      same(
        await store.put("absent", "x", { ifVersion: version }),
        { ok: false },
        `"${version}" on an absent key`,
      );
    }
    same(await store.get("absent"), null, "a key with no entry after conflicts");
  });

  promise("put with ifVersion null writes only if the key is absent", async ({ store }) => {
    const first = await put(store, "key", "one", { ifVersion: null });
    same(await store.put("key", "two", { ifVersion: null }), { ok: false }, "over an entry");
    same(
      await store.get("key"),
      { value: "one", metadata: null, version: first },
      "the entry after a conflict",
    );
    await store.delete("key");
    await put(store, "key", "three", { ifVersion: null });
  });

  promise(
    "put with ifVersion conflicts if the entry was deleted and created again",
    async ({ store, advance }) => {
      const deleted = await put(store, "key", "value");
      await store.delete("key");
      same(
        await store.put("key", "x", { ifVersion: deleted }),
        { ok: false },
        "the version of a deleted entry",
      );
      const expired = await put(store, "key", "value", { ttlSeconds: 2 });
      same(
        await store.put("key", "x", { ifVersion: deleted }),
        { ok: false },
        "a deleted entry's version, made anew",
      );
      await advance(2 * SECOND_MS);
      same(
        await store.put("key", "x", { ifVersion: expired }),
        { ok: false },
        "the version of an expired entry",
      );
      await put(store, "key", "value", { ifVersion: null });
      for (const version of [deleted, expired]) {
        same(
          await store.put("key", "x", { ifVersion: version }),
          { ok: false },
          "a version of an earlier life",
        );
      }
    },
  );

  promise("exactly one of several racing creators wins", async ({ store, again }) => {
    const other = (await again?.()) ?? store;
    const results = await Promise.all(
      Array.from({ length: 50 }, (_, n) => (n % 2 ? other : store).put("key", `${n}`, { ifVersion: null })),
    );
    const winners = results.flatMap((result, n) => (result.ok ? [{ n, version: result.version }] : []));
    same(winners.length, 1, "how many creators won");
    const entry = await store.get("key");
    same(
      [entry?.value, entry?.version],
      [`${winners[0]?.n}`, winners[0]?.version],
      "the entry is the winner's",
    );
    if (other !== store) await other.close();
  });

  promise(`no write of ${writers} retrying writers to one key is lost`, async ({ store, again }) => {
    const other = (await again?.()) ?? store;
    await Promise.all(
      Array.from({ length: writers }, async (_, n) => {
        const mine = n % 2 ? other : store;
        // One of the racing writers wins each time, so a writer loses at most as often as there are writers.
        for (let attempt = 1; attempt <= writers; attempt++) if (await addMember(mine, "key", n)) return;
        throw new Error(`writer ${n} lost ${writers} races`);
      }),
    );
    const members = JSON.parse((await store.get("key"))!.value) as number[];
    same(
      members.toSorted((a, b) => a - b),
      Array.from({ length: writers }, (_, n) => n),
      "the members",
    );
    if (other !== store) await other.close();
  });

  promise("keeps simultaneous writes to many keys apart", async ({ store }) => {
    const numbers = Array.from({ length: 1500 }, (_, n) => n);
    const versions = await Promise.all(numbers.map((n) => put(store, `key${n}`, `${n}`, { metadata: n })));
    const entries = await Promise.all(numbers.map((n) => store.get(`key${n}`)));
    for (const n of numbers) {
      same(entries[n], { value: `${n}`, metadata: n, version: versions[n] }, `entry ${n}`);
    }
  });
}
