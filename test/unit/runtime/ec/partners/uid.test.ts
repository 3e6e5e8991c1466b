/** Safe first, section 7: unfilled macros. */
import { describe, expect, test } from "vitest";
import { readAnswer } from "../../../../../runtime/ec/partners/pull-request.ts";
import { isUid } from "../../../../../runtime/ec/partners/uid.ts";
import { testService } from "../../../../support/service.ts";
import { CONFIGURED, newVisitor, upload } from "./support.ts";

const MACROS = [
  ..."$UID $uid $USER_ID $$UID$$ $UID$ $[UID] $(UID) {$UID} {{UID}} {{{UID}}}".split(" "),
  // biome-ignore lint/suspicious/noTemplateCurlyInString: these are what templates leave behind.
  ...["${UID}", "${uid:-}", "${}", "${{UID}}"],
  "{{ user.id }}",
  "{UID}",
  "{%UID%}",
  "#{uid}",
  "%{uid}",
  "%UID%",
  "%%UID%%",
  "%%PATTERN:uid%%",
  "[UID]",
  "[[UID]]",
  "[USER ID]",
  "[UID2]",
  "<UID>",
  "<%= uid %>",
  "*|UID|*",
  "#UID#",
  "##UID##",
  "@UID@",
  "__UID__",
  "__USER_ID__",
  " $UID ",
  // Encoded once or twice more than it was decoded.
  "%24UID",
  "%24%7BUID%7D",
  "%7B%7BUID%7D%7D",
  "%5BUID%5D",
  "%255BUID%255D",
];
const NO_VALUES = [
  "0",
  "00",
  "00000000-0000-0000-0000-000000000000",
  "null",
  "NULL",
  "undefined",
  "NaN",
  "None",
];
const ALSO_NO_VALUES = ["nil", "<nil>", "(null)", "[object Object]", "[object Undefined]", "-"];

const REAL = [
  "user-4711",
  "1",
  "-1",
  "007",
  "0a",
  "a$UID",
  "6b29fc40-ca47-1067-b31d-00dd010662da",
  "{6B29FC40-CA47-1067-B31D-00DD010662DA}",
  "{A1B2C3D4-CA47-1067-B31D-00DD010662DA}",
  "AAAAAAAAAAA=",
  "__kD-9_zQ1__",
  "__Ab_cd__",
  "_",
  "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy",
  "$1$abc$xyz",
  "$3f9c2",
  "abc%2Fdef%3D%3D",
  "100%",
  "%",
  "%41",
  "[1,2]",
  "nullable",
  "undefined-user",
  "Nan",
  "é".repeat(256),
  "ID5*abc{x}",
];

describe("isUid", () => {
  test.each([...MACROS, ...NO_VALUES, ...ALSO_NO_VALUES])("refuses %j", (value) => {
    expect(isUid(value)).toBe(false);
  });

  test.each(REAL)("takes %j", (value) => {
    expect(isUid(value)).toBe(true);
  });

  test("takes every id of common alphabets", () => {
    const bytes = new Uint8Array(16);
    for (let n = 0; n < 2000; n++) {
      crypto.getRandomValues(bytes);
      const base64 = btoa(String.fromCharCode(...bytes));
      const url = base64.replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
      for (const id of [base64, url, crypto.randomUUID()]) expect(isUid(id), id).toBe(true);
    }
  });
});

describe("wherever a uid comes in", () => {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: this is what a template leaves behind.
  const values = ["$UID", "${UID}", "{{UID}}", "[UID]", "0", "null", "undefined"];

  test.each(values)("a pixel with uid=%s is 400, and nothing is stored", async (uid) => {
    const t = testService({ config: { partners: [CONFIGURED] } });
    const id = await newVisitor(t);
    const query = new URLSearchParams({ partner: "ssp_x", uid, return: "https://sync.ssp.example/" });
    const answer = await t.ask(`/sync?${query}`, { cookies: { "ts-ec": id } });
    expect([answer.status, await answer.json()]).toMatchObject([400, { error: "invalid_request" }]);
    expect((await t.entry(id))?.ids).toEqual({});
  });

  test("in a batch each is invalid_uid", async () => {
    const t = testService({ config: { partners: [CONFIGURED] } });
    const id = await newVisitor(t);
    const answer = await upload(
      t,
      values.map((uid) => ({ ec_id: id, partner_uid: uid, timestamp: 1 })),
    );
    const errors = values.map((_, index) => ({ index, reason: "invalid_uid" }));
    expect([answer.status, await answer.json()]).toEqual([
      207,
      { accepted: 0, rejected: values.length, errors },
    ]);
  });

  test.each(values)("a partner that answers %s to a pull has answered nothing usable", (uid) => {
    expect(() => readAnswer(JSON.stringify({ uid }))).toThrow("neither");
  });
});
