import { describe, expect, it } from "vitest";
import { defaultsSection, peerShape } from "../../../src/config/schema/peer.ts";
import { loadFolder, soundPeer } from "./folder.ts";

/** Four lines of `local`, `peers:` in line 5; the peer's name stands in line 6, its keys from line 7. */
function withPeer(body: string): string {
  const lines = body.split("\n").map((line) => `    ${line}`);
  return `local:\n  id: gw-a.example\n  address: 192.0.2.1\n\npeers:\n  b:\n${lines.join("\n")}\n`;
}

const auth = "auth: { psk: file:site-b.psk }";
const keysOfPeer = Object.keys(peerShape).join(", ");
const keysOfDefaults = Object.keys(defaultsSection.shape).join(", ");

describe("a wrong key or value in a peer", () => {
  it.each([
    [
      "an unknown key",
      `remote: 192.0.2.2\n${auth}\nprotect: gre\nlivness: 10s`,
      `gw.yaml:10:5: peers.b.livness: unknown key "livness", did you mean liveness? Possible here: ${keysOfPeer}`,
    ],
    [
      "an unknown key that is like no other",
      `remote: 192.0.2.2\n${auth}\nprotect: gre\ncolour: red`,
      `gw.yaml:10:5: peers.b.colour: unknown key "colour". Possible here: ${keysOfPeer}`,
    ],
    [
      "a missing remote",
      `${auth}\nprotect: gre`,
      "gw.yaml:6:3: peers.b.remote: is missing: give the peer's address, its DNS name, or any",
    ],
    [
      "a missing auth",
      "remote: 192.0.2.2\nprotect: gre",
      "gw.yaml:6:3: peers.b.auth: is missing: give auth: { psk: file:NAME }",
    ],
    [
      "a missing protect",
      `remote: 192.0.2.2\n${auth}`,
      "gw.yaml:6:3: peers.b.protect: is missing: say what must never travel in clear, for example protect: [gre]",
    ],
    [
      "an IKE SA that ends before it would be replaced",
      `remote: 192.0.2.2\n${auth}\nprotect: gre\nike-lifetime: 4h`,
      "gw.yaml:10:19: peers.b.ike-lifetime: is not more than ike-rekey, which is 4h: the IKE SA would end before",
    ],
    [
      "a mistyped key that was needed is told once",
      `remot: 192.0.2.2\n${auth}\nprotect: gre`,
      `gw.yaml:7:5: peers.b.remot: unknown key "remot", did you mean remote? Possible here: ${keysOfPeer}`,
    ],
    [
      "no IPv4 address",
      `remote: 192.0.2.256\n${auth}\nprotect: gre`,
      'gw.yaml:7:13: peers.b.remote: is an IP address such as 192.0.2.1 or 2001:db8::1, not "192.0.2.256"',
    ],
    [
      "no IPv6 address",
      `remote: [192.0.2.2, "2001:db8:::1"]\n${auth}\nprotect: gre`,
      'gw.yaml:7:25: peers.b.remote[1]: is an IP address such as 192.0.2.1 or 2001:db8::1, not "2001:db8:::1"',
    ],
    [
      "a subnet for a host",
      `remote: 192.0.2.0/24\n${auth}\nprotect: gre`,
      'gw.yaml:7:13: peers.b.remote: is the address of one host, not a subnet: "192.0.2.0/24"',
    ],
    [
      "a zone",
      `remote: fe80::1%eth0\n${auth}\nprotect: gre`,
      'gw.yaml:7:13: peers.b.remote: link-local addresses with a zone are not supported: "fe80::1%eth0"',
    ],
    [
      "a multicast group",
      `remote: 239.1.1.1\n${auth}\nprotect: gre`,
      "gw.yaml:7:13: peers.b.remote: 239.1.1.1 is not the address of one host",
    ],
    [
      "no host name",
      `remote: gw b\n${auth}\nprotect: gre`,
      'gw.yaml:7:13: peers.b.remote: is an IP address, a DNS name or any, not "gw b"',
    ],
    [
      "our own address",
      `remote: 192.0.2.1\n${auth}\nprotect: gre`,
      "gw.yaml:7:13: peers.b.remote: 192.0.2.1 is our own address: here stands the peer's",
    ],
    [
      "both families",
      `remote: [192.0.2.2, "2001:db8::2"]\n${auth}\nprotect: gre`,
      "gw.yaml:7:13: peers.b.remote: mixes IPv4 and IPv6 addresses, and one peer has one family: write a peer for each",
    ],
    [
      "a family that we have no address of",
      `remote: 2001:db8::2\n${auth}\nprotect: gre`,
      "gw.yaml:7:13: peers.b.remote: 2001:db8::2 is IPv6, and of our addresses (192.0.2.1) none is: add one to local.address",
    ],
    [
      "any beside an address",
      `remote: [any, 192.0.2.2]\n${auth}\nprotect: gre`,
      "gw.yaml:7:13: peers.b.remote: has any beside other addresses: any stands alone",
    ],
    [
      "calling whoever calls",
      `remote: any\n${auth}\nprotect: gre\ninitiate: yes`,
      "gw.yaml:10:15: peers.b.initiate: a peer with remote: any cannot be called: take initiate out, or give its address",
    ],
    [
      "calling whoever calls when a packet comes",
      `remote: any\n${auth}\nprotect: gre\nstart: on-demand`,
      "gw.yaml:10:12: peers.b.start: a peer with remote: any cannot be called, and no packet can change that: take start out",
    ],
    [
      "neither yes nor no",
      `remote: 192.0.2.2\n${auth}\nprotect: gre\ninitiate: maybe`,
      'gw.yaml:10:15: peers.b.initiate: is yes or no, not "maybe"',
    ],
    [
      "a port out of range",
      `remote: 192.0.2.2\n${auth}\nprotect: gre\nport: 65536`,
      "gw.yaml:10:11: peers.b.port: needs a whole number from 1 to 65535, not the number 65536",
    ],
    [
      "a number where text belongs",
      `remote: 192.0.2.2\nid: 12\n${auth}\nprotect: gre`,
      "gw.yaml:8:9: peers.b.id: needs an identity, not the number 12 (put the text in quotes)",
    ],
    [
      "a list where text belongs",
      `remote: 192.0.2.2\nid: [a]\n${auth}\nprotect: gre`,
      "gw.yaml:8:9: peers.b.id: needs an identity, not a list",
    ],
    [
      "an identity of an unknown kind",
      `remote: 192.0.2.2\nid: ber:CN=b\n${auth}\nprotect: gre`,
      'gw.yaml:8:9: peers.b.id: "ber:" starts no identity. Possible: an IP address, a host name, a mail address, a name as CN=…, fqdn:…, email:…, dn:…, dn-any-order:…, keyid:…',
    ],
    [
      "a distinguished name with a mistyped attribute",
      `remote: 192.0.2.2\nid: C=CH, COMMON=b\n${auth}\nprotect: gre`,
      'gw.yaml:8:9: peers.b.id: is no distinguished name: "COMMON=b" does not begin with the type of an attribute: CN, O, OU, C, L, ST, DC, UID, E, serialNumber, or its numbers',
    ],
    [
      "a pattern for who we are",
      `remote: 192.0.2.2\nid: "*.example"\nlocal-id: "CN=*"\n${auth}\nprotect: gre`,
      'gw.yaml:9:15: peers.b.local-id: stands for several identities, and here is one alone: "CN=*"',
    ],
    [
      "a * within a label",
      `remote: 192.0.2.2\nid: gw-*.example\n${auth}\nprotect: gre`,
      'gw.yaml:8:9: peers.b.id: has a * that is not the whole first label: "gw-*.example"',
    ],
    [
      "an odd key id",
      `remote: 192.0.2.2\nid: keyid:abc\n${auth}\nprotect: gre`,
      'gw.yaml:8:9: peers.b.id: a key id is keyid: and 1 to 128 octets as hexadecimal digits, not "keyid:abc"',
    ],
    [
      "a time without a unit that we know",
      `remote: 192.0.2.2\n${auth}\nprotect: gre\nliveness: 3 weeks`,
      'gw.yaml:10:15: peers.b.liveness: is a time such as 500ms, 30s, 5m or 2h, or off, not "3 weeks"',
    ],
    [
      "a time out of range",
      `remote: 192.0.2.2\n${auth}\nprotect: gre\nretry: { first: 2d }`,
      'gw.yaml:10:21: peers.b.retry.first: is 100ms to 1d, not "2d"',
    ],
    [
      "an unknown key in a section of a peer",
      `remote: 192.0.2.2\n${auth}\nprotect: gre\nretransmission:\n  try: 3`,
      'gw.yaml:11:7: peers.b.retransmission.try: unknown key "try". Possible here: first, factor, tries',
    ],
    [
      "text where a section belongs",
      `remote: 192.0.2.2\n${auth}\nprotect: gre\nlifetime: 1h`,
      "gw.yaml:10:15: peers.b.lifetime: needs a section with seconds, bytes, packets, not text",
    ],
    [
      "a key without a value",
      `remote:\n${auth}\nprotect: gre`,
      "gw.yaml:7:5: peers.b.remote: needs an IP address, a DNS name or any, but has no value",
    ],
    ["a peer that is text", "hello", `gw.yaml:7:5: peers.b: needs a section with ${keysOfPeer}, not text`],
  ])("%s", async (_, body, line) => {
    const { lines, desired, fatal, broken } = await loadFolder(withPeer(body));
    expect(lines[0]).toBe(line);
    expect(body === "hello" ? 1 : lines.length).toBe(1);
    expect(fatal).toBe(false);
    expect(desired.peers).toEqual([]);
    expect(broken.map(({ name }) => name)).toEqual(["b"]);
  });
});

