import { describe, expect, test } from "vitest";
import { reassemblyLimits, reassemblyTime } from "../../../src/ikev1/reassembly.ts";
import { encodeMessage } from "../../../src/wire/ikev1/message.ts";
import type { FragmentPayload } from "../../../src/wire/ikev1/payloads/fragment.ts";
import { payloadType } from "../../../src/wire/ikev1/registry/message.ts";
import { seeded } from "../../fuzz/mutate.ts";
import type { PeerOptions } from "./desired.ts";
import { a, b, connected, ends, expectRest, facing, gre, type Pair, standing } from "./pair.ts";
import { carry, type Datagram, type End } from "./world.ts";

const small = { window: 4, fragmentSize: 240 };
const main: PeerOptions = { ikev1: "main", ike: ["aes128-sha256-modp2048"], esp: ["aes128-sha256-modp2048"] };
const aggressive: PeerOptions = { ...main, ikev1: "aggressive" };

const isFragment = ({ octets }: Pick<Datagram, "octets">) => octets[16] === payloadType.FRAGMENT;
/** Octets of the IP datagram, over IPv4 and without the non-ESP marker. */
const ipLength = ({ octets }: Datagram) => octets.length + 28;

/** Every datagram but those sent before it is known what the peer takes, or who it is. */
function later({ one, two }: Pair): Datagram[] {
  const unknown: readonly number[] = [payloadType.SA, payloadType.KE];
  return [...one.sent.slice(1), ...two.sent.filter(({ octets }) => !unknown.includes(octets[16] ?? 0))];
}

function inject(end: End, octets: Uint8Array): void {
  const path = { local: { address: end.address, port: 500 }, remote: { address: a, port: 500 } };
  end.handle({ kind: "datagram", octets, path });
}

/** A fragment for the SA that the last datagram of `from` names. */
function fragment(from: End, number: number, length: number, flags = 0): Buffer {
  const cookies = Buffer.from(from.sent.at(-1)?.octets ?? []);
  const header = {
    initiatorCookie: cookies.readBigUInt64BE(0),
    responderCookie: cookies.readBigUInt64BE(8),
    exchangeType: 2,
    flags: 0,
    messageId: 0,
  };
  const data = new Uint8Array(length).fill(number);
  const payload: FragmentPayload = {
    isakmp: "FRAGMENT",
    fragmentId: 9,
    fragmentNumber: number,
    fragmentFlags: flags,
    data,
  };
  return encodeMessage(header, [payload]);
}

describe("IKEv1 in fragments", () => {
  test.each([
    ["main mode", main],
    ["aggressive mode", aggressive],
  ])("%s: nothing larger than the path takes once both ends have said so", (_, options) => {
    const pair = connected({ ...options, messages: small });
    expectRest(pair);
    for (const flow of gre(pair)) expect(carry(flow)).toBe("protected, delivered");
    expect(Math.max(...later(pair).map(ipLength))).toBeLessThanOrEqual(240);
    const fragments = later(pair).filter(isFragment);
    // The key exchange values of both phases, at least; and no fragment is needlessly small.
    expect(fragments.length).toBeGreaterThanOrEqual(8);
    expect(Math.max(...fragments.map(ipLength))).toBe(240);
  });

  test("what fits is not fragmented", () => {
    const pair = connected(main);
    expectRest(pair);
    expect([...pair.one.sent, ...pair.two.sent].some(isFragment)).toBe(false);
  });

  test("fragments that are lost, repeated and reordered: the tunnel comes up all the same", () => {
    for (let seed = 1; seed <= 6; seed += 1) {
      const rng = seeded(seed);
      const pair = ends({
        network: (datagram) => {
          if (!isFragment(datagram)) return [10];
          const copies = [0, 1, 1, 1, 1, 2][rng() % 6] ?? 1;
          return Array.from({ length: copies }, () => 10 + (rng() % 40));
        },
      });
      pair.one.configure(facing(a, { ...main, messages: { window: 4, fragmentSize: 400 } }));
      pair.two.configure(facing(b, { ...main, messages: { window: 4, fragmentSize: 400 }, initiate: false }));
      pair.world.guarded.push(...gre(pair));
      pair.world.run(300_000);
      expect(pair.one.peer().state, `seed ${seed}`).toBe("up");
      for (const flow of gre(pair)) expect(carry(flow)).toBe("protected, delivered");
    }
  });

  test("fragments that nobody completes are forgotten, and touch nothing", () => {
    const pair = connected(main);
    const before = JSON.stringify(pair.two.peer().children);
    const sas = standing(pair.two);
    const deadline = pair.two.engine.nextDeadline();
    inject(pair.two, fragment(pair.one, 1, 500));
    inject(pair.two, fragment(pair.one, 3, 500));
    expect(pair.two.engine.nextDeadline()).toBe(Math.min(deadline ?? 0, pair.world.now + reassemblyTime));
    pair.world.run(reassemblyTime + 1_000);
    expectRest(pair);
    expect(JSON.stringify(pair.two.peer().children)).toBe(before);
    expect(standing(pair.two)).toEqual(sas);
  });

  test("what they come to is read like any message: garbage, and fragments of a fragment, come to nothing", () => {
    const pair = connected(main);
    const drops = () => pair.two.log.filter(({ event }) => event === "message-dropped").map(({ facts }) => facts?.why);
    const inner = fragment(pair.one, 1, 20, 1);
    const wrapped = (data: Uint8Array): Buffer => {
      const outer = fragment(pair.one, 1, data.length, 1);
      outer.set(data, outer.length - data.length);
      return outer;
    };
    inject(pair.two, wrapped(inner));
    expect(drops().at(-1)).toBe("fragments of a fragment");
    inject(pair.two, wrapped(Buffer.alloc(10)));
    expect(drops().at(-1)).toContain("needs 8 octets");
    for (let number = 1; number <= reassemblyLimits.fragments; number += 1)
      inject(pair.two, fragment(pair.one, number, 1_000));
    expect(drops().at(-1)).toBe("too many fragments");
    expectRest(pair);
  });
});
