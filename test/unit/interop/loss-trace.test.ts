// Who is to blame for a ping that came when the receiver had its SA no more, or was not sent.
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

const deletion = message("INFORMATIONAL request 3", dropped - 10, theirs, "x");

describe("a ping that came when the peer had the SA no more", () => {
  test("is the peer's fault where our end has not answered its DELETE", () => {
    expect(lost([deletion])).toEqual({ fate: "late", fault: "peer", cause: "x" });
  });

  test("is ours where our end sends on what it has agreed to delete", () => {
    const answer = message("INFORMATIONAL response 3", dropped + 10, ours, "x");
    expect(lost([deletion, answer])).toEqual({ fate: "late", fault: "ours", cause: "x" });
  });
});

describe("a ping that was not sent", () => {
  const asked = message("CREATE_CHILD_SA request 0", dropped + 1_050, ours, "y");

  test("is ours where our end spoke last", () => {
    expect(lost([deletion, asked], { sent: false, removed: dropped + 1_000 })).toEqual({
      fate: "not sent",
      fault: "ours",
      cause: "y",
    });
  });

  test("is the peer's fault where its request was last", () => {
    expect(lost([deletion], { sent: false, removed: dropped + 1_000 })).toEqual({
      fate: "not sent",
      fault: "peer",
      cause: "x",
    });
  });

  test("was to leave before the wire, which is further away, would have shown it", () => {
    // Our end has an SA again from 1.8 s after the first went, and its packets take 500 ms.
    const other = { ...life(), spi: 9, added: dropped + 1_800 };
    const story = { sent: false, removed: dropped + 1_000, other };
    expect(lost([deletion], { ...story, delay: 500 })).toMatchObject({ fate: "not sent" });
    expect(lost([deletion], story)).toMatchObject({ fate: "unexplained" });
  });

  test("is not laid to what our end sent after it, though that too takes a while to the wire", () => {
    const later = message("CREATE_CHILD_SA request 1", dropped + 2_300, ours, "y");
    expect(lost([deletion, later], { sent: false, removed: dropped + 1_000, delay: 100 })).toMatchObject({
      fault: "peer",
    });
  });
});
