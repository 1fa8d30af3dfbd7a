import { describe, expect, it } from "vitest";
import {
  allocSpi,
  type Dump,
  delPolicy,
  delSa,
  dumpSas,
  encodeDump,
  encodeRequest,
  getDefaultPolicy,
  getPolicy,
  getSa,
  getSadInfo,
  getSpdInfo,
  icmpPorts,
  newPolicy,
  newSa,
  type PolicyInput,
  type Request,
  SA_EXTRA_FLAG,
  SA_FLAG,
  type SaInput,
  setDefaultPolicy,
  setHashThresholds,
  updPolicy,
  updSa,
} from "../../../../src/netlink-xfrm/index.ts";
import { canonical, lastSent } from "../fixtures.ts";

const key = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i + 1);
const ends = { source: "192.0.2.1", destination: "192.0.2.2", protocol: "esp" } as const;
const ends6 = { source: "2001:db8::1", destination: "2001:db8::2" } as const;
const gcm = { aead: { name: "rfc4106(gcm(aes))", key: key(20), icvBits: 128 } };
const cbc = { crypt: { name: "cbc(aes)", key: key(16) } };
const sha256 = { authTrunc: { name: "hmac(sha256)", key: key(32), truncationBits: 128 } };
const esp = (spi: number, rest: SaInput): SaInput => ({ ...ends, spi, mode: "tunnel", ...gcm, ...rest });

const sas: Record<string, SaInput> = {
  "aes-gcm transport": esp(0xc0000001, { reqid: 1, mode: "transport" }),
  "aes-gcm tunnel ipv6": { ...ends6, protocol: "esp", spi: 0xc0000002, reqid: 2, mode: "tunnel", ...gcm },
  "aes-cbc sha256": { ...ends, spi: 0xc0000003, reqid: 3, mode: "tunnel", ...cbc, ...sha256 },
  "aes-cbc sha1 old auth": {
    ...ends,
    spi: 0xc0000004,
    mode: "tunnel",
    ...cbc,
    auth: { name: "hmac(sha1)", key: key(20) },
  },
  "ah sha256": { ...ends, protocol: "ah", spi: 0xc0000005, reqid: 5, mode: "transport", ...sha256 },
  "ah sha512 ipv6": {
    ...ends6,
    protocol: "ah",
    spi: 0xc0000006,
    mode: "tunnel",
    authTrunc: { name: "hmac(sha512)", key: key(64), truncationBits: 256 },
  },
  "null sha1": {
    ...ends,
    spi: 0xc0000007,
    mode: "transport",
    crypt: { name: "ecb(cipher_null)", key: key(0) },
    authTrunc: { name: "hmac(sha1)", key: key(20), truncationBits: 96 },
  },
  "ipcomp deflate": {
    ...ends,
    protocol: "comp",
    spi: 0x1001,
    mode: "tunnel",
    compression: { name: "deflate", key: key(0) },
  },
  espinudp: esp(0xc0000008, {
    mode: "transport",
    encapsulation: { type: "espInUdp", sourcePort: 4500, destinationPort: 4501 },
  }),
  "espinudp original address": esp(0xc0000009, {
    mode: "transport",
    encapsulation: { type: "espInUdp", sourcePort: 4500, destinationPort: 40000, originalAddress: "198.51.100.7" },
  }),
  "esn window": esp(0xc000000a, { flags: SA_FLAG.esn, replayEsn: { window: 128 } }),
  "esn state": esp(0xc000000b, {
    flags: SA_FLAG.esn,
    replayEsn: { window: 64, inbound: 0x10, outbound: 0x20, inboundHigh: 1, outboundHigh: 2 },
  }),
  "replay state": esp(0xc000000c, { replayWindow: 32, replay: { inbound: 0x10, outbound: 0x20, bitmap: 0 } }),
  mark: esp(0xc000000d, { mark: { value: 0x2a, mask: 0xff } }),
  if_id: esp(0xc000000e, { ifId: 0x17 }),
  "output mark": esp(0xc000000f, { outputMark: 5, outputMarkMask: 0xf }),
  limits: esp(0xc0000010, {
    lifetime: {
      softBytes: 1_000_000n,
      hardBytes: 2_000_000n,
      softPackets: 3000n,
      hardPackets: 4000n,
      softAddSeconds: 60,
      hardAddSeconds: 120,
      softUseSeconds: 30,
      hardUseSeconds: 90,
    },
  }),
  flags: esp(0xc0000011, {
    flags:
      SA_FLAG.noEcn | SA_FLAG.decapDscp | SA_FLAG.noPmtuDiscovery | SA_FLAG.icmp | SA_FLAG.afUnspec | SA_FLAG.align4,
  }),
  "extra flags": esp(0xc0000012, { extraFlags: SA_EXTRA_FLAG.dontEncapDscp | SA_EXTRA_FLAG.outboundSequenceMayWrap }),
  selector: esp(0xc0000013, {
    mode: "transport",
    selector: {
      source: "192.0.2.1",
      destination: "192.0.2.2",
      protocol: 17,
      destinationPort: 4789,
    },
  }),
  "care-of address": {
    ...ends6,
    protocol: "hao",
    spi: 0,
    mode: "routeOptimization",
    coAddress: "2001:db8::99",
  },
  // iproute2 takes the number for one in network order.
  sequence: esp(0xc0000015, { sequence: 77 * 0x1000000, mode: "beet" }),
  "refused unknown cipher": {
    ...ends,
    spi: 0xc0000016,
    mode: "tunnel",
    crypt: { name: "cbc(nonesuch)", key: key(16) },
    ...sha256,
  },
};

