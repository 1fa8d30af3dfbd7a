import { describe, expect, it } from "vitest";
import type { Resolver } from "../../../src/config/load.ts";
import type { ChildDesired } from "../../../src/sa/desired.ts";
import { loadFolder, soundPeer } from "./folder.ts";

const auth = "auth: { psk: file:site-b.psk }";

function names(answers: Readonly<Record<string, readonly string[]>>): Resolver & { asked: string[] } {
  const asked: string[] = [];
  const resolve = async (name: string): Promise<readonly string[]> => {
    asked.push(name);
    const answer = answers[name];
    if (answer === undefined) throw Object.assign(new Error(`getaddrinfo ENOTFOUND ${name}`), { code: "ENOTFOUND" });
    return answer;
  };
  return Object.assign(resolve, { asked });
}

describe("what a peer comes to", () => {
  it("a tunnel line takes lists of subnets", async () => {
    const tunnel = "10.1.0.0/16, 10.3.0.0/16 <-> 10.2.0.0/16,10.4.0.0/16";
    const { desired, lines } = await loadFolder(
      `local: { address: 192.0.2.1 }\npeers:\n  b: { remote: 192.0.2.2, ${auth}, protect: [{ tunnel: "${tunnel}" }] }\n`,
    );
    expect(lines).toEqual([]);
    const name = "tunnel 10.1.0.0/16, 10.3.0.0/16 <-> 10.2.0.0/16, 10.4.0.0/16";
    expect(desired.peers[0]?.children).toMatchObject([
      {
        name,
        line: name,
        local: { prefix: { address: "10.1.0.0" }, more: [{ address: "10.3.0.0", length: 16 }] },
        remote: { prefix: { address: "10.2.0.0" }, more: [{ address: "10.4.0.0", length: 16 }] },
      },
    ]);
  });

  it("children wait for a packet where the peer, its line or the defaults say so", async () => {
    const { desired, lines } = await loadFolder(
      `local: { address: 192.0.2.1, hold-packets: yes }
defaults: { start: on-demand }
peers:
  b: { remote: 192.0.2.2, ${auth}, idle: 10m, protect: [gre, { vxlan: , start: now }, { ipip: , idle: off }] }
  c: { remote: 192.0.2.3, ${auth}, start: now, protect: gre }
  d: { remote: any, ${auth}, protect: sit }
`,
    );
    expect(lines).toEqual([]);
    expect(desired.local.holdPackets).toBe(true);
    const demands = desired.peers.map(({ children }) => children.map(({ onDemand }) => onDemand?.idle));
    expect(demands).toEqual([[600_000, undefined, undefined, 0], [undefined], [0]]);
  });

  it("everything that the file leaves out has a default", async () => {
    const { desired, lines } = await loadFolder(
      `local: { address: 192.0.2.1 }\npeers:\n  b: { remote: 192.0.2.2, ${auth}, protect: gre }\n`,
    );
    expect(lines).toEqual([]);
    const [peer] = desired.peers;
    expect(peer).toMatchObject({
      name: "b",
      remote: ["192.0.2.2"],
      local: "192.0.2.1",
      port: 500,
      localId: { idType: 1, text: "192.0.2.1" },
      remoteId: undefined,
      initiate: true,
      timing: {
        retransmitFirst: 1000,
        retransmitFactor: 1.4,
        retransmitTries: 12,
        liveness: 30_000,
        linger: 5_000,
        retryFirst: 1000,
        retryLongest: 60_000,
      },
      messages: { fragmentSize: 1_280 },
    });
    expect(peer?.children).toMatchObject([
      {
        name: "gre",
        line: "gre",
        protocol: "esp",
        mode: "transport",
        local: { prefix: "host", protocol: 47 },
        remote: { prefix: "host", protocol: 47 },
        hard: { seconds: 14_400, bytes: undefined, packets: undefined },
        replayWindow: 128,
        route: false,
      },
    ]);
    const words = (proposals: readonly { transforms: readonly { keyword: string }[] }[] | undefined) =>
      proposals?.map(({ transforms }) => transforms.map(({ keyword }) => keyword).join("-"));
    const methods = "x25519-ecp256-ecp384-ecp521-x448-modp3072-modp4096-modp2048";
    expect(words(peer?.children[0]?.proposals)).toEqual([
      `aes256gcm16-aes128gcm16-chacha20poly1305-${methods}-esn-noesn`,
      `aes256-aes128-sha256-${methods}-esn-noesn`,
      "aes256gcm16-aes128gcm16-chacha20poly1305-esn-noesn",
      "aes256-aes128-sha256-esn-noesn",
    ]);
    expect(words(peer?.ike)?.map((text) => text.split("-")[0])).toEqual(["aes256gcm16", "aes256"]);
  });

  it("the defaults name nothing weak", async () => {
    const { desired } = await loadFolder(`local: { id: a }\npeers:\n${soundPeer("b")}`);
    const rows = desired.peers.flatMap(({ ike, children }) => [
      ...ike,
      ...children.flatMap(({ proposals }) => proposals),
    ]);
    expect(rows.flatMap(({ transforms }) => transforms.filter((row) => "weak" in row || "decodeOnly" in row))).toEqual(
      [],
    );
  });

  it("every key is heard", async () => {
    const { desired, lines } = await loadFolder(`
local: { id: gw-a.example, address: [192.0.2.1, 192.0.2.9] }
peers:
  b:
    remote: [192.0.2.2, 192.0.2.3]
    local: 192.0.2.9
    port: 4500
    id: keyid:00FF
    local-id: admin@a.example
    ${auth}
    ike: aes128-sha256-modp2048
    esp: aes128gcm16
    initiate: no
    liveness: off
    retransmission: { first: 500ms, factor: 2, tries: 3 }
    retry: { first: 10s, longest: 5s }
    lifetime: { seconds: 600, bytes: 1G }
    replay-window: 64
    protect:
      - tunnel: 10.1.0.0/16 <-> 10.2.0.0/16
        routes: off
      - vxlan: { port: 8472 }
        ah: sha256
        lifetime: { packets: 2K }
        replay-window: 0
      - gre:
        mode: tunnel
`);
    expect(lines).toEqual([]);
    const [peer] = desired.peers;
    expect(peer).toMatchObject({
      remote: ["192.0.2.2", "192.0.2.3"],
      local: "192.0.2.9",
      port: 4500,
      localId: { idType: 3, text: "admin@a.example" },
      remoteId: { idType: 11, text: "keyid:00ff", octets: Uint8Array.of(0, 255) },
      initiate: false,
      timing: {
        retransmitFirst: 500,
        retransmitFactor: 2,
        retransmitTries: 3,
        liveness: 0,
        retryFirst: 10_000,
        retryLongest: 10_000,
      },
    });
    expect(peer?.ike.map(({ transforms }) => transforms.map(({ keyword }) => keyword))).toEqual([
      ["aes128", "sha256", "modp2048", "prfsha256"],
    ]);
    const tunnelLife = { seconds: 600, bytes: 1n << 30n, packets: undefined };
    const vxlanLife = { seconds: 14_400, bytes: undefined, packets: 2048n };
    expect(
      peer?.children.map(({ name, line, mode, protocol, hard, replayWindow, route, proposals }) => ({
        name,
        line,
        mode,
        protocol,
        hard,
        replayWindow,
        route,
        first: proposals[0]?.transforms[0]?.keyword,
      })),
    ).toEqual([
      {
        name: "tunnel 10.1.0.0/16 <-> 10.2.0.0/16",
        line: "tunnel 10.1.0.0/16 <-> 10.2.0.0/16",
        mode: "tunnel",
        protocol: "esp",
        hard: tunnelLife,
        replayWindow: 64,
        route: false,
        first: "aes128gcm16",
      },
      {
        name: "vxlan-8472/to",
        line: "vxlan 8472",
        mode: "transport",
        protocol: "ah",
        hard: vxlanLife,
        replayWindow: 0,
        route: false,
        first: "sha256",
      },
      {
        name: "vxlan-8472/from",
        line: "vxlan 8472",
        mode: "transport",
        protocol: "ah",
        hard: vxlanLife,
        replayWindow: 0,
        route: false,
        first: "sha256",
      },
      {
        name: "gre",
        line: "gre",
        mode: "tunnel",
        protocol: "esp",
        hard: tunnelLife,
        replayWindow: 64,
        route: false,
        first: "aes128gcm16",
      },
    ]);
  });

  it("defaults hold for every peer that says nothing itself", async () => {
    const { desired, lines } = await loadFolder(`
local: { id: gw-a.example }
defaults:
  ${auth}
  port: 4500
  esp: aes128gcm16
  liveness: 5s
peers:
  b: { remote: 192.0.2.2, id: b, protect: gre }
  c: { remote: 192.0.2.3, id: c, protect: gre, liveness: 7s, ah: sha256 }
`);
    expect(lines).toEqual([]);
    expect(desired.peers.map(({ port, timing, auth }) => [port, timing.liveness, auth.local[0]?.credential])).toEqual([
      [4500, 5000, { kind: "psk", secret: expect.objectContaining({ name: "file:site-b.psk" }) }],
      [4500, 7000, { kind: "psk", secret: expect.objectContaining({ name: "file:site-b.psk" }) }],
    ]);
    expect(desired.peers.map(({ children }) => children[0]?.protocol)).toEqual(["esp", "ah"]);
  });

  it("a weak default needs each peer's own permission", async () => {
    const { lines, desired } = await loadFolder(`
local: { id: gw-a.example }
defaults: { ${auth}, esp: 3des-sha1 }
peers:
  b: { remote: 192.0.2.2, protect: gre }
  c: { remote: 192.0.2.3, protect: gre, weak: 3des }
`);
    expect(lines.map((line) => line.slice(0, 60))).toEqual([
      "gw.yaml:5:3: peers.b.esp: 3des is weak: its 64-bit blocks re",
      "gw.yaml:6:3: warning: peers.c.esp: 3des is weak: its 64-bit ",
    ]);
    expect(desired.peers.map(({ name }) => name)).toEqual(["c"]);
  });

  it("our address is the first of the peer's family", async () => {
    const { desired } = await loadFolder(
      `local: { id: a, address: ["2001:db8::1", 192.0.2.1, 192.0.2.7] }\npeers:\n${soundPeer("b")}${soundPeer("c", "2001:DB8:0::2")}`,
    );
    expect(desired.peers.map(({ local, remote }) => [local, remote])).toEqual([
      ["192.0.2.1", ["192.0.2.2"]],
      ["2001:db8::1", ["2001:db8::2"]],
    ]);
  });

  it("without a name and an address of ours nobody knows who we are", async () => {
    const { lines } = await loadFolder(`peers:\n${soundPeer("b")}`);
    expect(lines).toEqual([
      "gw.yaml:2:3: peers.b: we have neither a name nor an address towards this peer: give local.id or local.address",
    ]);
  });

  it("locks", async () => {
    const { desired, lines } = await loadFolder("local: { lock: [gre, vxlan, vxlan: { port: 8472 }, geneve] }\n");
    expect(lines).toEqual([]);
    expect(desired.local.locks).toEqual([
      { name: "gre", protocol: 47 },
      { name: "vxlan", protocol: 17, port: 4789 },
      { name: "vxlan-8472", protocol: 17, port: 8472 },
      { name: "geneve", protocol: 17, port: 6081 },
    ]);
  });

  it("the daemon's own keys", async () => {
    const { daemon } = await loadFolder("local: { id: a }\ndaemon: { socket: /run/x.sock, log-level: debug }\n");
    expect(daemon).toEqual({ socket: "/run/x.sock", logLevel: "debug" });
  });
});

