// SIGHUP: an unchanged file asks nothing of the kernel and of nobody; a changed peer touches that peer alone.
import { expect } from "vitest";
import { logLines, peerOf, statusOf } from "./daemon-words.ts";
import { secret } from "./ends.ts";
import { kernelPolicies, kernelSas } from "./lab/kernel-state.ts";
import { type LoggedProcess, sleep, waitFor } from "./lab/machine.ts";
import { type Lab, scenario } from "./lab/scenario.ts";
import type { Underlock } from "./lab/underlock.ts";

const gateways = ["a", "b", "c"] as const;

scenario(
  "SIGHUP with the same file, with another peer's line changed, and with a broken file",
  {
    gateways,
    seconds: 120,
    overlays: [
      { kind: "gre", between: ["a", "b"], family: "v4" },
      { kind: "gre", between: ["a", "c"], family: "v4" },
    ],
  },
  async (lab) => {
    const [b, c] = [daemon(lab, "b", ["a"]), daemon(lab, "c", ["a"])];
    const a = daemon(lab, "a", ["b", "c"]);
    await Promise.all([b.must("lock"), c.must("lock"), a.must("lock")]);
    await Promise.all([b.start(), c.start()]);
    await a.start();
    await a.must("up", "b");
    await a.must("up", "c");
    const { machine } = lab.gateway("a");
    const before = await seen(lab, a);
    expect(before.sas).toHaveLength(4);
    const offer = lab.offer({ rate: 20, from: ["a"] });
    const kernel = machine.spawn("xfrm monitor", ["ip", "xfrm", "monitor", "acquire", "expire", "SA", "policy"]);
    await sleep(300);
    const wire = await lab.watch();

    await reload(a);
    await sleep(500);
    expect(await seen(lab, a)).toEqual(before);
    expect(kernel.log()).toBe("");
    expect(wire.counts()).toMatchObject({ ike: 0, other: 0 });

    a.configure("peers: [broken");
    a.reload();
    await waitFor("that the broken file is refused", () => logLines(a).some(({ event }) => event === "reload-refused"));
    await sleep(500);
    expect(await seen(lab, a)).toEqual(before);
    expect(kernel.log()).toBe("");
    expect(wire.counts()).toMatchObject({ ike: 0, other: 0 });

    a.configure(configuration(lab, "a", ["b", "c"], { c: { esp: "aes128gcm16" } }));
    await reload(a);
    await a.must("up", "c");
    const after = await seen(lab, a);
    const b0 = lab.gateway("b").address.v4;
    const about = (state: typeof before) => ({
      sas: state.sas.filter(({ src, dst }) => [src, dst].includes(b0)),
      policies: state.policies.filter(({ src, dst }) => [src, dst].includes(`${b0}/32`)),
      ikeSas: state.ikeSas.b,
    });
    expect(about(after).sas).toHaveLength(2);
    expect(about(after)).toEqual(about(before));
    expect(kernelTouched(kernel, b0)).toEqual([]);
    expect(kernelTouched(kernel, lab.gateway("c").address.v4)).not.toEqual([]);
    expect(after.ikeSas.c).not.toEqual(before.ikeSas.c);
    expect(peerOf(await statusOf(a), "c").children[0]?.sas[0]?.proposal).toContain("aes128gcm16");
    const [toB] = await offer.stop();
    expect(toB?.flow).toBe("gre1 a to b");
    expect((toB?.sent ?? 0) - (toB?.received ?? 0)).toBeLessThanOrEqual(1);
    const report = await lab.wire();
    expect(report.leaks).toEqual([]);
    expect(report.counts.esp).toBeGreaterThan(50);
  },
);

type Changes = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

function configuration(lab: Lab, here: string, others: readonly string[], changes: Changes = {}) {
  const peer = (there: string) => ({
    remote: lab.gateway(there).address.v4,
    id: `${there}.example`,
    auth: { psk: "file:peer.psk" },
    protect: ["gre"],
    initiate: here === "a",
    ...changes[there],
  });
  return {
    local: { id: `${here}.example`, address: lab.gateway(here).address.v4 },
    peers: Object.fromEntries(others.map((there) => [there, peer(there)])),
  };
}

function daemon(lab: Lab, here: string, others: readonly string[]): Underlock {
  return lab.underlock(here, { config: configuration(lab, here, others), files: { "peer.psk": `${secret}\n` } });
}

async function reload(daemon: Underlock): Promise<void> {
  const times = () => logLines(daemon).filter(({ event }) => event === "reloaded").length;
  const before = times();
  daemon.reload();
  await waitFor("that the file is loaded anew", () => times() > before);
}

/** SAs and policies of a's kernel without what traffic changes, and its IKE SAs by peer. */
async function seen(lab: Lab, a: Underlock) {
  const { machine } = lab.gateway("a");
  const sas = (await kernelSas(machine)).map(({ packets, ...sa }) => sa);
  const policies = await kernelPolicies(machine);
  const { peers } = await statusOf(a);
  return {
    sas,
    policies,
    ikeSas: Object.fromEntries(peers.map(({ name, ikeSas }) => [name, ikeSas.map(({ since, ...sa }) => sa)])),
  };
}

/** What the kernel told of, one entry for each SA or policy, that names an address. */
function kernelTouched(monitor: LoggedProcess, address: string): string[] {
  return monitor
    .log()
    .split(/\n(?=\S)/)
    .filter((entry) => entry.includes(address));
}