describe("wrong algorithms", () => {
  const peer = (rest: string): string => withPeer(`remote: 192.0.2.2\n${auth}\nprotect: gre\n${rest}`);

  it("points at the very keyword", async () => {
    const { lines } = await loadFolder(peer("ike: [aes256-sha256-x25519, aes256-sha265-x25519]"));
    expect(lines).toEqual([
      'gw.yaml:10:40: peers.b.ike[1]: unknown algorithm "sha265" (character 8) in "aes256-sha265-x25519"; did you mean sha256?',
    ]);
  });

  it("points at the keyword inside quotes", async () => {
    const { problems } = await loadFolder(peer('esp: "aes128-md6"'));
    expect(problems.map(({ line, column }) => [line, column])).toEqual([[10, 18]]);
  });

  it("says what to write for a weak one", async () => {
    const { lines } = await loadFolder(peer("ike: 3des-sha1-modp1024\nweak: [modp1024]"));
    expect(lines).toEqual([
      "gw.yaml:10:10: peers.b.ike: 3des is weak: its 64-bit blocks repeat after a few gigabytes under one key (RFC 8221 5). Take it out, or allow it for this peer with weak: [modp1024, 3des]",
      "gw.yaml:10:10: warning: peers.b.ike: modp1024 is weak: groups below 2048 bits are within reach of precomputation (RFC 8247 2.4). This peer's weak allows it",
    ]);
  });

  it("takes what it was told to write, and warns", async () => {
    const { lines, desired } = await loadFolder(peer("esp: null-md5\nweak: [null, md5]"));
    expect(lines).toEqual([
      "gw.yaml:10:10: warning: peers.b.esp: null is weak: it does not encrypt (RFC 2410); md5 is weak: MD5 is broken as a hash and forbidden here by RFC 8221 and RFC 8247. This peer's weak allows it",
    ]);
    const keywords = desired.peers[0]?.children[0]?.proposals[0]?.transforms.map(({ keyword }) => keyword);
    expect(keywords).toEqual(["null", "md5", "noesn"]);
  });

  it("one permission does not allow another algorithm of the same hash", async () => {
    const { problems } = await loadFolder(peer("ike: aes256-md5-x25519\nweak: md5"));
    expect(problems.filter(({ severity }) => severity === "error").map(({ sentence }) => sentence)).toEqual([
      "prfmd5 is weak: MD5 is broken as a hash and forbidden as a PRF by RFC 8247 2.2. Take it out, or allow it for this peer with weak: [md5, prfmd5]",
    ]);
  });

  it.each([
    ["weak: [aes256]", 'gw.yaml:10:12: peers.b.weak[0]: "aes256" is not weak and needs no permission: take it out'],
    [
      "weak: [3dse]",
      'gw.yaml:10:12: peers.b.weak[0]: no such weak algorithm: "3dse", did you mean 3des? Possible: aes256gmac, aes192gmac, aes128gmac, 3des, des, null, md5, prfmd5, modp1536, modp1024, modp768',
    ],
    [
      "esp: aes256gcm16\nah: sha256",
      "gw.yaml:11:9: peers.b.ah: stands beside esp, and a Child SA of IKEv2 has one of them: take one out; a line may choose otherwise than its peer. AH around ESP needs ikev1: main or ikev1: aggressive",
    ],
    [
      "esp: aes256",
      'gw.yaml:10:16: peers.b.esp: the ESP proposal "aes256" lacks an integrity algorithm for aes256, for example sha256',
    ],
  ])("%s", async (rest, line) => {
    expect((await loadFolder(peer(rest))).lines).toEqual([line]);
  });
});

