// IKEv1 with Libreswan, through a NAT, with a peer that vanishes, and under ike-scan.
import { expect } from "vitest";
import { authority, Openssl, rsa2048 } from "../unit/credentials/openssl.ts";
import { peerOf, statusOf } from "./daemon-words.ts";
import { type Protect, secret, strongswanChildren } from "./ends.ts";
import { Flood } from "./lab/flood.ts";
import { kernelSas } from "./lab/kernel-state.ts";
import type { Libreswan, LibreswanConnection } from "./lab/libreswan.ts";
import { type Machine, sleep, waitFor } from "./lab/machine.ts";
import { type Lab, scenario } from "./lab/scenario.ts";
import type { Connection, StrongswanVersion } from "./lab/strongswan.ts";
import { lostPings } from "./lab/traffic.ts";
import type { Underlock } from "./lab/underlock.ts";

const between = ["a", "b"] as const;
const noneLost = { 56: 0, 1300: 0, 5000: 0 };
/** Notices within some seconds that nobody is there, and calls again soon. */
const impatient = { liveness: "3s", retransmission: { first: "1s", factor: 1, tries: 2 }, retry: { longest: "2s" } };

/** A way of speaking IKEv1 with Libreswan: a peer of ours, at an address of its own, and connections of pluto's. */
interface Way {
  readonly name: string;
  readonly address: string;
  readonly ours: Readonly<Record<string, unknown>>;
  readonly protect: (lab: Lab) => readonly Protect[];
  readonly theirs: Readonly<Record<string, string>>;
  readonly connections: (
    lab: Lab,
  ) => Readonly<Record<string, Pick<LibreswanConnection, "mode" | "selectors" | "more">>>;
}

const psk = { psk: "file:peer.psk" };
const gre = { mode: "transport", selectors: { leftprotoport: "gre", rightprotoport: "gre" } } as const;

/** Its commands for a rekey are for IKEv2: with IKEv1 it replaces an SA ten seconds before its time is over, or not at all. */
const soonReplaced = { salifetime: "25s", ikelifetime: "30s", rekeymargin: "10s", rekeyfuzz: "0%" };

const ways: readonly Way[] = [
  {
    name: "main",
    address: "192.0.2.101",
    ours: { ikev1: "main", auth: psk, ike: "aes256-sha256-modp2048", esp: "aes256-sha256" },
    protect: (lab) => [
      "gre",
      { tunnel: `${lab.gateway("a").lan.v4.prefix} <-> ${lab.gateway("b").lan.v4.prefix}`, compress: true },
    ],
    theirs: { ike: "aes256-sha2_256-modp2048", esp: "aes256-sha2_256", pfs: "no", ...soonReplaced },
    connections: (lab) => ({
      gre,
      net: {
        mode: "tunnel",
        selectors: { leftsubnet: lab.gateway("b").lan.v4.prefix, rightsubnet: lab.gateway("a").lan.v4.prefix },
        more: { compress: "yes" },
      },
    }),
  },
  {
    name: "aggressive",
    address: "192.0.2.102",
    ours: { ikev1: "aggressive", auth: psk, ike: "aes128-sha1-modp2048", ah: "sha256-modp2048" },
    protect: () => ["gre"],
    theirs: { aggressive: "yes", ike: "aes128-sha1-modp2048", phase2: "ah", ah: "sha2_256", pfs: "yes" },
    connections: () => ({ gre }),
  },
  {
    name: "rsa",
    address: "192.0.2.103",
    ours: {
      ikev1: "main",
      auth: { certificate: "a.pem", key: "a.key", trust: "root.pem" },
      ike: "aes128-sha256-modp2048",
      esp: "aes256gcm16-modp2048",
    },
    protect: () => ["vxlan"],
    theirs: {
      authby: "rsasig",
      leftcert: "rsa.b",
      leftsendcert: "always",
      rightca: "%any",
      ike: "aes128-sha2_256-modp2048",
      esp: "aes_gcm256",
      pfs: "yes",
    },
    connections: () => ({
      to: { mode: "transport", selectors: { leftprotoport: "udp", rightprotoport: "udp/4789" } },
      from: { mode: "transport", selectors: { leftprotoport: "udp/4789", rightprotoport: "udp" } },
    }),
  },
];

const nameOf = (way: Way, connection: string) => `${way.name}-${connection}`;

