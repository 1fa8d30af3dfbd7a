import { expect, test } from "vitest";
import { ChildRecord } from "../../../src/engine/child-record.ts";
import type { ChildSa } from "../../../src/sa/child-sa.ts";
import { peer } from "./desired.ts";

const [desired] = peer("192.0.2.1", "192.0.2.2").children;

function pair(spiIn: number, remote: string): ChildSa {
  return { desired, spiIn, local: "192.0.2.1", remote } as unknown as ChildSa;
}

test("pairs of SAs are found by their addresses as long as one of them stands", () => {
  if (desired === undefined) throw new Error("the peer has no child");
  const record = new ChildRecord(desired, 1, 0);
  const [first, second, other] = [pair(1, "192.0.2.2"), pair(2, "192.0.2.2"), pair(3, "192.0.2.3")];
  for (const child of [first, second, second, other]) record.add(child);
  expect([...record.sas]).toEqual([first, second, other]);
  record.remove(second);
  record.remove(second);
  expect(record.isCarried(second)).toBe(true);
  record.remove(first);
  expect(record.isCarried(second)).toBe(false);
  expect(record.isCarried(pair(4, "192.0.2.3"))).toBe(true);
  expect(record.isCarried(other), "by itself alone").toBe(false);
  expect([...record.sas]).toEqual([other]);
});