describe("wrong lines of protect", () => {
  const options =
    "gre, ipip, sit, ip6, vxlan, geneve, tunnel, routes, mode, esp, ah, lifetime, rekey, compress, start, idle, replay-window";

  it.each([
    [
      "gree",
      '9:14: peers.b.protect: no such overlay: "gree", did you mean gre? Possible: gre, ipip, sit, ip6, vxlan, geneve, tunnel',
    ],
    ["10.1.0.0/16 <-> 10.2.0.0/16", '9:14: peers.b.protect: for a tunnel write "tunnel: 10.1.0.0/16 <-> 10.2.0.0/16"'],
    ["[]", "9:14: peers.b.protect: needs at least one line"],
    ["[gre, gre]", "9:20: peers.b.protect[1]: protects the same as protect[0]: one line is enough, take one out"],
    ["{ gre: , vxlan: }", "9:14: peers.b.protect: names gre and vxlan: write a line for each of them"],
    [
      "{ esp: aes256gcm16 }",
      "9:14: peers.b.protect: names nothing to protect: add one of gre, ipip, sit, ip6, vxlan, geneve, tunnel",
    ],
    ["{ gre: , prot: 47 }", `9:23: peers.b.protect.prot: unknown key "prot". Possible here: ${options}`],
    [
      "{ vxlan: { prot: 1 } }",
      '9:25: peers.b.protect.vxlan.prot: unknown key "prot", did you mean port? Possible here: port',
    ],
    [
      "{ vxlan: { port: 4500 } }",
      "9:31: peers.b.protect.vxlan.port: UDP port 4500 carries IKE itself and cannot be an overlay's: give the port that vxlan really has",
    ],
    [
      "{ gre: , routes: off }",
      "9:31: peers.b.protect.routes: routes belong to tunnel lines, and this one protects gre",
    ],
    [
      "{ tunnel: 10.1.0.0/16 <-> 10.2.0.0/16, mode: transport }",
      "9:59: peers.b.protect.mode: transport mode carries no subnets: take mode out, or name an overlay",
    ],
    [
      "{ tunnel: 10.1.0.0/16 <-> 2001:db8::/32 }",
      "9:24: peers.b.protect.tunnel: has IPv4 on one side and IPv6 on the other: a tunnel carries one family, write a line for each",
    ],
    [
      '{ tunnel: "10.1.0.0/16, 10.3.0.0/33 <-> 10.2.0.0/16" }',
      '9:38: peers.b.protect.tunnel: has a length of 0 to 32 after the slash, not "33"',
    ],
    [
      '{ tunnel: "10.1.0.0/16 <-> 10.2.0.0/16, 10.2.3.0/24" }',
      "9:54: peers.b.protect.tunnel: has 10.2.0.0/16 and 10.2.3.0/24 on one side: take the narrower out",
    ],
    [
      "{ tunnel: 10.1.0.0/16 <-> 10.2.0.0/33 }",
      '9:40: peers.b.protect.tunnel: has a length of 0 to 32 after the slash, not "33"',
    ],
    [
      "{ tunnel: 10.1.2.3/16 <-> 10.2.0.0/16 }",
      "9:24: peers.b.protect.tunnel: 10.1.2.3/16 is an address inside 10.1.0.0/16: write 10.1.0.0/16",
    ],
    [
      "{ tunnel: 10.1.0.0/16 <-> 10.1.0.0/16 }",
      "9:24: peers.b.protect.tunnel: has 10.1.0.0/16 on both sides: ours stands left, the peer's right",
    ],
    [
      "{ tunnel: 10.1.0.0/16 }",
      '9:24: peers.b.protect.tunnel: is two subnets such as 10.1.0.0/16 <-> 10.2.0.0/16, ours first, not "10.1.0.0/16"',
    ],
    ["{ gre: , mode: beet }", '9:29: peers.b.protect.mode: is transport or tunnel, not "beet"'],
    ["{ gre: 47 }", "9:21: peers.b.protect.gre: takes no options of its own: write the other keys beside it"],
    ["{ gre: , start: later }", '9:30: peers.b.protect.start: is now or on-demand, not "later"'],
    [
      "{ gre: , start: on-demand }\ninitiate: no",
      "9:30: peers.b.protect.start: with initiate: no the peer is never called, and no packet can change that: take start out",
    ],
    [
      "{ gre: , replay-window: 5000 }",
      "9:38: peers.b.protect.replay-window: needs a whole number from 0 to 4096 (packets), not the number 5000",
    ],
    [
      "{ gre: , lifetime: { bytes: 1.5G } }",
      '9:42: peers.b.protect.lifetime.bytes: is a whole number, with K, M, G or T for powers of 1024, not "1.5G"',
    ],
  ])("protect: %s", async (protect, line) => {
    const { lines } = await loadFolder(withPeer(`remote: 192.0.2.2\n${auth}\nprotect: ${protect}`));
    expect(lines).toEqual([`gw.yaml:${line}`]);
  });
});