function ourEnd(lab: Lab, pem: (name: string) => string): Underlock {
  const section = (way: Way) => ({
    remote: way.address,
    id: `${way.name}.b.example`,
    "local-id": `${way.name}.a.example`,
    ...way.ours,
    ...impatient,
    protect: way.protect(lab),
    initiate: false,
  });
  return lab.underlock("a", {
    config: {
      local: { address: lab.gateway("a").address.v4 },
      peers: Object.fromEntries(ways.map((way) => [way.name, section(way)])),
    },
    files: {
      "peer.psk": `${secret}\n`,
      "root.pem": pem("root.pem"),
      "a.pem": pem("rsa.a.pem"),
      "a.key": pem("rsa.a.key"),
    },
  });
}

async function theirEnd(lab: Lab, openssl: Openssl): Promise<Libreswan> {
  const connections = ways.flatMap((way) =>
    Object.entries(way.connections(lab)).map(
      ([name, selected]): LibreswanConnection => ({
        name: nameOf(way, name),
        localAddress: way.address,
        remoteAddress: lab.gateway("a").address.v4,
        localId: `${way.name}.b.example`,
        remoteId: `${way.name}.a.example`,
        secret,
        ...selected,
        more: { keyexchange: "ikev1", ...way.theirs, ...selected.more },
      }),
    ),
  );
  const key = ["-inkey", "rsa.b.key", "-in", "rsa.b.pem"];
  openssl.run("pkcs12", "-export", ...key, "-name", "rsa.b", "-passout", "pass:", "-out", "rsa.p12");
  const store = [{ name: "rsa.p12", octets: openssl.read("rsa.p12") }];
  return await lab.libreswan("b", connections, {
    store,
    certificates: [{ name: "root", pem: openssl.read("root.pem").toString(), trust: "CT,," }],
  });
}

function issueAll(openssl: Openssl): void {
  openssl.issue({ name: "root", subject: "/CN=root", extensions: authority });
  for (const name of ["rsa.a", "rsa.b"]) {
    const extensions = [`subjectAltName=DNS:${name}.example`];
    openssl.issue({ name, subject: `/CN=${name}.example`, key: rsa2048, issuer: "root", extensions });
  }
}

async function expectTraffic(lab: Lab): Promise<void> {
  const [left, right] = [lab.gateway("a"), lab.gateway("b")];
  for (const { inner } of lab.topology.overlays)
    expect(await lostPings(left.machine, inner.a ?? "", inner.b ?? "")).toEqual(noneLost);
  expect(await lostPings(left.inside.machine, left.inside.address.v4, right.inside.address.v4)).toEqual(noneLost);
}

/** Every child of every peer, one pair each, and one ISAKMP SA. */
async function expectOne(ours: Underlock): Promise<void> {
  await waitFor(
    "one pair of each child",
    async () => {
      const report = await statusOf(ours);
      return ways.every(({ name }) => {
        const { ikeSas, children } = peerOf(report, name);
        return ikeSas.length === 1 && children.every(({ state, sas }) => state === "up" && sas.length === 1);
      });
    },
    40_000,
  );
}

const spec = {
  gateways: between,
  lan: "host",
  overlays: [
    { kind: "gre", between, family: "v4", at: { b: "192.0.2.101" } },
    { kind: "gre", between, family: "v4", at: { b: "192.0.2.102" } },
    { kind: "vxlan", between, family: "v4", at: { b: "192.0.2.103" } },
  ],
  seconds: 180,
} as const;

scenario(
  "Libreswan 5.2: main and aggressive mode, secrets and RSA, ESP, AH and IPComp, both roles",
  spec,
  async (lab) => {
    const openssl = new Openssl();
    try {
      issueAll(openssl);
      const left = lab.gateway("a").machine;
      const ours = ourEnd(lab, (name) => openssl.read(name).toString());
      await ours.start();
      const pluto = await theirEnd(lab, openssl);
      for (const way of ways) {
        for (const name of Object.keys(way.connections(lab)))
          expect(`${name}: ${await pluto.refusal(nameOf(way, name))}`).toBe(`${name}: undefined`);
      }
      await expectTraffic(lab);
      const used = (await kernelSas(left)).filter(({ packets }) => packets > 0).map(({ proto }) => proto);
      expect(used).toEqual(expect.arrayContaining(["esp", "ah", "comp"]));
      // Both phases, each end's in turn.
      const [tunnel] = lab.topology.overlays;
      const flood = Flood.start(left, tunnel?.inner.a ?? "", tunnel?.inner.b ?? "", 100);
      await waitFor("that pings are answered", () => flood.answered);
      for (const what of ["Quick Mode", "IKEv1 Main Mode"]) {
        const begun = () => pluto.log().match(new RegExp(`"main-gre" #\\d+: initiating ${what}`, "g"))?.length ?? 0;
        await waitFor(`that it replaces what ${what} made`, () => begun() > 1, 40_000);
      }
      await ours.must("rekey", "main");
      await sleep(1_000);
      await ours.must("rekey", "main", "--ike");
      await sleep(2_000);
      expect(await flood.stop()).toMatchObject({ lost: [] });
      await expectOne(ours);
      for (const { name } of ways) {
        await ours.must("down", name);
        await ours.must("up", name);
      }
      await expectTraffic(lab);
      await expectOne(ours);
      // It vanishes without a word.
      await pluto.stop("SIGKILL");
      await waitFor(
        "that it is missed",
        async () => (await statusOf(ours)).peers.every(({ state }) => state === "waiting"),
        30_000,
      );
      expect(await kernelSas(left)).toEqual([]);
    } finally {
      openssl.remove();
    }
  },
);

