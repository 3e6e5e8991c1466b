import { describe, expect, test } from "vitest";
import { composeConfig } from "../../../../worker/config/compose.ts";
import { graspSection } from "../../../../worker/grasp/config.ts";
import { nostrNames, relayDocument } from "../../../../worker/grasp/nip11.ts";

const KEY = "f8340b2bde651576b75af61aa26c80e13c65029f00f7f64004eece679bf7059f";
const sectionWith = (fields: object = {}) =>
  composeConfig([graspSection], { grasp: { domain: "git.example", ...fields } }, { env: {} }).section(
    graspSection,
  )!;
const documentWith = (fields: object = {}) =>
  relayDocument(sectionWith(fields), { version: "1.2.3", commit: "44e492c7" });

test("the document has every field of O6", () => {
  expect(Object.keys(documentWith({ operatorPubkey: KEY, deny: { authors: [KEY] } })).sort()).toEqual(
    [
      "name",
      "description",
      "pubkey",
      "icon",
      "software",
      "version",
      "supported_nips",
      "supported_grasps",
      "repo_acceptance_criteria",
      "curation",
      "limitation",
      "quota",
      "retention",
      "purgatory_seconds",
    ].sort(),
  );
});

test("GRASP-01 is always supported, GRASP-02 exactly when relays are followed, GRASP-06 exactly when it is on (O7, X6)", () => {
  expect(documentWith().supported_grasps).toEqual(["GRASP-01", "GRASP-02"]);
  expect(documentWith({ sync: { enabled: false } }).supported_grasps).toEqual(["GRASP-01"]);
  expect(documentWith({ prs: { enabled: true } }).supported_grasps).toEqual([
    "GRASP-01",
    "GRASP-02",
    "GRASP-06",
  ]);
});

test("an archive is GRASP-05 and follows relays, whatever sync.enabled says (X2, O7)", () => {
  const graspsOf = (fields: object) => documentWith(fields).supported_grasps;
  const archive = { rules: ["all"] };
  expect(graspsOf({ archive, sync: { enabled: false } })).toEqual(["GRASP-01", "GRASP-05", "GRASP-02"]);
  expect(graspsOf({ archive: { rules: ["all"], readOnly: false }, prs: { enabled: true } })).toEqual([
    "GRASP-01",
    "GRASP-05",
    "GRASP-02",
    "GRASP-06",
  ]);
});

test("criteria and curation say archive, and differ with lists (X2, O8)", () => {
  const deny = { authors: [KEY] };
  const texts = [
    {},
    { archive: { rules: ["all"] } },
    { archive: { rules: ["all"], readOnly: false } },
    { archive: { rules: ["all"] }, deny },
    { archive: { rules: ["all"], readOnly: false }, allow: { repositories: ["a"] } },
  ].map((fields) => documentWith(fields));
  expect(new Set(texts.map(({ curation }) => curation)).size).toBe(texts.length);
  for (const { curation, repo_acceptance_criteria: criteria } of texts.slice(1)) {
    expect(curation).toContain("archive");
    expect(criteria).toContain("archive");
  }
});

test("the icon's address has domain and base path", () => {
  expect(documentWith({ basePath: "/relay/" }).icon).toBe("https://git.example/relay/icon.png");
});

describe("criteria and curation (O8)", () => {
  const texts = (fields: object) => {
    const { repo_acceptance_criteria: criteria, curation } = documentWith(fields);
    return { criteria, curation };
  };
  const allow = { allow: { repositories: ["a"] } };
  const deny = { deny: { repositories: ["b"] } };

  test("without any they are None and absent", () => {
    expect(texts({})).toEqual({ criteria: "None", curation: undefined });
    expect(Object.keys(documentWith())).not.toContain("curation");
  });

  test("allow list, deny list and both have texts of their own, and criteria are never blank", () => {
    const all = [texts(allow), texts(deny), texts({ ...allow, ...deny })];
    expect(new Set(all.map(({ curation }) => curation)).size).toBe(3);
    for (const { criteria, curation } of all) {
      expect(criteria).toMatch(/\S/);
      expect(curation).toMatch(/\S/);
    }
    expect(texts(deny).criteria).toBe("None");
  });

  test("a quota of its own is a criterion", () => {
    expect(texts({ quota: { repositoriesPerAuthor: 7 } }).criteria).toContain("7");
  });
});

test("the limits are those of the relay (O9)", () => {
  expect(documentWith().limitation).toEqual({
    max_message_length: 2 * 1024 ** 2,
    max_subscriptions: 500,
    max_limit: 500,
    max_subid_length: 64,
    max_event_tags: 10_240,
    max_content_length: 1024 ** 2,
    created_at_upper_limit: 1800,
    restricted_writes: true,
    auth_required: false,
    payment_required: false,
  });
});

test("settings of the limits are told (O9)", () => {
  const limits = { subscriptions: 7, messageBytes: 3_000_000, tags: 8, contentBytes: 9 };
  expect(documentWith({ limits }).limitation).toMatchObject({
    max_message_length: 3_000_000,
    max_subscriptions: 7,
    max_event_tags: 8,
    max_content_length: 9,
  });
});

test("the operator is _ in nostr.json, and nobody without an operator (O5)", () => {
  expect(nostrNames(sectionWith({ operatorPubkey: KEY }))).toEqual({ _: KEY });
  expect(nostrNames(sectionWith())).toEqual({});
});

test("the version has the commit where it is known (O6)", () => {
  expect(documentWith().version).toBe("1.2.3+44e492c7");
  expect(relayDocument(sectionWith(), { version: "1.2.3", commit: "" }).version).toBe("1.2.3");
});
