// What Libreswan can do, step by step.
import { expect } from "vitest";
import { kernelSas } from "../lab/kernel-state.ts";
import type { Libreswan } from "../lab/libreswan.ts";
import { waitFor } from "../lab/machine.ts";
import type { Lab } from "../lab/scenario.ts";
import { groups, rekeyed, replaced, type Step } from "./stage.ts";

/** Keys of a conn of Libreswan. */
export type Keys = Readonly<Record<string, string>>;

export const plain: Keys = {};

/** Enough proposals for a message of more than 1280 octets. */
const many = ["sha1", "sha2_256", "sha2_384", "sha2_512"].flatMap((integ) =>
  ["aes128", "aes192", "aes256", "aes_ctr128", "aes_ctr192", "aes_ctr256", "camellia128", "camellia256"].map(
    (encr) => `${encr}-${integ}`,
  ),
);

/** In order: the last one leaves SAs in its kernel. */
export function libreswanSteps(lab: Lab, pluto: () => Libreswan): Step<Keys>[] {
  const [a, b] = [lab.gateway("a"), lab.gateway("b")];
  const compressing = async () => (await a.machine.run("ip xfrm state")).match(/proto comp/g)?.length ?? 0;
  return [
    {
      name: "narrowing",
      theirs: { narrowing: "yes", rightsubnet: "10.1.0.0/24" },
      check: async (stage) => expect(JSON.stringify(await stage.childSas())).toContain("10.1.0.0/24"),
    },
    {
      name: "several subnets in one Child SA",
      peer: { protect: [{ tunnel: "10.1.0.0/16 <-> 10.2.0.0/16, 10.4.0.0/16" }] },
      theirs: { leftsubnet: "10.2.0.0/16,10.4.0.0/16" },
      check: async (stage) => expect(await stage.childSas()).toMatchObject([{ selectors: { length: 2 } }]),
    },
    {
      name: "the peer asks for another group (INVALID_KE_PAYLOAD), at the start and in a rekey",
      peer: groups("x25519-ecp256"),
      theirs: { ike: "aes_gcm256-sha2_384;dh19", esp: "aes_gcm256;dh19" },
      roles: ["initiator"],
      check: async (stage) =>
        await rekeyed(stage, async () => await stage.ours.ask("rekey", { peer: "b", what: "children" })),
    },
    {
      name: "we ask for another group",
      peer: groups("ecp384"),
      theirs: { ike: "aes_gcm256-sha2_384;dh19+dh20", esp: "aes_gcm256;dh19+dh20" },
      roles: ["responder"],
      // In a rekey it gives up.
      check: async (stage) => expect(stage.theirLog).toMatch(/INVALID_KE_PAYLOAD/),
    },
    {
      name: "a cookie",
      local: { flood: { "cookies-above": 0 } },
      theirs: plain,
      async begin(stage, role) {
        await pluto().must("--ddos-busy");
        if (role === "initiator") await stage.up();
        else await stage.other.initiate();
        await pluto().must("--ddos-auto");
        expect(stage.theirLog).toMatch(/COOKIE/);
      },
    },
    {
      name: "UDP encapsulation without a NAT",
      peer: { nat: { force: true } },
      theirs: { encapsulation: "yes" },
      check: async () =>
        expect((await kernelSas(a.machine)).map(({ encap }) => encap?.split(" ").slice(0, 2).join(" "))).toEqual([
          "type espinudp",
          "type espinudp",
        ]),
    },
    {
      name: "IKE messages in fragments",
      peer: {
        messages: { "fragment-size": 576 },
        protect: [
          {
            tunnel: "10.1.0.0/16 <-> 10.2.0.0/16",
            esp: ["sha256", "sha384", "sha512"].flatMap((integ) =>
              ["aes128", "aes192", "aes256"].map((encr) => `${encr}-${integ}`),
            ),
          },
        ],
      },
      theirs: { esp: many.join(",") },
      check: async (stage, role) =>
        expect(stage.fragments()[(role === "initiator" ? a : b).address.v4] ?? 0).toBeGreaterThan(1),
    },
    {
      name: "IKE_AUTH without a Child SA (RFC 6023)",
      peer: { childless: "prefer" },
      theirs: plain,
      roles: ["initiator"],
      check: async (stage) => expect(stage.theirLog).toMatch(/childless/i),
    },
    {
      name: "on demand",
      peer: { start: "on-demand", initiate: true },
      theirs: plain,
      async begin(stage, role) {
        const [from, to] = role === "initiator" ? [a, b] : [b, a];
        if (role === "responder") await pluto().route("net-v4");
        await from.machine.attempt(`ping -n -q -c 3 -i 0.3 -W 1 -I ${from.lan.v4.address} ${to.lan.v4.address}`);
        await waitFor("that a packet has brought it up", async () => await stage.isUp());
      },
    },
    {
      name: "session resumption (RFC 5723), refused: opened the whole way",
      peer: {
        resumption: true,
        liveness: "1s",
        initiate: true,
        retransmission: { first: "200ms", factor: 1, tries: 2 },
        retry: { first: "300ms" },
      },
      theirs: { "session-resumption": "yes" },
      roles: ["initiator"],
      check: async (stage) => {
        await b.machine.run("tc qdisc add dev u0 root netem loss 100%");
        await waitFor("that our end has noticed", () => stage.ourLog.includes("ike-sa-down"));
        await b.machine.run("tc qdisc del dev u0 root");
        await waitFor("that it is up again", async () => (await stage.ikeSas()).length === 1 && (await stage.isUp()));
        expect(stage.theirLog).toMatch(/IKE_SESSION_RESUME/);
      },
    },
    {
      name: "session resumption (RFC 5723)",
      peer: { resumption: true },
      theirs: { "session-resumption": "yes" },
      roles: ["responder"],
      check: async (stage) => {
        const [first] = await stage.ikeSas();
        await pluto().suspend("net-v4");
        await stage.other.initiate();
        expect(await stage.ikeSas()).not.toEqual([first]);
        expect(stage.theirLog).toMatch(/processed IKE_SESSION_RESUME response/);
        expect(stage.theirLog.match(/sent IKE_SA_INIT request/g)).toHaveLength(1);
        await stage.pings();
      },
    },
    {
      name: "reauthentication, make before break, wanted by us",
      peer: { reauth: "10s" },
      theirs: plain,
      roles: ["initiator"],
      check: async (stage) => await replaced(stage),
    },
    {
      name: "reauthentication, wanted by the peer",
      theirs: { reauth: "yes", ikelifetime: "10s", rekeymargin: "4s", rekeyfuzz: "0%" },
      roles: ["responder"],
      check: async (stage) => await replaced(stage),
    },
    {
      name: "MOBIKE, the address of the caller changes",
      theirs: { mobike: "yes", right: "%any" },
      local: { address: undefined },
      roles: ["initiator"],
      check: async (stage) => {
        const before = await kernelSas(a.machine);
        await a.machine.ip(["address add 192.0.2.51/25 dev u0", `address del ${a.address.v4}/24 dev u0`]);
        await waitFor("that Libreswan follows", async () =>
          (await kernelSas(b.machine)).every(({ src, dst }) => [src, dst].includes("192.0.2.51")),
        );
        await stage.pings();
        expect((await kernelSas(a.machine)).map(({ spi }) => spi)).toEqual(before.map(({ spi }) => spi));
        await a.machine.ip([`address add ${a.address.v4}/24 dev u0`]);
      },
    },
    // Last: Libreswan leaves SAs of it in its kernel.
    {
      name: "compression (IPComp)",
      peer: { compress: true },
      theirs: { compress: "yes" },
      check: async () => expect(await compressing()).toBe(2),
    },
  ];
}
