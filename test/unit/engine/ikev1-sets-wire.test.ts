// What IKEv1 says of transform sets on the wire, and what it takes of others: a peer on strings at the other end.
import { describe, expect, test } from "vitest";
import type { SaInstall } from "../../../src/kernel/port.ts";
import type { ProtectLine } from "../../../src/overlay/expand.ts";
import type { IdPayload } from "../../../src/wire/ikev1/payloads/identity.ts";
import type { Proposal } from "../../../src/wire/ikev1/payloads/sa.ts";
import type { Payload } from "../../../src/wire/ikev1/payloads/table.ts";
import type { PeerOptions } from "./desired.ts";
import { Ikev1Puppet, puppetIke, quickNonces } from "./ikev1-puppet.ts";
import { a, b, ends, facing, standing } from "./pair.ts";
import type { End } from "./world.ts";

const [ah, esp, ipcomp] = [2, 3, 4];
const router: PeerOptions = { ikev1: "main", ike: [puppetIke], esp: ["aes128-sha256"] };
const nets: readonly ProtectLine[] = [
  { kind: "tunnel", local: { address: "10.1.0.0", length: 16 }, remote: { address: "10.2.0.0", length: 16 } },
];
const subnet = (third: number): IdPayload => ({
  isakmp: "ID",
  idType: 4,
  ipProtocol: 0,
  port: 0,
  data: Uint8Array.of(10, third, 0, 0, 255, 255, 0, 0),
});

/** A puppet whose phase 1 with an end of these options is over, and what the end puts into its kernel, keys and all. */
function over(role: "initiator" | "responder", options: PeerOptions) {
  const { one } = ends({ one: { addresses: ["10.1.0.1"] }, network: () => [] });
  const installed: SaInstall[] = [];
  const request = one.kernel.request.bind(one.kernel);
  one.kernel.request = (asked) => {
    if (asked.kind === "installSa") installed.push(structuredClone(asked.sa));
    return request(asked);
  };
  one.configure(facing(a, { ...router, ...options, initiate: role === "responder" }));
  const puppet = new Ikev1Puppet(one, b, role);
  const steps =
    role === "responder"
      ? [() => puppet.answerSa(), () => puppet.answerKey(), () => puppet.answerIdentity()]
      : [() => puppet.callSa(), () => puppet.callKey(), () => puppet.callIdentity()];
  for (const step of steps) step();
  return { end: one, puppet, installed };
}

function spi(number: number, length = 4): Buffer {
  const octets = Buffer.alloc(4);
  octets.writeUInt32BE(number);
  return octets.subarray(4 - length);
}

const tunnelMode = 1;
const transportMode = 2;

/** AES-128 with HMAC-SHA2-256 in ESP, HMAC-SHA2-256 in AH, deflate in IPComp. */
function proposal(number: number, protocolId: number, own: Buffer, mode: number | undefined): Proposal {
  const id = { [ah]: 5, [esp]: 12, [ipcomp]: 2 }[protocolId] ?? 0;
  const attributes = [
    ...(mode === undefined ? [] : [{ type: 4, value: mode }]),
    ...(protocolId === esp ? [{ type: 6, value: 128 }] : []),
    ...(protocolId === ipcomp ? [] : [{ type: 5, value: 5 }]),
  ];
  return { number, protocolId, spi: own, transforms: [{ number: 1, id, attributes }] };
}

function proposalsOf(payloads: readonly Payload[]): readonly Proposal[] {
  const sa = payloads.find((payload): payload is Extract<Payload, { isakmp: "SA" }> => payload.isakmp === "SA");
  return sa?.proposals ?? [];
}

function brief(proposals: readonly Proposal[]): (readonly [number, number, number])[] {
  return proposals.map(({ number, protocolId, spi: octets }) => [number, protocolId, octets.length] as const);
}

const standingSets = (end: End) => standing(end).map(({ protocol, ahSpi, cpi }) => [protocol, ahSpi ?? 0, cpi ?? 0]);

