// Who is to blame for a ping that came when the receiver had its SA no more.
import { describe, expect, test } from "vitest";
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

function message(name: string, at: number, source: string, initiatorSpi: string, length = 200): IkeMessage {
  return { at, source, destination: source === ours ? theirs : ours, name, length, initiatorSpi };
}

const dropped = start + 10_000;

/** What became of the SA at our end, and of the second ping there. */
interface Story {
  /** When our end removed the SA; undefined: never. */
  readonly removed?: number;
  /** Whether the second ping came to the wire. */
  readonly sent?: boolean;
  /** Another SA of our end's. */
  readonly other?: SaLife;
  /** From either end to the wire, in ms. */
  readonly delay?: number;
}

/** Pings of ours, of which the first and the third are answered and the second comes two seconds after the peer dropped the SA. */
function lost(ike: readonly IkeMessage[], { removed, sent = true, other, delay = 0 }: Story = {}) {
  const at = dropped + 2_000;
  const request = (sequence: number, at: number, on = spi): GrePacket => ({
    at,
    source: ours,
    destination: theirs,
    spi: on,
    echo: { kind: "request", asker: a, sequence },
  });
  const reply = (sequence: number, at: number): GrePacket => ({
    at,
    source: theirs,
    destination: ours,
    spi: 8,
    echo: { kind: "reply", asker: a, sequence },
  });
  const flood = (count: number, missed: boolean) => ({
    sent: count,
    seconds: 20,
    answered: true,
    unanswered: 0,
    socketDrops: 0,
    from: a,
    lost: missed ? [{ sequence: 2, at }] : [],
  });
  const witness = (address: string, inner: string, sas: SaLife[], count: number): Witness => ({
    address,
    inner,
    sas,
    flood: flood(count, count > 0),
  });
  const answered = [request(1, at - 10), reply(1, at - 9), request(3, at + 10, 9), reply(3, at + 11)];
  const [loss] = traceLosses({
    trace: { gre: sent ? [...answered, request(2, at)] : answered, ike },
    ours: witness(ours, a, [life(removed), ...(other === undefined ? [] : [other])], 3),
    theirs: witness(theirs, b, [life(dropped)], 0),
    pairs: [{ spiIn: 8, spiOut: spi, role: "initiator" }],
    delay,
  });
  return { fate: loss?.fate, fault: loss?.fault, cause: loss?.cause?.initiatorSpi };
}

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

test("so it is where what it asked for there was refused", () => {
  const asked = message("CREATE_CHILD_SA request 0", dropped - 11, theirs, "x");
  const refused = message("CREATE_CHILD_SA response 0", dropped - 9, ours, "x", 65);
  expect(lost([...crossed(ours), asked, refused, goesOn])).toEqual({ fate: "late", fault: "peer", cause: "x" });
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
  expect(lost([...crossed(ours), goesOn], { removed: dropped - 1_000 }).cause).not.toBe("x");
});

test("the peer is to blame for what was on its way as well when it dropped the SA", () => {
  expect(lost([...crossed(ours), goesOn], { delay: 2_030 })).toEqual({ fate: "late", fault: "peer", cause: "x" });
});

describe("a ping that was not sent", () => {
  /** What our end asked for last. */
  const asked = message("CREATE_CHILD_SA request 0", dropped + 1_050, ours, "y");

  test("is the peer's fault as long as our end asks for another SA", () => {
    expect(lost([...crossed(ours), asked, goesOn], { sent: false, removed: dropped + 1_000 })).toEqual({
      fate: "not sent",
      fault: "peer",
      cause: "x",
    });
  });

  test("is ours where our end is in no haste", () => {
    expect(lost([...crossed(ours), asked, goesOn], { sent: false, removed: dropped + 100 })).toMatchObject({
      fate: "not sent",
      fault: "ours",
    });
  });

  test("is ours where our end had another SA and gave it up", () => {
    const other = { ...life(dropped + 1_500), spi: 9, added: dropped + 1_100 };
    expect(lost([...crossed(ours), asked, goesOn], { sent: false, removed: dropped + 1_000, other })).toMatchObject({
      fate: "not sent",
      fault: "ours",
    });
  });

  test("was to leave before the wire, which is further away, would have shown it", () => {
    // Our end has an SA again from 1.8 s after the dropping, and its packets take 500 ms.
    const other = { ...life(), spi: 9, added: dropped + 1_800 };
    expect(
      lost([...crossed(ours), asked, goesOn], { sent: false, removed: dropped + 1_000, other, delay: 500 }),
    ).toMatchObject({ fate: "not sent", fault: "peer" });
  });
});
