// Source NAT on a gateway itself takes what it rewrites out of the policies: said by `check`, and stopped by `local.lock`.
import { expect } from "vitest";
import { underlock } from "./ends.ts";
import { protectedKinds } from "./lab/frames.ts";
import { sleep } from "./lab/machine.ts";
import { scenario } from "./lab/scenario.ts";

const between = ["a", "b"] as const;
const spec = {
  gateways: between,
  seconds: 120,
  overlays: [
    { kind: "gre", between, family: "v4" },
    { kind: "vxlan", between, family: "v4" },
  ],
} as const;

scenario("a rule that rewrites the source of GRE and VXLAN: seen in clear, named, and locked", spec, async (lab) => {
  const { machine } = lab.gateway("a");
  await machine.ip(["address add 192.0.2.61/24 dev u0"]);
  const end = (here: string, there: string, local: Readonly<Record<string, unknown>> = {}) =>
    underlock(lab, { here, there, family: "v4", protect: ["gre", "vxlan"], initiate: here === "a", local });
  const [ours, theirs] = [end("a", "b"), end("b", "a")];
  await theirs.start();
  await ours.must("lock");
  await ours.start();
  await ours.must("up", "b");
  const quiet = await ours.must("check");
  const inClear = async () => {
    await lab.watch();
    const offer = lab.offer({ rate: 20, from: ["a"] });
    await sleep(1_500);
    await offer.stop();
    return (await lab.wireFrom("a", protectedKinds)).leaks.join("\n");
  };
  expect(await inClear()).toBe("");
  await machine.run("iptables-legacy -t nat -A POSTROUTING -o u0 -j SNAT --to-source 192.0.2.61");
  const leaks = await inClear();
  expect(leaks).toContain("192.0.2.61");
  const said = await ours.must("check");
  expect(said).toMatch(/rewrites the source of 192\.0\.2\.1\/32 -> 192\.0\.2\.2\/32 gre/);
  expect(quiet).not.toMatch(/rewrite/);
  const locking = end("a", "b", { lock: ["gre", "vxlan"] });
  await locking.must("lock");
  await ours.ask("reload");
  expect(await inClear()).toBe("");
});
