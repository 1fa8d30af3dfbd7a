import { describe, expect, it } from "vitest";
import { desiredDifference, isEmptyDifference } from "../../../src/config/diff.ts";
import type { DesiredState } from "../../../src/sa/desired.ts";
import { loadFolder, soundPeer } from "./folder.ts";

const peer = "b: { remote: 192.0.2.2, id: b, auth: { psk: file:site-b.psk }, protect: [gre, vxlan] }";

async function desired(text: string, psk = "a key of more than sixteen octets"): Promise<DesiredState> {
  const { desired: state, lines } = await loadFolder({ "gw.yaml": text, "site-b.psk": psk });
  expect(lines).toEqual([]);
  return state;
}

const file = (peers: string, lock = "gre"): string => `local: { id: a, lock: ${lock} }\npeers:\n${peers}`;

describe("the difference between two configurations", () => {
  it("is empty for one file loaded twice, whatever its order", async () => {
    const before = await desired(file(`  ${peer}\n${soundPeer("c", "192.0.2.3")}`));
    const after = await desired(file(`${soundPeer("c", "192.0.2.3")}  ${peer}\n`));
    const difference = desiredDifference(before, after);
    expect(isEmptyDifference(difference)).toBe(true);
    expect(difference.unchanged).toEqual(["c", "b"]);
  });

  it("names peers that came and went", async () => {
    const before = await desired(file(`  ${peer}\n`));
    const after = await desired(file(soundPeer("c", "192.0.2.3")));
    const difference = desiredDifference(before, after);
    expect(difference.added.map(({ name }) => name)).toEqual(["c"]);
    expect(difference.removed.map(({ name }) => name)).toEqual(["b"]);
    expect(isEmptyDifference(difference)).toBe(false);
  });

  it.each([
    ["remote: 192.0.2.2", "remote: 192.0.2.3", ["remote"]],
    ["id: b", "id: B2", ["remoteId"]],
    ["id: b", "id: b, port: 4500", ["port"]],
    ["id: b", "id: b, local: 192.0.2.1", ["local"]],
    ["id: b", "id: b, local-id: x", ["localId"]],
    ["id: b", "id: b, ike: aes256gcm16-prfsha384-x25519", ["ike"]],
    ["id: b", "id: b, initiate: no", ["initiate"]],
    ["id: b", "id: b, liveness: 1s", ["timing"]],
    ["file:site-b.psk", "hex:000102030405060708090a0b0c0d0e0f", ["auth"]],
  ])("%s -> %s", async (from, to, fields) => {
    const { changed, unchanged } = desiredDifference(
      await desired(file(`  ${peer}\n${soundPeer("c", "192.0.2.4")}`)),
      await desired(file(`  ${peer.replace(from, to)}\n${soundPeer("c", "192.0.2.4")}`)),
    );
    expect(changed.map((change) => [change.after.name, change.fields])).toEqual([["b", fields]]);
    expect(unchanged).toEqual(["c"]);
  });

  it("sees another key in the same file, and does not tell it", async () => {
    const before = await desired(file(`  ${peer}\n`), "one key of more than sixteen octets");
    const after = await desired(file(`  ${peer}\n`), "two key of more than sixteen octets");
    const { changed } = desiredDifference(before, after);
    expect(changed.map(({ fields }) => fields)).toEqual([["auth"]]);
  });

  it("names children", async () => {
    const before = await desired(file(`  ${peer}\n`));
    const after = await desired(file(`  ${peer.replace("[gre, vxlan]", "[{ gre: , replay-window: 0 }, geneve]")}\n`));
    const [change] = desiredDifference(before, after).changed;
    expect(change?.fields).toEqual([]);
    expect(change?.children.added.map(({ name }) => name)).toEqual(["geneve-6081/to", "geneve-6081/from"]);
    expect(change?.children.removed.map(({ name }) => name)).toEqual(["vxlan-4789/to", "vxlan-4789/from"]);
    expect(change?.children.changed.map((child) => [child.before.replayWindow, child.after.replayWindow])).toEqual([
      [128, 0],
    ]);
  });

  it("names locks, of overlays and of broken peers", async () => {
    const before = await desired(file(`  ${peer}\n`, "[gre, vxlan]"));
    const after = await desired(file(`  ${peer}\n`, "[vxlan, geneve]"));
    const locked = { name: "x", remote: ["192.0.2.9"], local: undefined, children: [] };
    const difference = desiredDifference({ ...before, locked: [locked] }, after);
    expect(difference.locksAdded.map(({ name }) => name)).toEqual(["geneve"]);
    expect(difference.locksRemoved.map(({ name }) => name)).toEqual(["gre"]);
    expect(difference.lockedRemoved).toEqual([locked]);
    expect(difference.unchanged).toEqual(["b"]);
    expect(isEmptyDifference(desiredDifference(before, { ...before, locked: [locked] }))).toBe(false);
  });
});