describe("errors outside peers are fatal", () => {
  it.each([
    [
      "locl:\n  id: a.example\n",
      'gw.yaml:1:1: locl: unknown key "locl", did you mean local? Possible here: local, peers, defaults, include, daemon',
    ],
    [
      "local:\n  adress: 192.0.2.1\n",
      'gw.yaml:2:3: local.adress: unknown key "adress", did you mean address? Possible here: id, address, hold-packets, lock, flood',
    ],
    [
      "local:\n  lock: [gre, vxlam]\n",
      'gw.yaml:2:15: local.lock[1]: no such overlay: "vxlam", did you mean vxlan? Possible: gre, ipip, sit, ip6, vxlan, geneve',
    ],
    [
      "local:\n  lock: [vxlan, vxlan: { port: 4789 }]\n",
      "gw.yaml:2:17: local.lock[1]: locks the same as vxlan: one is enough",
    ],
    [
      "local:\n  lock: { vxlan: { port: 500 } }\n",
      "gw.yaml:2:9: local.lock: UDP port 500 carries IKE itself and cannot be an overlay's: give the port that vxlan really has",
    ],
    ["daemon: { log-level: loud }\n", 'gw.yaml:1:22: daemon.log-level: is one of error, warn, info, debug, not "loud"'],
    [
      "daemon: { socket: run/x.sock }\n",
      'gw.yaml:1:19: daemon.socket: is the absolute path of a socket, at most 107 octets, not "run/x.sock"',
    ],
    [
      "defaults: { remote: 192.0.2.2 }\n",
      `gw.yaml:1:13: defaults.remote: unknown key "remote". Possible here: ${keysOfDefaults}`,
    ],
    [
      "include: 5\n",
      "gw.yaml:1:10: include: needs a file, a folder, or a pattern such as peers/*.yaml, not the number 5",
    ],
    ["", "gw.yaml:1:1: the file holds no configuration. Its keys are local, peers, defaults, include, daemon"],
    ["- a\n", "gw.yaml:1:1: the file holds no configuration. Its keys are local, peers, defaults, include, daemon"],
  ])("%j", async (text, line) => {
    const { lines, fatal, desired } = await loadFolder(
      `${text}${text === "" || text.startsWith("-") ? "" : `peers:\n${soundPeer("b")}`}`,
    );
    expect(lines.filter((each) => !each.includes("local.id or local.address"))).toEqual([line]);
    expect(fatal).toBe(true);
    expect(desired).toEqual({ local: { locks: [] }, peers: [] });
  });
});

it("tells everything at once, in the order of the lines", async () => {
  const { lines, desired } = await loadFolder(
    `local: { id: gw-a.example }\npeers:\n  b:\n    remote: 192.0.2.2\n    ${auth}\n    esp: aes\n    protect: [gree, { vxlan: { port: 0 } }]\n${soundPeer("c", "192.0.2.3")}  d: { remote: 192.0.2.4, ${auth}, protect: [grre] }\n`,
  );
  expect(lines.map((line) => line.split(": ").slice(0, 2))).toEqual([
    ["gw.yaml:6:13", "peers.b.esp"],
    ["gw.yaml:7:15", "peers.b.protect[0]"],
    ["gw.yaml:7:38", "peers.b.protect[1].vxlan.port"],
    ["gw.yaml:13:69", "peers.d.protect[0]"],
  ]);
  expect(desired.peers.map(({ name }) => name)).toEqual(["c"]);
});