const byPrefixes = (source: string, sourcePrefix: number, destination: string, destinationPrefix: number) => ({
  source,
  sourcePrefix,
  destination,
  destinationPrefix,
});
const gre = {
  selector: { ...byPrefixes("192.0.2.1", 32, "192.0.2.2", 32), protocol: 47 },
  direction: "out",
  priority: 100000,
} as const;
const tunnel = (source: string, destination: string, reqid: number) =>
  ({ source, destination, reqid, protocol: "esp", mode: "tunnel" }) as const;

const policies: Record<string, PolicyInput> = {
  "block gre": { ...gre, action: "block" },
  existing: { ...gre, action: "block", priority: 7 },
  "vxlan in": {
    selector: { source: "192.0.2.2", destination: "192.0.2.1", protocol: 17, destinationPort: 4789 },
    direction: "in",
    action: "block",
    priority: 100000,
  },
  "tunnel fwd": {
    selector: byPrefixes("10.2.0.0", 16, "10.1.0.0", 16),
    direction: "fwd",
    priority: 200000,
    templates: [tunnel("192.0.2.2", "192.0.2.1", 16)],
  },
  "tunnel ipv6 in ipv4": {
    selector: byPrefixes("2001:db8:1::", 48, "2001:db8:2::", 48),
    direction: "out",
    priority: 5,
    templates: [tunnel("192.0.2.1", "192.0.2.2", 17)],
  },
  "two templates": {
    selector: byPrefixes("10.3.0.0", 16, "10.4.0.0", 16),
    direction: "in",
    priority: 6,
    templates: [
      { ...tunnel("192.0.2.2", "192.0.2.1", 18), protocol: "comp", optional: true },
      { protocol: "esp", reqid: 19, mode: "transport", family: 2 },
    ],
  },
  "mark if_id": {
    selector: byPrefixes("10.5.0.0", 16, "10.6.0.0", 16),
    direction: "out",
    priority: 8,
    mark: { value: 1, mask: 3 },
    ifId: 0x17,
    templates: [tunnel("192.0.2.1", "192.0.2.2", 20)],
  },
  icmp: { selector: { family: 2, protocol: 1, ...icmpPorts(8, 0) }, direction: "out", action: "allow", priority: 1 },
  "ipv6-icmp type": { selector: { family: 10, protocol: 58, ...icmpPorts(135) }, direction: "in", priority: 1 },
  flags: { selector: byPrefixes("10.7.0.0", 16, "10.8.0.0", 16), direction: "out", priority: 9, flags: 1 | 2 },
  limits: {
    selector: byPrefixes("10.9.0.0", 16, "10.10.0.0", 16),
    direction: "out",
    priority: 10,
    lifetime: { hardAddSeconds: 3600, hardBytes: 1000n },
  },
  index: { selector: byPrefixes("10.11.0.0", 16, "10.12.0.0", 16), direction: "out", index: 1017, priority: 11 },
  device: {
    selector: { ...byPrefixes("10.13.0.0", 16, "10.14.0.0", 16), ifindex: 1 },
    direction: "out",
    priority: 12,
  },
};

/** iproute2 leaves zeroes where the kernel does not look. */
const zeroLimits = { softBytes: 0n, hardBytes: 0n, softPackets: 0n, hardPackets: 0n };
const ipv4 = { selector: { family: 2 } };

