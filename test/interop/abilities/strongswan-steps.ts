// What strongSwan can do beside what other scenarios show, step by step.
import { expect } from "vitest";
import { kernelSas } from "../lab/kernel-state.ts";
import { waitFor } from "../lab/machine.ts";
import type { Lab } from "../lab/scenario.ts";
import type { Child, Strongswan, StrongswanVersion } from "../lab/strongswan.ts";
import type { ViciMessage } from "../lab/vici.ts";
import { groups, rekeyed, replaced, type Step } from "./stage.ts";

/** What a connection of charon has beside the usual, and its child. */
export interface CharonKeys {
  readonly ike?: string;
  readonly more?: ViciMessage;
  readonly child?: Partial<Child>;
}

/** The older release shows here what `handover.test.ts` shows of the newer one. */
export function strongswanSteps(lab: Lab, version: StrongswanVersion, charon: () => Strongswan): Step<CharonKeys>[] {
  const [a, b] = [lab.gateway("a"), lab.gateway("b")];
  const operator = { psk: "file:peer.psk", id: "operator-b.example" };
  const rounds = { local: { psk: "file:peer.psk" }, remote: [{ psk: "file:peer.psk" }, operator] };
  const both: Step<CharonKeys>[] = [
    {
      name: "narrowing",
      theirs: { child: { remoteTs: "10.1.0.0/24" } },
      check: async (stage) => expect(JSON.stringify(await stage.childSas())).toContain("10.1.0.0/24"),
    },
    {
      name: "the peer asks for another group (INVALID_KE_PAYLOAD), at the start and in a rekey",
      peer: groups("x25519-ecp256"),
      theirs: { ike: "aes256gcm16-prfsha384-ecp256", child: { esp: "aes256gcm16-ecp256" } },
      roles: ["initiator"],
      check: async (stage) =>
        await rekeyed(stage, async () => await stage.ours.ask("rekey", { peer: "b", what: "children" })),
    },
    {
      name: "we ask for another group",
      peer: groups("ecp384"),
      theirs: { ike: "aes256gcm16-prfsha384-ecp256-ecp384", child: { esp: "aes256gcm16-ecp256-ecp384" } },
      roles: ["responder"],
      check: async (stage) => {
        await rekeyed(stage, async () => await charon().rekey({ child: "net" }));
        expect(stage.theirLog).toMatch(/INVAL_KE|INVALID_KE/);
      },
    },
    {
      name: "we ask for a cookie",
      local: { flood: { "cookies-above": 0 } },
      theirs: {},
      roles: ["responder"],
      check: async (stage) => expect(stage.theirLog).toMatch(/COOKIE/),
    },
    {
      name: "UDP encapsulation without a NAT",
      peer: { nat: { force: true } },
      theirs: { more: { encap: "yes" } },
      check: async () =>
        expect((await kernelSas(a.machine)).map(({ encap }) => encap?.split(" ").slice(0, 2).join(" "))).toEqual([
          "type espinudp",
          "type espinudp",
        ]),
    },
    {
      name: "on demand",
      peer: { start: "on-demand", initiate: true },
      theirs: { child: { startAction: "trap" } },
      roles: ["responder"],
      async begin(stage) {
        await b.machine.attempt(`ping -n -q -c 3 -i 0.3 -W 1 -I ${b.lan.v4.address} ${a.lan.v4.address}`);
        await waitFor("that a packet has brought it up", async () => await stage.isUp());
      },
    },
  ];
  // With 6.0.1: handover.test.ts.
  const older: Step<CharonKeys>[] = [
    {
      name: "IKE_AUTH without a Child SA (RFC 6023)",
      peer: { childless: "prefer" },
      theirs: { more: { childless: "force" } },
      check: async (stage) => expect(stage.theirLog).toMatch(/CREATE_CHILD_SA/),
    },
    {
      name: "several rounds of authentication (RFC 4739)",
      peer: { auth: rounds },
      theirs: { more: { "local-2": { auth: "psk", id: "operator-b.example" } } },
      check: async (stage) => expect(stage.theirLog).toMatch(/AUTH_FOLLOWS/),
    },
    {
      name: "reauthentication, make before break, wanted by us",
      peer: { reauth: "10s" },
      theirs: {},
      roles: ["initiator"],
      check: async (stage) => await replaced(stage),
    },
    {
      name: "reauthentication, make before break, wanted by the peer",
      theirs: { more: { reauth_time: "6s", over_time: "60s", rekey_time: "0s", rand_time: "0s" } },
      roles: ["responder"],
      check: async (stage) => await replaced(stage),
    },
    {
      name: "lifetime of a proof (RFC 4478), said by us",
      peer: { reauth: "20s" },
      // Time for charon to repeat a request once, which it does after 4 s.
      theirs: { more: { over_time: "10s", rand_time: "0s" } },
      roles: ["responder"],
      async check(stage) {
        expect(stage.theirLog).toMatch(/IKE_AUTH response 1 [^\n]*AUTH_LFT/);
        await replaced(stage);
      },
    },
    {
      name: "on demand, our packet asks",
      peer: { start: "on-demand", initiate: true },
      theirs: {},
      roles: ["initiator"],
      async begin(stage) {
        await a.machine.attempt(`ping -n -q -c 3 -i 0.3 -W 1 -I ${a.lan.v4.address} ${b.lan.v4.address}`);
        await waitFor("that a packet has brought it up", async () => await stage.isUp());
      },
    },
  ];
  return version === "5.9.8" ? [...both, ...older] : both;
}
