import { describe, expect, test } from "vitest";
import { announcesFragmentation, fragmentationVendorId, fragmentsOf } from "../../../src/ikev1/fragments.ts";
import { type FragmentBudget, Reassembly, reassemblyLimits, reassemblyTime } from "../../../src/ikev1/reassembly.ts";
import { decodeMessage, encodeEncrypted } from "../../../src/wire/ikev1/message.ts";
import type { FragmentPayload } from "../../../src/wire/ikev1/payloads/fragment.ts";
import { findVendorId } from "../../../src/wire/ikev1/registry/vendor-id.ts";
import { seeded } from "../../fuzz/mutate.ts";

const header = { initiatorCookie: 1n, responderCookie: 2n, exchangeType: 2, flags: 0, messageId: 0 };
const message = encodeEncrypted(header, 5, Buffer.from(Array.from({ length: 4000 }, (_, i) => i & 0xff)));

/** Counts what is kept; `room` is all that may be. */
class Counted implements FragmentBudget {
  kept = 0;
  readonly #room: number;
  constructor(room = Number.POSITIVE_INFINITY) {
    this.#room = room;
  }
  take(octets: number): boolean {
    if (this.kept + octets > this.#room) return false;
    this.kept += octets;
    return true;
  }
  give(octets: number): void {
    this.kept -= octets;
  }
}

function pieces(octets: Uint8Array, room: number, id = 1): FragmentPayload[] {
  return fragmentsOf(octets, room, id).map((datagram) => {
    const decoded = decodeMessage(datagram);
    const only = "payloads" in decoded ? decoded.payloads : [];
    if (only.length !== 1 || only[0]?.isakmp !== "FRAGMENT") throw new Error("no fragment");
    return only[0];
  });
}

function piece(fragmentId: number, fragmentNumber: number, last = false, length = 10): FragmentPayload {
  const data = new Uint8Array(length).fill(fragmentNumber);
  return { isakmp: "FRAGMENT", fragmentId, fragmentNumber, fragmentFlags: last ? 1 : 0, data };
}

describe("a message of ours", () => {
  test("that fits goes as it is", () => {
    expect(fragmentsOf(message, message.length, 7)).toEqual([message]);
  });

  test("that does not goes in numbered fragments that do, in clear, with its cookies", () => {
    const datagrams = fragmentsOf(message, 548, 7);
    expect(datagrams.length).toBe(8);
    expect(datagrams.every((d) => d.length <= 548)).toBe(true);
    const decoded = datagrams.map((d) => decodeMessage(d));
    expect(decoded.every((d) => d.header.initiatorCookie === 1n && d.header.responderCookie === 2n)).toBe(true);
    expect(decoded.map((d) => [d.header.nextPayload, d.header.flags, d.header.exchangeType])).toEqual(
      decoded.map(() => [132, 0, 2]),
    );
    const said = pieces(message, 548, 7);
    expect(
      said.map(({ fragmentId, fragmentNumber, fragmentFlags }) => [fragmentId, fragmentNumber, fragmentFlags]),
    ).toEqual(Array.from({ length: 8 }, (_, i) => [7, i + 1, i === 7 ? 1 : 0]));
  });

  test("goes whole where there is no room for fragments, or too many would be needed", () => {
    expect(fragmentsOf(message, 36, 7)).toEqual([message]);
    expect(fragmentsOf(message, 40, 7)).toEqual([message]);
  });
});

describe("a message of the peer's", () => {
  test("is whole when all its fragments are there, in any order and whatever is repeated", () => {
    const rng = seeded(7);
    for (let run = 0; run < 50; run++) {
      const budget = new Counted();
      const reassembly = new Reassembly(budget);
      const all = pieces(message, 200 + run * 10);
      const order = [...all, ...all.slice(0, 3)].map((p) => ({ p, at: rng() })).sort((a, b) => a.at - b.at);
      let whole: Buffer | undefined;
      for (const { p } of order) {
        const result = reassembly.add(p, 0);
        if (result instanceof Buffer) whole = result;
        else expect(result).toBe("incomplete");
        if (whole !== undefined) break;
      }
      expect(whole?.equals(message)).toBe(true);
      expect(budget.kept).toBe(0);
    }
  });

  test("in one fragment is whole at once", () => {
    expect(new Reassembly(new Counted()).add(piece(1, 1, true), 0)).toEqual(Buffer.alloc(10, 1));
  });

  test("gives way to another: another ID, another content, or a last fragment that does not fit", () => {
    const others: [FragmentPayload, FragmentPayload][] = [
      [piece(1, 1), piece(2, 2, true)],
      [piece(1, 2), piece(1, 2, false, 11)],
      [piece(1, 3), piece(1, 2, true)],
      [piece(1, 3, true), piece(1, 4)],
      [piece(1, 3, true), piece(1, 2, true)],
    ];
    for (const [first, second] of others) {
      const budget = new Counted();
      const reassembly = new Reassembly(budget);
      expect(reassembly.add(first, 0)).toBe("incomplete");
      expect(reassembly.add(second, 0)).toBe("incomplete");
      // The first is forgotten: the second alone is kept.
      expect(budget.kept).toBe(second.data.length + 128);
    }
  });

  test("a message with the fragment ID of one that was never whole is not mixed with it", () => {
    const reassembly = new Reassembly(new Counted());
    const earlier = pieces(Buffer.from(message).fill(0xaa, 28), 548);
    for (const p of earlier.slice(0, 5)) reassembly.add(p, 0);
    const results = pieces(message, 548).map((p) => reassembly.add(p, 0));
    expect(results.at(-1)).toEqual(message);
  });
});

describe("bounds", () => {
  test("of the number of fragments and of a message's octets", () => {
    const budget = new Counted();
    const reassembly = new Reassembly(budget);
    expect(reassembly.add(piece(1, reassemblyLimits.fragments + 1), 0)).toBe("refused");
    expect(budget.kept).toBe(0);
    const results = Array.from({ length: reassemblyLimits.fragments }, (_, i) =>
      reassembly.add(piece(1, i + 1, false, 4000), 0),
    );
    expect(results).toContain("refused");
    expect(budget.kept).toBeLessThanOrEqual(reassemblyLimits.message);
  });

  test("of what all may keep", () => {
    const budget = new Counted(1000);
    const reassembly = new Reassembly(budget);
    expect([1, 2, 3].map((n) => reassembly.add(piece(1, n, false, 300), 0))).toEqual([
      "incomplete",
      "incomplete",
      "refused",
    ]);
    expect(budget.kept).toBe(0);
  });

  test("of time", () => {
    const budget = new Counted();
    const reassembly = new Reassembly(budget);
    expect(reassembly.expiresAt).toBeUndefined();
    reassembly.add(piece(1, 1), 1000);
    reassembly.add(piece(1, 2), 2000);
    expect(reassembly.expiresAt).toBe(2000 + reassemblyTime);
    reassembly.expire(2000 + reassemblyTime - 1);
    expect(budget.kept).toBeGreaterThan(0);
    reassembly.expire(2000 + reassemblyTime);
    expect([budget.kept, reassembly.expiresAt]).toEqual([0, undefined]);
  });
});

describe("the Vendor ID", () => {
  const { octets } = { octets: Buffer.from("4048b7d56ebce88525e7de7f00d6c2d3", "hex") };
  const withCapabilities = (digits: string) => Buffer.concat([octets, Buffer.from(digits, "hex")]);

  test("is known again", () => {
    if (fragmentationVendorId.isakmp !== "VID") throw new Error("no Vendor ID");
    expect(findVendorId(fragmentationVendorId.data)).toBe("FRAGMENTATION");
    expect(Buffer.from(fragmentationVendorId.data)).toEqual(withCapabilities("80000000"));
    expect(announcesFragmentation(fragmentationVendorId.data)).toBe(true);
  });

  test("means fragments alone, or with that capability", () => {
    expect([octets, withCapabilities("c0000000"), withCapabilities("40000000")].map(announcesFragmentation)).toEqual([
      true,
      true,
      false,
    ]);
    expect(announcesFragmentation(Buffer.alloc(20))).toBe(false);
    expect(announcesFragmentation(octets.subarray(0, 8))).toBe(false);
  });
});