scenario(
  "ike-scan: a handshake in either mode, and nothing that it sends ends us",
  { gateways: between },
  async (lab) => {
    const ours = lab.underlock("a", {
      config: {
        local: { id: "a.example", address: lab.gateway("a").address.v4 },
        peers: {
          b: {
            remote: lab.gateway("b").address.v4,
            id: "b.example",
            auth: psk,
            ikev1: "aggressive",
            ike: "aes256-sha256-modp2048",
            esp: "aes256-sha256",
            protect: ["gre"],
            initiate: false,
          },
        },
      },
      files: { "peer.psk": `${secret}\n` },
    });
    await ours.start();
    const { machine } = lab.gateway("b");
    const scan = (...words: string[]) => scanned(machine, lab.gateway("a").address.v4, words);
    const ourSuite = "--trans=(1=7,14=256,2=4,3=1,4=14)";
    expect(await scan(ourSuite)).toContain("Main Mode Handshake returned");
    const aggressive = ["--aggressive", "--id=b.example", "--idtype=2", "--dhgroup=14", ourSuite];
    expect(await scan(...aggressive)).toContain("Aggressive Mode Handshake returned");
    expect(await scan(...aggressive, "--id=nobody.example")).not.toContain("Handshake returned");
    // What it offers by itself is DES and triple DES.
    expect(await scan()).toContain("NO-PROPOSAL-CHOSEN");
    expect(await scan("--vendor=00", "--lifetime=none", "--lifesize=none", ourSuite)).toContain("Handshake returned");
    for (const odd of ["--headerver=0x30", "--hdrflags=255", "--hdrmsgid=1", "--doi=2", "--situation=4", "--mbz=255"])
      await scan(ourSuite, odd);
    await scan("--ikev2");
    await scan("--rcookie=0123456789abcdef", ourSuite);
    expect(await scan(ourSuite)).toContain("Main Mode Handshake returned");
    expect(peerOf(await statusOf(ours), "b").ikeSas).toEqual([]);
    expect(await ours.stop()).toBe(0);
  },
);

async function scanned(machine: Machine, target: string, words: readonly string[]): Promise<string> {
  const quoted = words.map((word) => `'${word}'`).join(" ");
  const { stdout, stderr } = await machine.attempt(`ike-scan --sport=0 --retry=1 --timeout=700 ${quoted} ${target}`);
  return `${stdout}${stderr}`;
}

const lans = (lab: Lab) => between.map((name) => lab.gateway(name).lan.v4.prefix);
const natProposals = { ike: "aes256-sha256-modp2048", esp: "aes256-sha256" };

/** The other end of a tunnel through a NAT: what it is to be told, and what it can be asked for. */
interface NatEnd {
  readonly here: "a" | "b";
  readonly local: string;
  readonly remote: string;
}

interface Other {
  call(): Promise<void>;
  stop(signal?: "SIGTERM" | "SIGKILL"): Promise<void>;
}

async function strongswan(lab: Lab, version: StrongswanVersion, { here, local, remote }: NatEnd): Promise<Other> {
  const there = here === "a" ? "b" : "a";
  const child = strongswanChildren.net(lab.gateway(here).lan.v4.prefix, lab.gateway(there).lan.v4.prefix);
  const connection: Connection = {
    name: there,
    version: 1,
    ike: natProposals.ike,
    localAddress: local,
    remoteAddress: remote === "any" ? "%any" : remote,
    localId: `${here}.example`,
    remoteId: `${there}.example`,
    secret,
    children: child.map((one) => ({ ...one, esp: natProposals.esp })),
  };
  const charon = await lab.strongswan(here, version, [connection]);
  return { call: () => charon.initiate("net"), stop: (signal) => charon.stop(signal) };
}

