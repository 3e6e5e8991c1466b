import { describe, expect, test } from "vitest";
import { maintainerSet, type Naming, overlap } from "../../../../runtime/grasp/maintainers.ts";
import { readRoles } from "../../../../runtime/grasp/roles.ts";

const key = (letter: string) => letter.repeat(64);
const [A, B, C, D] = ["a", "b", "c", "d"].map(key) as [string, string, string, string];
const flat = (owner: string, ...maintainers: string[]): Naming => ({ owner, maintainers, roles: null });
const roles = (owner: string, ...tags: string[][]): Naming => ({
  owner,
  maintainers: [],
  roles: readRoles({ tags }),
});
const setOf = (owner: string, ...list: Naming[]) => [
  ...maintainerSet(owner, new Map(list.map((naming) => [naming.owner, naming]))),
];

describe("flat maintainer lists (A11)", () => {
  test("are followed from key to key, and cycles end", () => {
    expect(setOf(A, flat(A, B), flat(B, C), flat(C, A))).toEqual([A, B, C]);
  });

  test("a named key needs no announcement of its own", () => {
    expect(setOf(A, flat(A, B))).toEqual([A, B]);
  });

  test("authority is not symmetric (A13)", () => {
    const list = [flat(A, B), flat(B)];
    expect(setOf(A, ...list)).toEqual([A, B]);
    expect(setOf(B, ...list)).toEqual([B]);
  });

  test("a chain has at most 10 steps (A14)", () => {
    const keys = Array.from({ length: 20 }, (_, n) => n.toString(16).padStart(64, "0"));
    const chain = keys.slice(0, -1).map((owner, n) => flat(owner, keys[n + 1]!));
    expect(setOf(keys[0]!, ...chain)).toEqual(keys.slice(0, 11));
  });

  test("a set has at most 200 keys (A14)", () => {
    const keys = Array.from({ length: 500 }, (_, n) => n.toString(16).padStart(64, "0"));
    expect(setOf(A, flat(A, ...keys))).toHaveLength(200);
  });
});

describe("role tags (A12)", () => {
  test("a named key counts once it acknowledges", () => {
    expect(setOf(A, roles(A, ["m", B]))).toEqual([A]);
    expect(setOf(A, roles(A, ["m", B]), flat(B))).toEqual([A]);
    expect(setOf(A, roles(A, ["m", B]), flat(B, A))).toEqual([A, B]);
    expect(setOf(A, roles(A, ["m", B]), roles(B, ["M", A]))).toEqual([A, B]);
    expect(setOf(A, roles(A, ["m", B]), roles(B, ["o", A]))).toEqual([A]);
  });

  test("they replace the flat list", () => {
    expect(
      setOf(A, { owner: A, maintainers: [C], roles: readRoles({ tags: [["m", B]] }) }, flat(B, A)),
    ).toEqual([A, B]);
  });

  test("a moderator is never in the set", () => {
    expect(setOf(A, roles(A, ["o", B]), flat(B, A))).toEqual([A]);
  });

  test.each<[string[], boolean]>([
    [[], true],
    [["100"], true],
    [["100", "200"], false],
    [["100", "200", "300"], true],
    [["100", "defer"], true],
    [["defer"], false],
    [["100", "soon"], false],
    [["100", "200", "defer"], false],
  ])("with the times %j it is active: %s", (times, isActive) => {
    expect(setOf(A, roles(A, ["m", B, ...times]), flat(B, A))).toEqual(isActive ? [A, B] : [A]);
  });

  test("a key that ended its own roles leaves and brings nobody in; the owner stays", () => {
    const left = roles(B, ["m", B, "100", "200"], ["m", A], ["m", C]);
    expect(setOf(A, roles(A, ["m", B]), left, flat(C, B))).toEqual([A]);
    expect(setOf(A, flat(A, B), left, flat(C, B))).toEqual([A]);
    expect(setOf(A, roles(A, ["m", A, "100", "200"], ["m", D]), flat(D, A))).toEqual([A, D]);
  });

  test("a moderator's entry for itself is a departure, too", () => {
    expect(setOf(A, flat(A, B), roles(B, ["o", B]))).toEqual([A]);
  });
});

test("overlap", () => {
  expect(overlap(new Set([A, B]), new Set([B, C]))).toBe(true);
  expect(overlap(new Set([A]), new Set([B]))).toBe(false);
});
