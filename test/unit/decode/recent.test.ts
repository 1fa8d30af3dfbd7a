import { expect, test } from "vitest";
import { Recent } from "../../../src/decode/recent.ts";

test("what was not asked for the longest is forgotten, whatever came last", () => {
  const recent = new Recent<string, number>(3);
  for (const [index, key] of ["a", "b", "c"].entries()) recent.set(key, index);
  expect([recent.get("c"), recent.get("a"), recent.get("a"), recent.get("c")]).toEqual([2, 0, 0, 2]);
  recent.set("d", 3);
  expect([...recent.values()]).toEqual([0, 2, 3]);
  recent.set("a", 4);
  recent.delete("d");
  recent.set("d", 5);
  recent.set("e", 6);
  expect([...recent.values()]).toEqual([4, 5, 6]);
  expect(recent.get("c")).toBeUndefined();
});
