// Who the peer is: by identity where several have one address, from anywhere, and by a name that is looked up.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { logLines, peerOf, statusOf } from "./daemon-words.ts";
import { connection, secret, strongswanChildren, underlock } from "./ends.ts";
import { kernelPolicies, kernelSas } from "./lab/kernel-state.ts";
import { scenario } from "./lab/scenario.ts";
import type { Connection } from "./lab/strongswan.ts";
import { lostPings } from "./lab/traffic.ts";

const answered = { 56: 0 };
const small = { sizes: [56] };

scenario(
  "several peers at one address, told apart by their identities",
  { gateways: ["a", "b"], lan: "device", seconds: 120 },
  async (lab) => {
    const { a, b } = { a: lab.gateway("a"), b: lab.gateway("b") };
    const names = ["x", "y", "z"] as const;
    await b.machine.ip(names.map((_, index) => `address add 10.2.${index + 1}.1/24 dev lan0`));
    const subnet = (index: number) => `10.2.${index + 1}.0/24`;
    const ours = lab.underlock("a", {
      config: {
        local: { id: "a.example", address: a.address.v4 },
        peers: Object.fromEntries(
          names.map((name, index) => [
            name,
            {
              remote: b.address.v4,
              id: `${name}.example`,
              auth: { psk: `file:${name}.psk` },
              protect: [{ tunnel: `10.1.0.0/16 <-> ${subnet(index)}` }],
              initiate: false,
            },
          ]),
        ),
      },
      files: Object.fromEntries(names.map((name) => [`${name}.psk`, `the secret of ${name}\n`])),
    });
    await ours.must("lock");
    await ours.start();
    const calls = (name: string, index: number, key = `the secret of ${name}`): Connection => ({
      name,
      localAddress: b.address.v4,
      remoteAddress: a.address.v4,
      localId: `${name}.example`,
      remoteId: "a.example",
      secret: key,
      children: [{ name, mode: "tunnel", localTs: subnet(index), remoteTs: "10.1.0.0/16" }],
    });
    const charon = await lab.strongswan("b", "6.0.1", [
      calls("y", 1),
      calls("x", 0),
      calls("z", 2, "the secret of x"),
      calls("w", 2),
    ]);
    await lab.watch();
    await charon.initiate("y");
    await charon.initiate("x");
    expect(await charon.refusal("z")).toBeDefined();
    expect(await charon.refusal("w")).toBeDefined();
    for (const index of [0, 1])
      expect(await lostPings(a.machine, a.lan.v4.address, `10.2.${index + 1}.1`, small)).toEqual(answered);
    const status = await statusOf(ours);
    for (const name of ["x", "y"]) {
      const up = { state: "up", ikeSas: [{ remoteId: `${name}.example` }], children: [{ state: "up" }] };
      expect(peerOf(status, name)).toMatchObject(up);
    }
    const wrong = { code: "wrong-secret", identity: "z.example", secret: "file:z.psk" };
    expect(peerOf(status, "z")).toMatchObject({ reason: wrong, ikeSas: [], children: [{ state: "locked" }] });
    const unknown = logLines(ours).filter(({ code }) => code === "unknown-peer");
    expect(unknown).toMatchObject([{ reason: { identity: "w.example" } }]);
    const seen = names.map((name) => ({
      peer: name,
      field: "remote identity",
      wanted: `${name}.example`,
      seen: "w.example",
    }));
    expect(unknown[0]?.reason).toMatchObject({ rejected: seen });
    expect(await kernelSas(a.machine)).toHaveLength(4);
    const wire = await lab.wireFrom("a");
    expect(wire.leaks).toEqual([]);
    expect(wire.counts.esp).toBeGreaterThanOrEqual(12);
  },
);