const first = { source: "192.0.2.1", destination: "192.0.2.2", protocol: "esp", spi: 0xc0000001 } as const;

/** Name of the recording, octets of the fixed part, and what we say for the same. */
const requests: [string, number, Request<unknown>][] = [
  ...Object.entries(sas).map(([name, sa]): [string, number, Request<unknown>] => [`sa ${name}`, 224, newSa(sa)]),
  ["sa update", 224, updSa(esp(0xc0000020, { reqid: 9, lifetime: { hardAddSeconds: 100 } }))],
  [
    "allocspi esp",
    232,
    allocSpi({ ...ends, reqid: 4, mode: "tunnel", min: 0xc1000000, max: 0xc1ffffff, lifetime: zeroLimits }),
  ],
  [
    "allocspi ah ipv6",
    232,
    allocSpi({ ...ends6, protocol: "ah", mode: "transport", min: 0x1000, max: 0x1fff, lifetime: zeroLimits }),
  ],
  ["sa get", 24, getSa(first)],
  ["sa delete", 24, delSa(first)],
  ["sa delete missing", 24, delSa({ ...first, spi: 0xdead })],
  ["sa delete mark", 24, delSa({ ...first, spi: 0xc000000d, mark: { value: 0x2a, mask: 0xff } })],
  ["sa count", 4, getSadInfo()],
  ...Object.entries(policies).map(([name, policy]): [string, number, Request<unknown>] => [
    `policy ${name}`,
    168,
    newPolicy(policy),
  ]),
  [
    "policy update",
    168,
    updPolicy({ ...gre, action: "allow", templates: [{ protocol: "esp", mode: "transport", reqid: 1, family: 2 }] }),
  ],
  ["policy get selector", 64, getPolicy({ selector: gre.selector, direction: "out" })],
  ["policy get index", 64, getPolicy({ ...ipv4, index: 1017, direction: "out" })],
  ["policy count", 4, getSpdInfo()],
  [
    "policy thresholds",
    4,
    setHashThresholds({
      ipv4Threshold: { localBits: 24, remoteBits: 16 },
      ipv6Threshold: { localBits: 64, remoteBits: 56 },
    }),
  ],
  ["policy default", 3, getDefaultPolicy()],
  ["policy set default", 3, setDefaultPolicy({ in: "accept", fwd: "accept", out: "accept" })],
  ["policy delete selector", 64, delPolicy({ selector: gre.selector, direction: "out" })],
  ["policy delete index", 64, delPolicy({ ...ipv4, index: 1017, direction: "out" })],
  ["policy delete missing", 64, delPolicy({ ...ipv4, index: 4097, direction: "out" })],
];

describe("XFRM requests are what iproute2 sends", () => {
  it.each(requests)("%s", (name, headSize, request) => {
    const ours = canonical(encodeRequest(request), headSize);
    expect(ours).toEqual(canonical(lastSent(name), headSize));
  });
});

describe("what iproute2 cannot show with the cases above", () => {
  it("each direction of the default policy has a place of its own", () => {
    const ours = canonical(encodeRequest(setDefaultPolicy({ in: "block", fwd: "accept" })), 3);
    expect(ours).toEqual(canonical(lastSent("policy set default apart", "6.18"), 3));
  });

  it("attributes that are younger than iproute2 6.1 have the numbers of the kernel's linux/xfrm.h", () => {
    const younger = { mappingTimerThreshold: 1, direction: "out", natKeepaliveInterval: 20, cpu: 3 } as const;
    const { attributes } = canonical(encodeRequest(newSa({ ...ends, ...younger })), 224);
    expect(attributes).toEqual({ 32: "01000000", 33: "02", 34: "14000000", 35: "03000000" });
  });
});

const dumps: [string, Dump<unknown>][] = [
  ["sa dump by protocol", dumpSas({ protocol: "ah" })],
  ["sa dump by address", dumpSas({ source: "192.0.2.1", destination: "192.0.2.2" })],
];

describe("XFRM dumps are what iproute2 sends", () => {
  it.each(dumps)("%s", (name, dump) => {
    const theirs = canonical(lastSent(name), 0);
    const ours = canonical(encodeDump(dump), 0);
    expect(theirs.attributes).toMatchObject(ours.attributes);
    expect([ours.type, ours.flags]).toEqual([theirs.type, theirs.flags]);
  });
});