describe("as initiator", () => {
  const all: PeerOptions = { protect: nets, around: ["sha256"], compress: true };

  test("offers all in one proposal, and then without IPComp, under the same SPIs; takes either", () => {
    for (const number of [1, 2]) {
      const { end, puppet } = over("responder", all);
      const peers = { [ah]: spi(0xa001), [esp]: spi(0xe001), [ipcomp]: spi(0x1001, 2) };
      const asked = puppet.answerQuickMode(0, [], (offered) =>
        offered
          .filter((one) => one.number === number)
          .map((one) => ({ ...one, spi: peers[one.protocolId] ?? one.spi })),
      );
      const offered = proposalsOf(asked);
      expect(brief(offered)).toEqual([
        [1, ah, 4],
        [1, esp, 4],
        [1, ipcomp, 2],
        [2, ah, 4],
        [2, esp, 4],
      ]);
      expect(offered[0]?.spi).toEqual(offered[3]?.spi);
      expect(offered[1]?.spi).toEqual(offered[4]?.spi);
      expect(offered[0]?.spi).not.toEqual(offered[1]?.spi);
      for (const { transforms } of offered)
        expect(transforms[0]?.attributes).toContainEqual({ type: 4, value: tunnelMode });
      expect(standingSets(end)).toContainEqual(["esp", 0xa001, number === 1 ? 0x1001 : 0]);
    }
  });

  test("takes the same set once more without IPComp for what it is: charon answers so", () => {
    const { end, puppet } = over("responder", all);
    const peers = { [ah]: spi(0xa001), [esp]: spi(0xe001), [ipcomp]: spi(0x1001, 2) };
    puppet.answerQuickMode(0, [], (offered) =>
      offered.map((one) => ({ ...one, spi: peers[one.protocolId] ?? one.spi })),
    );
    expect(standingSets(end)).toContainEqual(["esp", 0xa001, 0x1001]);
  });

  test.each<[string, (offered: readonly Proposal[]) => Proposal[]]>([
    ["a half of a set", (offered) => offered.filter((one) => one.number === 1 && one.protocolId === esp)],
    ["parts of two sets", (offered) => offered.filter((one) => one.protocolId === (one.number === 1 ? ah : esp))],
    [
      "two sets with SPIs of their own",
      (offered) => offered.map((one) => (one.number === 1 ? one : { ...one, spi: spi(0x6001) })),
    ],
    ["two sets of which neither has IPComp", (offered) => offered.filter((one) => one.protocolId !== ipcomp)],
    [
      "a set with an SPI that is reserved",
      (offered) => offered.filter((one) => one.number === 2).map((one) => ({ ...one, spi: spi(255) })),
    ],
  ])("takes no %s for an answer, and deletes what the peer may have", (_, choose) => {
    const { end, puppet, installed } = over("responder", all);
    puppet.answerQuickMode(0, [], (offered) =>
      choose(offered).map((one) =>
        spi(255).equals(one.spi) || spi(0x6001).equals(one.spi) ? one : { ...one, spi: spi(0x5001, one.spi.length) },
      ),
    );
    expect(installed).toEqual([]);
    expect(end.peer().children[0]?.reason?.code).toBe("proposal-not-offered");
    const deleted = puppet.informed().flatMap((one) => (one.isakmp === "D" ? [one.protocolId] : []));
    expect(deleted).toEqual([ah, esp]);
  });
});