async function libreswan(lab: Lab, { here, local, remote }: NatEnd): Promise<Other> {
  const there = here === "a" ? "b" : "a";
  const pluto = await lab.libreswan(here, [
    {
      name: "net",
      localAddress: local,
      remoteAddress: remote === "any" ? "%any" : remote,
      localId: `${here}.example`,
      remoteId: `${there}.example`,
      secret,
      mode: "tunnel",
      selectors: { leftsubnet: lab.gateway(here).lan.v4.prefix, rightsubnet: lab.gateway(there).lan.v4.prefix },
      more: { keyexchange: "ikev1", ike: "aes256-sha2_256-modp2048", esp: "aes256-sha2_256", pfs: "no" },
    },
  ]);
  return { call: () => pluto.initiate("net"), stop: (signal) => pluto.stop(signal) };
}

const others: readonly (readonly [string, (lab: Lab, end: NatEnd) => Promise<Other>])[] = [
  ["Libreswan 5.2", libreswan],
  ["strongSwan 5.9.8", (lab, end) => strongswan(lab, "5.9.8", end)],
  ["strongSwan 6.0.1", (lab, end) => strongswan(lab, "6.0.1", end)],
];

/** Pings between the LANs, in both directions; the size of a whole datagram fragments outside. */
async function expectArrival(lab: Lab, name: string): Promise<void> {
  const [left, right] = between.map((gateway) => lab.gateway(gateway).inside);
  if (left === undefined || right === undefined) throw new Error("no LANs");
  const sizes = { sizes: [56, 5000] };
  const lost = [
    await lostPings(left.machine, left.address.v4, right.address.v4, sizes),
    await lostPings(right.machine, right.address.v4, left.address.v4, sizes),
  ];
  expect({ name, lost }).toEqual({ name, lost: [0, 0].map((none) => ({ 56: none, 5000: none })) });
}

scenario(
  "strongSwan and Libreswan through a NAT, in both roles; one vanishes, and comes back",
  { gateways: between, lan: "host", seconds: 180 },
  async (lab) => {
    const nat = await lab.nat({ behind: ["a"] });
    const server = lab.gateway("b").address.v4;
    const [near = "", far = ""] = lans(lab);
    const section = { auth: psk, ikev1: "main", ...natProposals, ...impatient };
    const ours = (here: string, there: string, local: string, remote: string, line: string) =>
      lab.underlock(here, {
        config: {
          local: { id: `${here}.example`, address: local },
          peers: { [there]: { ...section, remote, id: `${there}.example`, protect: [{ tunnel: line }] } },
        },
        files: { "peer.psk": `${secret}\n` },
      });
    // They call from behind the NAT.
    const called = ours("b", "a", server, "any", `${far} <-> ${near}`);
    await called.start();
    for (const [name, begin] of others) {
      const caller = await begin(lab, { here: "a", local: nat.inside("a"), remote: server });
      await caller.call();
      await expectArrival(lab, name);
      const sas = await kernelSas(lab.gateway("b").machine);
      expect(sas.map(({ encap }) => encap?.includes("espinudp"))).toEqual([true, true]);
      await caller.stop();
      await waitFor("that it has said good-bye", async () => peerOf(await statusOf(called), "a").ikeSas.length === 0);
    }
    await called.stop();
    await called.must("unlock");
    // We do.
    const calling = ours("a", "b", nat.inside("a"), server, `${near} <-> ${far}`);
    const end = { here: "b", local: server, remote: "any" } as const;
    const stateOf = async () => peerOf(await statusOf(calling), "b").state;
    for (const [i, [name, begin]] of others.entries()) {
      const other = await begin(lab, end);
      if (i === 0) await calling.start();
      await calling.ask("up", { peer: "b" });
      await expectArrival(lab, name);
      if (i < others.length - 1) {
        await calling.ask("down", { peer: "b" });
        await other.stop();
      } else await other.stop("SIGKILL");
    }
    await waitFor("that it is missed", async () => (await stateOf()) === "connecting", 30_000);
    expect(await kernelSas(lab.gateway("a").machine)).toEqual([]);
    const back = await strongswan(lab, "6.0.1", end);
    await waitFor("that it is back", async () => (await stateOf()) === "up", 30_000);
    await expectArrival(lab, "strongSwan 6.0.1, back");
    await back.stop();
  },
);
