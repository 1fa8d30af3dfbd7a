import { describe, expect, it } from "vitest";
import { LocalAddresses } from "../../../src/daemon/local-addresses.ts";
import { lockPolicies } from "../../../src/engine/policies.ts";
import type { ChildDesired, DesiredState, PeerDesired } from "../../../src/sa/desired.ts";

const gre = {
  name: "gre",
  mode: "transport",
  local: { prefix: "host", protocol: 47 },
  remote: { prefix: "host", protocol: 47 },
} as ChildDesired;

function state(...peers: Partial<PeerDesired>[]): DesiredState {
  const full = peers.map((peer, i) => ({ name: `p${i}`, local: undefined, children: [gre], ...peer }) as PeerDesired);
  return { local: { locks: [] }, peers: full };
}

function routes(): LocalAddresses {
  return new LocalAddresses({
    sourceTowards: async (destination) =>
      destination.startsWith("192.0.2.")
        ? { kind: "found", address: "192.0.2.1" }
        : { kind: "none", errno: "ENETUNREACH" },
    hasAddress: () => true,
  });
}

describe("local addresses that the file does not name", () => {
  it("come from the route to the first remote that has one; named ones and peers that call us stay", async () => {
    const desired = state(
      { remote: ["198.51.100.9", "192.0.2.9"] },
      { remote: ["192.0.2.8"], local: "192.0.2.77" },
      { remote: "any" },
    );
    const { desired: filled, missing } = await routes().fill(desired);
    expect(filled.peers.map((peer) => peer.local)).toEqual(["192.0.2.1", "192.0.2.77", undefined]);
    expect(missing).toEqual([]);
    expect(filled.peers[1]).toBe(desired.peers[1]);
  });

  it("are missing where there is no route, and the peer is named", async () => {
    expect((await routes().fill(state({ remote: ["198.51.100.9"] }))).missing).toEqual(["p0"]);
  });

  it("never take back what lock without a daemon has installed for all our addresses", async () => {
    const desired = state({ remote: ["192.0.2.9"] });
    const before = lockPolicies(desired);
    const after = lockPolicies((await routes().fill(desired)).desired);
    expect(after).toEqual(expect.arrayContaining(before));
    expect(after.length).toBe(before.length + 2);
  });
});