describe("as responder", () => {
  const all: PeerOptions = { protect: nets, around: ["sha256"], compress: true };
  const ids = [subnet(2), subnet(1)];

  test("takes the protocols in any order, AH in transport mode around a tunnel, a CPI in four octets; keys by RFC 2409 5.5", () => {
    const { end, puppet, installed } = over("initiator", all);
    const offered = [
      proposal(7, ipcomp, spi(0x1001), tunnelMode),
      proposal(7, esp, spi(0xe001), tunnelMode),
      proposal(7, ah, spi(0xa001), transportMode),
    ];
    const payloads = puppet.callQuickMode(0, offered, ids);
    const answer = proposalsOf(payloads);
    expect(brief(answer)).toEqual([
      [7, ipcomp, 4],
      [7, esp, 4],
      [7, ah, 4],
    ]);
    expect(answer.map(({ transforms }) => transforms)).toEqual(offered.map(({ transforms }) => transforms));
    const nr = payloads.find((payload) => payload.isakmp === "NONCE");
    if (nr?.isakmp !== "NONCE") throw new Error("no nonce");
    expect(installed.map(({ direction }) => direction)).toEqual(["in", "out"]);
    for (const { direction, spi: own, ahSpi = 0, cpi, encr, integ, ah: around } of installed) {
      if (direction === "out") expect([own, ahSpi, cpi]).toEqual([0xe001, 0xa001, 0x1001]);
      else expect([cpi ?? 0, own, ahSpi]).toEqual(answer.map((one) => Buffer.from(one.spi).readUInt32BE()));
      const ofEsp = puppet.keymat(esp, own, quickNonces.initiator, nr.data);
      const ofAh = puppet.keymat(ah, ahSpi, quickNonces.initiator, nr.data);
      // AES-128 and 32 octets for HMAC need a second block: the first one says enough.
      expect(Buffer.from(encr?.key ?? [])).toEqual(ofEsp.subarray(0, 16));
      expect(Buffer.from(integ?.key ?? []).subarray(0, 16)).toEqual(ofEsp.subarray(16, 32));
      expect(Buffer.from(around?.key ?? [])).toEqual(ofAh);
    }
    expect(standingSets(end)).toHaveLength(2);
  });

  test("takes the set with IPComp before the one without, whatever the peer's order", () => {
    const { end, puppet } = over("initiator", all);
    const plain = [proposal(1, ah, spi(0xa001), tunnelMode), proposal(1, esp, spi(0xe001), tunnelMode)];
    const compressing = plain.map((one) => ({ ...one, number: 2 }));
    puppet.callQuickMode(0, [...plain, ...compressing, proposal(2, ipcomp, spi(0x1001, 2), undefined)], ids);
    expect(standingSets(end)).toContainEqual(["esp", 0xa001, 0x1001]);
  });

  const pair = (mode: number, around = mode) => [
    proposal(1, ah, spi(0xa001), around),
    proposal(1, esp, spi(0xe001), mode),
  ];
  test.each<[string, readonly Proposal[]]>([
    ["ESP alone", [proposal(1, esp, spi(0xe001), tunnelMode)]],
    ["AH alone", [proposal(1, ah, spi(0xa001), tunnelMode)]],
    ["AH or ESP", [proposal(1, ah, spi(0xa001), tunnelMode), proposal(2, esp, spi(0xe001), tunnelMode)]],
    ["ESP twice", [...pair(tunnelMode), proposal(1, esp, spi(0xe002), tunnelMode)]],
    ["a CPI that is no negotiated one", [...pair(tunnelMode), proposal(1, ipcomp, spi(2, 2), tunnelMode)]],
    ["a CPI above 16 bits", [...pair(tunnelMode), proposal(1, ipcomp, spi(0x10100), tunnelMode)]],
    [
      "IPComp in transport mode inside a tunnel",
      [...pair(tunnelMode), proposal(1, ipcomp, spi(0x1001, 2), transportMode)],
    ],
    [
      "an SPI of AH that is reserved",
      [proposal(1, ah, spi(255), tunnelMode), proposal(1, esp, spi(0xe001), tunnelMode)],
    ],
    ["a protocol that nobody knows", [...pair(tunnelMode), proposal(1, 9, spi(0x9001), tunnelMode)]],
  ])("refuses %s", (_, offered) => {
    const { end, puppet, installed } = over("initiator", all);
    const said = puppet.callQuickMode(0, offered, ids);
    expect(said.at(-1)).toMatchObject({ isakmp: "N", type: 14 });
    expect(installed).toEqual([]);
    expect(end.peer().children[0]?.reason).toMatchObject({ code: "no-common-proposal" });
  });

  test("refuses AH in tunnel mode around ESP in transport mode: another packet than ours", () => {
    const { puppet, installed } = over("initiator", { around: ["sha256"] });
    const said = puppet.callQuickMode(0, pair(transportMode, tunnelMode));
    expect(said.at(-1)).toMatchObject({ isakmp: "N", type: 14 });
    expect(installed).toEqual([]);
  });

  test.each([
    ["AH", ah, 0xa001],
    ["ESP", esp, 0xe001],
  ])("a DELETE of the %s ends the whole set, and one of another's SPI nothing", (_, protocolId, number) => {
    const { end, puppet } = over("initiator", { around: ["sha256"] });
    puppet.callQuickMode(0, pair(transportMode));
    expect(standing(end)).toHaveLength(2);
    const deletion = (spis: number): Payload => ({
      isakmp: "D",
      doi: 1,
      protocolId,
      spiSize: 4,
      spis: [spi(spis)],
    });
    puppet.inform([deletion(number === 0xa001 ? 0xe001 : 0xa001)]);
    expect(standing(end)).toHaveLength(2);
    puppet.inform([deletion(number)]);
    expect(standing(end)).toEqual([]);
    expect(end.peer().children[0]).toMatchObject({ state: "locked", reason: { code: "peer-deleted" } });
  });

  test("says a DELETE for each protocol, with the SPIs that it receives with", () => {
    const { end, puppet, installed } = over("initiator", { around: ["sha256"] });
    puppet.callQuickMode(0, pair(transportMode));
    end.handle({ kind: "down", peer: "peer" });
    const [inbound] = installed;
    const deleted = puppet
      .informed()
      .flatMap((one) =>
        one.isakmp === "D" ? one.spis.map((each) => [one.protocolId, Buffer.from(each).readUInt32BE()]) : [],
      );
    expect(deleted.slice(0, 2)).toEqual(
      expect.arrayContaining([
        [ah, inbound?.ahSpi],
        [esp, inbound?.spi],
      ]),
    );
  });
});
