// A quick mode that is refused, and one that is not answered: what a lost message may and may not bring about (RFC 2408 2.8).
import { describe, expect, test } from "vitest";
import { exchangeType } from "../../../src/wire/ikev1/registry/message.ts";
import { notifyType } from "../../../src/wire/ikev1/registry/notify.ts";
import { type PeerOptions, timing } from "./desired.ts";
import { Ikev1Puppet, puppetEsp, puppetIke } from "./ikev1-puppet.ts";
import { a, b, ends, facing, reasons, standing } from "./pair.ts";

const options: PeerOptions = { ikev1: "main", ike: [puppetIke], esp: [puppetEsp] };
const patient = { ...timing, liveness: 0 };

test("a refused quick mode that comes again, since the refusal was lost, is refused again in the same words", () => {
  const { world, one } = ends({ network: () => [] });
  one.configure(facing(a, { ...options, protect: [{ kind: "vxlan", port: 4789 }], initiate: false, timing: patient }));
  const puppet = new Ikev1Puppet(one, b, "initiator");
  puppet.callSa();
  puppet.callKey();
  puppet.callIdentity();
  // For GRE, which is not configured.
  const spy: Uint8Array[] = [];
  const inject = puppet.inject.bind(puppet);
  puppet.inject = (octets) => {
    spy.push(octets);
    inject(octets);
  };
  puppet.beginQuickMode(0x1234);
  const [request] = spy;
  const refusal = puppet.received();
  expect(refusal[18]).toBe(exchangeType.INFORMATIONAL);
  const before = one.sent.length;
  const failures = one.log.filter(({ event }) => event === "child-sa-failed").length;
  for (const _ of [1, 2]) {
    world.run(1_000);
    inject(request ?? new Uint8Array(0));
  }
  expect(one.sent.slice(before).map(({ octets }) => Buffer.from(octets).equals(refusal))).toEqual([true, true]);
  expect(one.log.filter(({ event }) => event === "child-sa-failed")).toHaveLength(failures);
});

describe("a peer that answers one quick mode, and no other", () => {
  /** One of the two children stands; how long the other is asked for in vain is a matter of the peer's. */
  function half() {
    const { world, one } = ends({ network: () => [] });
    const protect = [{ kind: "gre" }, { kind: "vxlan", port: 4789 }] as const;
    one.configure(facing(a, { ...options, protect, timing: patient }));
    const puppet = new Ikev1Puppet(one, b, "responder");
    puppet.answerSa();
    puppet.answerKey();
    puppet.answerIdentity();
    puppet.answerQuickMode(0xabcd0001);
    expect(one.peer()).toMatchObject({ state: "up", ikeSas: [{ role: "initiator" }] });
    expect(one.peer().children.map(({ state }) => state)).toEqual(["up", "connecting", "connecting"]);
    const [{ initiatorSpi } = { initiatorSpi: "" }] = one.peer().ikeSas;
    return { world, one, puppet, initiatorSpi };
  }

  test("it says other things meanwhile: it has the ISAKMP SA, and what stands stays; the child says why it does not", () => {
    const { world, one, puppet, initiatorSpi } = half();
    const stood = standing(one);
    for (let second = 0; second < 100; second += 5) {
      world.run(5_000);
      puppet.inform([puppet.notifyOf(notifyType.R_U_THERE, Buffer.from([0, 0, 1, second]))]);
    }
    expect(one.peer().ikeSas).toMatchObject([{ initiatorSpi }]);
    expect(standing(one)).toEqual(stood);
    expect(one.peer().children[1]?.reason).toMatchObject({ code: "no-answer", exchange: "quick mode", attempts: 5 });
  });

  test("it is silent: it has lost the ISAKMP SA, or is gone, and is called anew", () => {
    const { world, one, initiatorSpi } = half();
    world.run(60_000);
    expect(reasons(one)).toContain("no-answer");
    expect(standing(one)).toEqual([]);
    expect(one.peer().ikeSas.map((sa) => sa.initiatorSpi)).not.toContain(initiatorSpi);
  });
});