describe("whoever calls", () => {
  const road = `peers:\n  road: { remote: any, id: road.example, ${auth}, protect: gre }\n`;

  it("is never called", async () => {
    const { desired, lines } = await loadFolder(`local: { id: a, address: 192.0.2.1 }\n${road}`);
    expect(lines).toEqual([]);
    expect(desired.peers).toMatchObject([{ remote: "any", local: "192.0.2.1", initiate: false }]);
  });

  it("may call any address of several", async () => {
    const { desired } = await loadFolder(`local: { id: a, address: [192.0.2.1, "2001:db8::1"] }\n${road}`);
    expect(desired.peers).toMatchObject([{ remote: "any", local: undefined }]);
  });

  it("needs an address of ours", async () => {
    const { lines } = await loadFolder(`local: { id: a }\n${road}`);
    expect(lines).toEqual([
      "gw.yaml:3:19: peers.road.remote: any needs an address of ours that the peer calls: give local.address, or local in this peer",
    ]);
  });

  it("is not called though the defaults say so", async () => {
    const { desired, lines } = await loadFolder(
      `local: { id: a, address: 192.0.2.1 }\ndefaults: { initiate: yes }\n${road}`,
    );
    expect(lines).toEqual([]);
    expect(desired.peers).toMatchObject([{ initiate: false }]);
  });
});

