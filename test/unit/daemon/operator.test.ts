import { describe, expect, it } from "vitest";
import { errorCodes } from "../../../src/daemon/control-protocol.ts";
import { operate } from "../../../src/daemon/operator.ts";
import type { ChildStatus, PeerStatus } from "../../../src/engine/status.ts";
import type { Reason } from "../../../src/negotiate/reason.ts";
import { describeReason } from "../../../src/negotiate/reason-text.ts";
import type { LogEvent, LogRecord } from "../../../src/sa/log-record.ts";

const noAnswer: Reason = {
  code: "no-answer",
  exchange: "IKE_SA_INIT",
  remote: "192.0.2.2:500",
  attempts: 5,
  seconds: 31,
};
const refused: Reason = { code: "peer-refused-selectors", sent: ["192.0.2.1/32"] };

function child(state: ChildStatus["state"], reason?: Reason): ChildStatus {
  return {
    name: "gre",
    line: "gre",
    state,
    since: 0,
    mode: "transport",
    protocol: "esp",
    sas: [],
    reqid: 1,
    ...(reason && { reason }),
  };
}

function peer(state: PeerStatus["state"], children: ChildStatus[], more: Partial<PeerStatus> = {}): PeerStatus {
  return { name: "site-b", state, since: 0, attempts: 0, localId: "a", remoteId: "b", ikeSas: [], children, ...more };
}

const ikeSas = [{} as PeerStatus["ikeSas"][number]];

/** A daemon whose peer goes through `course`, one step for each record. */
class FakeHost {
  peers: PeerStatus[];
  readonly asked: string[] = [];
  listeners = new Set<(record: LogRecord) => void>();

  constructor(...peers: PeerStatus[]) {
    this.peers = peers;
  }

  status() {
    return { peers: this.peers, locks: [] };
  }

  ask(kind: string, name: string): void {
    this.asked.push(`${kind} ${name}`);
  }

  onRecord(listener: (record: LogRecord) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  async step(event: LogEvent, now: PeerStatus, reason?: Reason): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    this.peers = [now];
    for (const listener of [...this.listeners])
      listener({ level: "info", event, peer: "site-b", ...(reason && { reason }) });
  }
}

describe("up", () => {
  it("waits until the IKE SA and every child stand", async () => {
    const host = new FakeHost(peer("connecting", [child("locked")]));
    let ended = false;
    const outcome = operate(host, "up", { peer: "site-b" }).finally(() => {
      ended = true;
    });
    await host.step("ike-sa-up", peer("up", [child("connecting")], { ikeSas }));
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(ended).toBe(false);
    await host.step("child-sa-up", peer("up", [child("up")], { ikeSas }));
    expect(await outcome).toEqual({ peer: "site-b", state: "up", children: [{ name: "gre", state: "up" }] });
    expect(host.asked).toEqual(["up site-b"]);
    expect(host.listeners.size).toBe(0);
  });

  it("ends at once where all stands already", async () => {
    const host = new FakeHost(peer("up", [child("up")], { ikeSas }));
    await operate(host, "up", { peer: "site-b", waitMilliseconds: 60_000 });
  });

  it("fails with the reason of the first attempt, though the daemon goes on trying", async () => {
    const host = new FakeHost(peer("connecting", [child("locked")]));
    const outcome = operate(host, "up", { peer: "site-b" });
    await host.step("ike-sa-failed", peer("connecting", [child("locked")]), noAnswer);
    await expect(outcome).rejects.toMatchObject({
      code: errorCodes.failed,
      message: `site-b is not up: ${describeReason(noAnswer)}`,
      data: noAnswer,
    });
  });

  it("fails with a child's reason where the IKE SA stands and the child does not", async () => {
    const host = new FakeHost(peer("connecting", [child("locked")]));
    const outcome = operate(host, "up", { peer: "site-b" });
    await host.step("child-sa-failed", peer("up", [child("locked", refused)], { ikeSas }), refused);
    await expect(outcome).rejects.toMatchObject({ data: refused });
  });

  it("gives up after the time it was given", async () => {
    const host = new FakeHost(peer("waiting", [child("locked")]));
    await expect(operate(host, "up", { peer: "site-b", waitMilliseconds: 20 })).rejects.toMatchObject({
      message: "site-b is not up: nothing decided after 0.02 seconds",
    });
    expect(host.listeners.size).toBe(0);
  });

  it("says when the peer is taken out of the file meanwhile", async () => {
    const host = new FakeHost(peer("connecting", [child("locked")]));
    const outcome = operate(host, "up", { peer: "site-b" });
    await host.step("peer-removed", peer("down", [], { name: "other" }));
    await expect(outcome).rejects.toMatchObject({ data: { code: "operator", action: "removed" } });
  });
});

describe("down", () => {
  it("waits until the IKE SA is gone and every child locked", async () => {
    const host = new FakeHost(peer("up", [child("up")], { ikeSas }));
    const outcome = operate(host, "down", { peer: "site-b" });
    await host.step("ike-sa-down", peer("down", [child("up")]));
    await host.step("child-sa-down", peer("down", [child("locked")]));
    expect(await outcome).toMatchObject({ state: "down" });
  });
});

describe("a name that no peer has", () => {
  it.each([
    ["site-c", 'no peer is named "site-c"; did you mean "site-b"?', "site-b"],
    ["xyz", 'no peer is named "xyz"', null],
  ])("%s asks nothing of the engine", async (name, message, nearest) => {
    const host = new FakeHost(peer("up", []), peer("up", [], { name: "headquarters" }));
    await expect(operate(host, "up", { peer: name })).rejects.toMatchObject({
      code: errorCodes.unknownPeer,
      message,
      data: { nearest },
    });
    expect(host.asked).toEqual([]);
  });

  it.each([
    [{}],
    [{ peer: 7 }],
    [{ peer: "site-b", waitMilliseconds: "soon" }],
    [{ peer: "site-b", waitMilliseconds: -1 }],
    [{ peer: "site-b", waitMilliseconds: Number.NaN }],
  ])("and parameters %o are refused", async (params) => {
    const host = new FakeHost(peer("up", []));
    await expect(operate(host, "up", params)).rejects.toMatchObject({ code: errorCodes.invalidParams });
    expect(host.asked).toEqual([]);
  });
});
