// Who is to blame for a ping that came when the receiver had its SA no more.
import { expect, test } from "vitest";
import type { GrePacket, IkeMessage } from "../../interop/lab/esp-trace.ts";
import { traceLosses, type Witness } from "../../interop/lab/loss-trace.ts";
import type { SaLife } from "../../interop/lab/sa-monitor.ts";

const [ours, theirs] = ["192.0.2.1", "192.0.2.2"];
const [a, b] = ["172.16.1.1", "172.16.1.2"];
const spi = 7;
const start = 100_000;

/** The SA on which our end sends, as a kernel saw it come and go. */
function life(removed?: number): SaLife {
  return { destination: theirs, spi, key: Buffer.alloc(20), added: start, removed, packets: 1 } as SaLife;
}

function message(name: string, at: number, source: string, initiatorSpi: string): IkeMessage {
  return { at, source, destination: source === ours ? theirs : ours, name, length: 100, initiatorSpi };
}

/** Pings of ours a second apart, of which the first is answered and the second comes two seconds after the peer dropped the SA. */
function lost(ike: readonly IkeMessage[], { kept = true } = {}) {
  const dropped = start + 10_000;
  const request = (sequence: number, at: number): GrePacket => ({
    at,
    source: ours,
    destination: theirs,
    spi,
    echo: { kind: "request", asker: a, sequence },
  });
  const reply = {
    at: start + 1_001,
    source: theirs,
    destination: ours,
    spi: 8,
    echo: { kind: "reply", asker: a, sequence: 1 },
  } as const;
  const flood = (count: number, at: number) => ({
    sent: count,
    seconds: 20,
    answered: true,
    unanswered: 0,
    socketDrops: 0,
    from: a,
    lost: at === 0 ? [] : [{ sequence: 2, at }],
  });
  const at = dropped + 2_000;
  const witness = (address: string, inner: string, sas: SaLife[], missed: number): Witness => ({
    address,
    inner,
    sas,
    flood: flood(2, missed),
  });
  const [loss] = traceLosses({
    trace: { gre: [request(1, start + 1_000), reply, request(2, at)], ike },
    ours: witness(ours, a, [life(kept ? undefined : at - 1_000)], at),
    theirs: witness(theirs, b, [life(dropped)], 0),
    pairs: [{ spiIn: 8, spiOut: spi, role: "initiator" }],
  });
  return { fate: loss?.fate, fault: loss?.fault, cause: loss?.cause?.initiatorSpi };
}

const dropped = start + 10_000;
/** Two rekeys that crossed made IKE SAs "x" and "y"; one is deleted, and "y" goes on. */
const crossed = (deleter: string) => [
  message("CREATE_CHILD_SA request 3", dropped - 400, ours, "old"),
  message("CREATE_CHILD_SA request 1", dropped - 400, theirs, "old"),
  message("INFORMATIONAL request 0", dropped - 10, deleter, "x"),
  message("INFORMATIONAL response 0", dropped + 10, deleter === ours ? theirs : ours, "x"),
];
const goesOn = message("CREATE_CHILD_SA request 0", dropped + 5_000, ours, "y");

test.each([
  ["our DELETE", ours],
  ["its own, which we have answered", theirs],
])("a peer that drops Child SAs with an IKE SA that never carried anything, by %s, is to blame", (_, deleter) => {
  expect(lost([...crossed(deleter), goesOn])).toEqual({ fate: "late", fault: "peer", cause: "x" });
});

test("so is our end, where it sends on what the peer said that it deletes", () => {
  const carried = message("CREATE_CHILD_SA response 0", dropped - 200, ours, "x");
  expect(lost([carried, ...crossed(theirs), goesOn])).toMatchObject({ fate: "late", fault: "ours" });
});

test("and where no other IKE SA goes on", () => {
  expect(lost(crossed(theirs))).toMatchObject({ fault: "ours" });
});

test("nothing is the peer's fault by a DELETE of ours of an IKE SA that carried something", () => {
  const carried = message("CREATE_CHILD_SA response 0", dropped - 200, ours, "x");
  expect(lost([carried, ...crossed(ours), goesOn]).fault).not.toBe("peer");
});

test("nor where our end had dropped the SA itself", () => {
  expect(lost([...crossed(ours), goesOn], { kept: false }).cause).not.toBe("x");
});