describe("DNS names", () => {
  const peer = (name: string, remote: string): string =>
    `  ${name}: { remote: ${remote}, id: ${name}, ${auth}, protect: [gre, tunnel: 10.1.0.0/16 <-> 10.${name.length}.0.0/16] }\n`;

  it("come to addresses, each name asked for once", async () => {
    const resolve = names({ "gw.example": ["192.0.2.2", "192.0.2.3"] });
    const { desired, lines } = await loadFolder(
      `local: { id: a }\npeers:\n${peer("bb", "gw.example")}${peer("ccc", "[192.0.2.4, gw.example]")}`,
      resolve,
    );
    expect(resolve.asked).toEqual(["gw.example"]);
    expect(desired.peers.map(({ remote }) => remote)).toEqual([["192.0.2.2", "192.0.2.3"]]);
    // The second peer's gre towards the same host is the first peer's.
    expect(lines.map((line) => line.slice(0, 35))).toEqual(["gw.yaml:4:94: peers.ccc.protect[0]:"]);
  });

  it("give the addresses of our own family", async () => {
    const resolve = names({ "gw.example": ["2001:db8::2", "192.0.2.2"] });
    const { desired } = await loadFolder(
      `local: { id: a, address: 192.0.2.1 }\npeers:\n${peer("bb", "gw.example")}`,
      resolve,
    );
    expect(desired.peers.map(({ remote }) => remote)).toEqual([["192.0.2.2"]]);
  });

  it("give the first answer's family where we have both", async () => {
    const resolve = names({ "gw.example": ["2001:db8::2", "192.0.2.2"] });
    const { desired } = await loadFolder(
      `local: { id: a, address: [192.0.2.1, "2001:db8::1"] }\npeers:\n${peer("bb", "gw.example")}`,
      resolve,
    );
    expect(desired.peers.map(({ remote, local }) => [remote, local])).toEqual([[["2001:db8::2"], "2001:db8::1"]]);
  });

  it("that do not resolve are an error of their peer alone, whose tunnels are locked", async () => {
    const { lines, desired, broken, unresolved, fatal } = await loadFolder(
      `local: { id: a }\npeers:\n${peer("bb", "gone.example")}${soundPeer("c")}`,
      names({}),
    );
    expect(lines).toEqual([
      "gw.yaml:3:17: peers.bb.remote: gone.example does not resolve: the name is not known. It will be tried again",
    ]);
    expect(desired.peers.map(({ name }) => name)).toEqual(["c"]);
    expect(broken).toMatchObject([
      { name: "bb", remote: [], children: [{ name: "tunnel 10.1.0.0/16 <-> 10.2.0.0/16" }] },
    ]);
    expect(unresolved).toEqual([{ peer: "bb", name: "gone.example" }]);
    expect(fatal).toBe(false);
  });

  it("that do not resolve beside others that do are a warning", async () => {
    const { lines, desired, unresolved } = await loadFolder(
      `local: { id: a }\npeers:\n${peer("bb", "[gone.example, 192.0.2.5]")}`,
      names({}),
    );
    expect(lines).toEqual([
      "gw.yaml:3:17: warning: peers.bb.remote: gone.example does not resolve: the name is not known. It will be tried again",
    ]);
    expect(desired.peers.map(({ remote }) => remote)).toEqual([["192.0.2.5"]]);
    expect(unresolved).toEqual([{ peer: "bb", name: "gone.example" }]);
  });

  it("whose answers are no addresses do not resolve", async () => {
    const { problems } = await loadFolder(
      `local: { id: a }\npeers:\n${peer("bb", "odd.example")}`,
      names({ "odd.example": ["fe80::1%2"] }),
    );
    expect(problems[0]?.sentence).toBe("odd.example does not resolve: it has no address. It will be tried again");
  });

  it("in another family than ours", async () => {
    const { problems } = await loadFolder(
      `local: { id: a, address: 192.0.2.1 }\npeers:\n${peer("bb", "six.example")}`,
      names({ "six.example": ["2001:db8::2"] }),
    );
    expect(problems[0]?.sentence).toBe(
      "2001:db8::2 is IPv6, and of our addresses (192.0.2.1) none is: add one to local.address",
    );
  });
});

