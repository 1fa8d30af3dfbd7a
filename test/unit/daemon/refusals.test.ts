import { expect, it } from "vitest";
import { keptRefusals, Refusals } from "../../../src/daemon/refusals.ts";
import type { LogRecord } from "../../../src/sa/log-record.ts";

const reason = { code: "unknown-peer", remote: "192.0.2.2", local: "192.0.2.1", rejected: [] } as const;
const refusal: LogRecord = { level: "warn", event: "ike-sa-failed", reason, facts: { remote: "192.0.2.2:500" } };

it("keeps the latest, oldest first", () => {
  const refusals = new Refusals();
  for (let at = 0; at < keptRefusals + 3; at += 1) refusals.hear(refusal, at);
  expect(refusals.latest.map(({ at }) => at)).toEqual(Array.from({ length: keptRefusals }, (_, n) => n + 3));
  expect(refusals.latest[0]).toEqual({ at: 3, remote: "192.0.2.2:500", reason });
});

it.each<[string, LogRecord]>([
  ["what a peer's own status shows", { ...refusal, peer: "site-b" }],
  ["what was refused for no reason", { level: "warn", event: "ike-sa-failed", facts: { remote: "192.0.2.2:500" } }],
  ["what is no caller's", { level: "error", event: "resync", reason: { code: "replaced" } }],
])("leaves out %s", (_, record) => {
  const refusals = new Refusals();
  refusals.hear(record, 0);
  expect(refusals.latest).toEqual([]);
});