scenario(
  "a peer that calls from anywhere: two at a time, and nobody else",
  {
    gateways: ["a", "b", "c", "d"],
    seconds: 120,
    overlays: ["b", "c", "d"].map((other) => ({ kind: "gre", between: ["a", other], family: "v4" })),
  },
  async (lab) => {
    const { machine } = lab.gateway("a");
    const ours = lab.underlock("a", {
      config: {
        local: { id: "a.example", address: lab.gateway("a").address.v4 },
        peers: { visitors: { remote: "any", auth: { psk: "file:peer.psk" }, protect: ["gre"] } },
      },
      files: { "peer.psk": `${secret}\n` },
    });
    await ours.must("lock");
    await lab.watch();
    const offer = lab.offer({ rate: 10, from: ["a"] });
    await ours.start();
    const b = underlock(lab, { here: "b", there: "a", family: "v4", protect: ["gre"], initiate: true });
    await b.start();
    await b.must("up", "a");
    const children = strongswanChildren.gre();
    const charon = await lab.strongswan("c", "5.9.8", [
      connection(lab, { here: "c", there: "a", family: "v4", children }),
    ]);
    await charon.initiate("gre");
    const answers: number[] = [];
    for (const { inner, spec } of lab.topology.overlays) {
      const lost = await lostPings(machine, inner.a ?? "", inner[spec.between[1]] ?? "", small);
      answers.push(3 - (lost[56] ?? 3));
    }
    expect(answers).toEqual([3, 3, 0]);
    const identities = peerOf(await statusOf(ours), "visitors").ikeSas.map(({ remoteId }) => remoteId);
    expect(identities.sort()).toEqual(["b.example", "c.example"]);
    await b.stop();
    const left = peerOf(await statusOf(ours), "visitors").ikeSas.map(({ remoteId }) => remoteId);
    expect(left).toEqual(["c.example"]);
    // Of b's policies nothing stays but the lock towards everybody.
    const policies = await kernelPolicies(machine);
    expect(policies.map(({ action, src, dst }) => `${action} ${src} ${dst}`).sort()).toEqual([
      "allow 192.0.2.1/32 192.0.2.3/32",
      "allow 192.0.2.3/32 192.0.2.1/32",
      "block 0.0.0.0/0 192.0.2.1/32",
      "block 192.0.2.1/32 0.0.0.0/0",
    ]);
    await offer.stop();
    const wire = await lab.wireFrom("a");
    expect(wire.leaks).toEqual([]);
    expect(wire.counts.esp).toBeGreaterThan(12);
  },
);

scenario(
  "a peer by its name: told of while nobody knows it, called when somebody does",
  { gateways: ["a", "b"], seconds: 120, overlays: [{ kind: "gre", between: ["a", "b"], family: "v4" }] },
  async (lab) => {
    const { machine, address } = lab.gateway("a");
    const hosts = join(machine.folder, "hosts");
    writeFileSync(hosts, "127.0.0.1 localhost\n");
    await machine.run(`mount --bind ${hosts} /etc/hosts`);
    const theirs = underlock(lab, { here: "b", there: "a", family: "v4", protect: ["gre"], initiate: false });
    await theirs.must("lock");
    await theirs.start();
    const peer = { remote: "gw-b.example" };
    const local = { address: address.v4, lock: ["gre"] };
    const ours = underlock(lab, { here: "a", there: "b", family: "v4", protect: ["gre"], initiate: true, peer, local });
    expect((await ours.command("lock")).status).toBe(2);
    // Not before: what is promised holds from the lock on, and a GRE device sends router solicitations of its own.
    await lab.watch();
    const offer = lab.offer({ rate: 10, from: ["a"] });
    await ours.start();
    const status = await statusOf(ours);
    expect(status.warnings.map(({ sentence }) => sentence).join("\n")).toContain("gw-b.example does not resolve");
    writeFileSync(hosts, `127.0.0.1 localhost\n${lab.gateway("b").address.v4} gw-b.example\n`);
    await ours.must("reload");
    await ours.must("up", "b");
    const inner = lab.topology.overlays[0]?.inner ?? {};
    expect(await lostPings(machine, inner.a ?? "", inner.b ?? "", small)).toEqual(answered);
    expect((await statusOf(ours)).warnings).toEqual([]);
    await offer.stop();
    const wire = await lab.wire();
    expect(wire.leaks).toEqual([]);
    expect(wire.counts.esp).toBeGreaterThan(6);
  },
);
