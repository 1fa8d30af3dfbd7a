import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readAcknowledgement, readDone } from "../../../src/netlink-xfrm/codec/acknowledgement.ts";
import { forEachMessage, type Message } from "../../../src/netlink-xfrm/codec/message-reader.ts";
import { Octets } from "../../../src/netlink-xfrm/codec/octets.ts";
import { MalformedMessageError } from "../../../src/netlink-xfrm/index.ts";
import { readRouteEvent } from "../../../src/netlink-xfrm/rtnetlink/events.ts";
import { readXfrmEvent } from "../../../src/netlink-xfrm/xfrm/events.ts";
import { type Recorded, recordings } from "./fixtures.ts";

const XFRM_CASE = /^(sa|allocspi|policy|xfrm)/;

/** Reads a datagram with every decoder that such a datagram can meet. */
function readAll(datagram: Uint8Array, ofXfrm: boolean): void {
  const octets = Octets.copy(datagram);
  forEachMessage(octets, datagram.length, (message) => {
    attempt(() => readAcknowledgement(message));
    attempt(() => readDone(message));
    attempt(() => (ofXfrm ? readXfrmEvent(message) : readRouteEvent(message)));
  });
}

function attempt(read: (message?: Message) => unknown): void {
  try {
    read();
  } catch (error) {
    if (!(error instanceof MalformedMessageError)) throw error;
  }
}

/** Each recorded message of the kernel by itself: one of each length and type is enough. */
const corpus: { readonly octets: Buffer; readonly ofXfrm: boolean }[] = (() => {
  const found = new Map<string, { octets: Buffer; ofXfrm: boolean }>();
  const take = ({ name, received }: Recorded): void => {
    for (const hex of received) {
      const datagram = Octets.copy(Buffer.from(hex, "hex"));
      forEachMessage(datagram, datagram.bytes.length, ({ at, end, type }) => {
        const ofXfrm = XFRM_CASE.test(name);
        const octets = Buffer.from(datagram.slice(at, end));
        if (octets.length < 3000) found.set(`${ofXfrm} ${type} ${octets.length}`, { octets, ofXfrm });
      });
    }
  };
  recordings("6.1").forEach(take);
  recordings("6.18").forEach(take);
  return [...found.values()];
})();

describe("octets from the kernel that are damaged", () => {
  it("has a corpus", () => {
    expect(corpus.length).toBeGreaterThan(60);
  });

  it("gives the typed error, or nothing, at every truncation", () => {
    for (const { octets, ofXfrm } of corpus) {
      for (let length = 0; length < octets.length; length++) {
        const cut = octets.subarray(0, length);
        attempt(() => readAll(cut, ofXfrm));
        if (length < 16) continue;
        // The header may also agree with the shorter length.
        const honest = Buffer.from(cut);
        honest.writeUInt32LE(length, 0);
        attempt(() => readAll(honest, ofXfrm));
      }
    }
  });

  it("gives the typed error, or nothing, for 40,000 random mutations", () => {
    const mutation = fc.record({
      which: fc.nat({ max: corpus.length - 1 }),
      edits: fc.array(fc.tuple(fc.nat({ max: 3000 }), fc.nat({ max: 255 })), { minLength: 1, maxLength: 6 }),
    });
    fc.assert(
      fc.property(mutation, ({ which, edits }) => {
        const one = corpus[which];
        if (one === undefined) return;
        const octets = Buffer.from(one.octets);
        for (const [at, value] of edits) octets[at % octets.length] = value;
        attempt(() => readAll(octets, one.ofXfrm));
      }),
      { numRuns: 40_000 },
    );
  });

  it("says what it wanted and what it saw", () => {
    const dump = corpus.find(({ octets, ofXfrm }) => ofXfrm && octets.readUInt16LE(4) === 0x10);
    const octets = Buffer.from(dump?.octets ?? []);
    octets.writeUInt16LE(2, 16 + 224);
    expect(() => readAllLoud(octets)).toThrow(
      `malformed netlink message: SA attribute length at octet 240: wanted 4 to ${octets.length - 240}, got 2`,
    );
  });
});

function readAllLoud(datagram: Uint8Array): void {
  const octets = Octets.copy(datagram);
  forEachMessage(octets, datagram.length, (message) => readXfrmEvent(message));
}