describe("a broken peer is locked as far as it can be understood", () => {
  it("its sound lines are, whatever else is wrong", async () => {
    const { broken, desired } = await loadFolder(`
local: { id: a, address: 192.0.2.1 }
peers:
  b:
    remote: 192.0.2.2
    auth: { psk: file:nowhere }
    esp: nonsense
    protect: [gre, grre, tunnel: 10.1.0.0/16 <-> 10.2.0.0/16, vxlan: { port: 500 }]
${soundPeer("c", "192.0.2.3")}`);
    expect(desired.peers.map(({ name }) => name)).toEqual(["c"]);
    expect(broken).toMatchObject([
      {
        name: "b",
        remote: ["192.0.2.2"],
        local: "192.0.2.1",
        children: [{ name: "gre" }, { name: "tunnel 10.1.0.0/16 <-> 10.2.0.0/16", mode: "tunnel" }],
      },
    ]);
  });
});

describe("ikev1", () => {
  const peer = (keys: string): string =>
    `local: { id: gw-a.example, address: 192.0.2.1 }\npeers:\n  b: { remote: 192.0.2.2, auth: { psk: file:site-b.psk }, protect: gre, ${keys} }\n`;

  it.each(["main", "aggressive", "accept"] as const)("%s is taken over", async (mode) => {
    const { desired } = await loadFolder(peer(`ikev1: ${mode}`));
    expect(desired.peers[0]?.ikev1).toBe(mode);
  });

  it("has proposals of its own where the peer is called with it", async () => {
    const { desired } = await loadFolder(peer("ikev1: main"));
    const words = desired.peers[0]?.ike.flatMap(({ transforms }) => transforms.map(({ keyword }) => keyword));
    expect(words).toContain("modp2048");
    expect(words).not.toContain("x25519");
  });

  it.each([
    [
      "a proposal that it cannot name",
      "ikev1: main, ike: aes256gcm16-prfsha384-x25519",
      "ike: has no proposal that IKEv1 can name",
    ],
    ["a child that it cannot name", "ikev1: main, esp: chacha20poly1305", "has no esp proposal that IKEv1 can name"],
    ["aggressive mode, which is weak", "ikev1: aggressive", "in aggressive mode whoever listens can try secrets"],
    ["a mode that is none", "ikev1: quick", "ikev1"],
    ["single DES in IKEv2", "weak: des", "weak: names des, which IKEv2 must not use"],
  ])("is told of %s", async (_, keys, sentence) => {
    const { lines } = await loadFolder(peer(keys));
    expect(lines).toEqual([expect.stringContaining(sentence)]);
  });

  it.each([
    ["weak: des, ike: des-sha256-modp2048", ["ike", "weak"]],
    ["weak: des, esp: des-sha256", ["protect", "weak"]],
  ])("is needed for single DES: %s", async (keys, places) => {
    const { lines } = await loadFolder(peer(keys));
    const errors = lines.filter((line) => line.includes("which IKEv2 must not use (RFC 8247 2.1)"));
    expect(errors).toHaveLength(places.length);
    for (const place of places) expect(errors).toContainEqual(expect.stringContaining(`peers.b.${place}: `));
    const { desired } = await loadFolder(peer(`${keys}, ikev1: main`));
    expect(desired.peers).toHaveLength(1);
  });

  it("with esp and ah together: AH around ESP, which may encrypt alone", async () => {
    const { desired, lines } = await loadFolder(
      peer("ikev1: main, esp: [aes256, aes128-sha256-modp2048], ah: [sha256, sha512]"),
    );
    expect(lines).toEqual([]);
    const [child] = desired.peers[0]?.children ?? [];
    const words = (list: ChildDesired["proposals"] = []) =>
      list.map(({ transforms }) => transforms.map(({ keyword }) => keyword).join("-"));
    expect(child).toMatchObject({ protocol: "esp" });
    expect(words(child?.proposals)).toEqual(["aes256-noesn", "aes128-sha256-modp2048-noesn"]);
    expect(words(child?.ah)).toEqual(["sha256-noesn", "sha512-noesn"]);
  });

  it.each([
    ["without IKEv1", "esp: aes256-sha256, ah: sha256", "stands beside esp"],
    ["where IKEv2 is called", "ikev1: accept, esp: aes256-sha256, ah: sha256", "stands beside esp"],
    ["with a group in ah", "ikev1: main, esp: aes256, ah: sha256-modp2048", "names a key exchange"],
    ["encrypting alone without ah", "ikev1: main, esp: aes256", "lacks an integrity algorithm for aes256"],
    [
      "encrypting alone in a line without ah",
      "ikev1: main, ah: sha256, protect: { gre: , esp: aes256 }",
      "lacks an integrity",
    ],
    [
      "with what IKEv1 cannot name",
      "ikev1: main, esp: chacha20poly1305, ah: sha256",
      "has no esp proposal that IKEv1 can name",
    ],
  ])("esp and ah %s are refused", async (_, keys, sentence) => {
    const text = keys.includes("protect") ? peer(keys).replace("protect: gre, ", "") : peer(keys);
    const { lines, desired } = await loadFolder(text);
    expect(lines).toEqual([expect.stringContaining(sentence)]);
    expect(desired.peers).toEqual([]);
  });

  it("has a child for each pair of subnets of a line, since an SA of IKEv1 has one at each end", async () => {
    const several = (mode: string) =>
      `local: { id: gw-a.example, address: 192.0.2.1 }
peers:
  c: { remote: 192.0.2.3, auth: { psk: file:site-b.psk }, ikev1: ${mode}, esp: aes256-sha256, protect: { tunnel: "10.1.0.0/16, 10.3.0.0/16 <-> 10.2.0.0/16, 10.4.0.0/16" } }
`;
    const { desired, lines } = await loadFolder(several("main"));
    expect(lines).toEqual([]);
    const children = desired.peers[0]?.children ?? [];
    expect(children.map(({ name }) => name)).toEqual([
      "tunnel 10.1.0.0/16 <-> 10.2.0.0/16",
      "tunnel 10.1.0.0/16 <-> 10.4.0.0/16",
      "tunnel 10.3.0.0/16 <-> 10.2.0.0/16",
      "tunnel 10.3.0.0/16 <-> 10.4.0.0/16",
    ]);
    expect(new Set(children.map(({ line }) => line)).size).toBe(1);
    const accepted = await loadFolder(several("accept"));
    expect(accepted.lines).toEqual([expect.stringContaining("has several subnets")]);
  });

  it("needs a secret", async () => {
    const text = `local: { id: gw-a.example, address: 192.0.2.1 }
peers:
  b: { remote: 192.0.2.2, auth: { unauthenticated: yes }, ikev1: main, protect: gre }
`;
    const { lines } = await loadFolder(text);
    expect(lines.filter((line) => line.includes("needs one way"))).toHaveLength(1);
  });
});
