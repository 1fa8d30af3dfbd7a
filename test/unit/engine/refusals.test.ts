/** What the responder's side tells of a refusal: once for each request, and of the peer that it was about. */
import { expect, test } from "vitest";
import { desired, peer } from "./desired.ts";
import { a, b, ends, facing } from "./pair.ts";
import { Puppet } from "./puppet.ts";

test("a refused IKE_SA_INIT that is repeated is told of once", () => {
  const pair = ends();
  pair.one.configure(facing(a, { ike: ["aes128gcm16-prfsha256-x25519"] }));
  pair.two.configure(facing(b, { initiate: false, ike: ["aes256gcm16-prfsha256-x25519"] }));
  // The initiator repeats it, since an error in clear ends nothing (RFC 7296 2.21.1).
  pair.world.run(5_000);
  expect(pair.two.log.filter(({ reason }) => reason?.code === "no-common-proposal")).toHaveLength(1);
});

test("an IKE_SA_INIT with an empty KE is not answered, one with a public value is", () => {
  const { one } = ends({ network: () => [] });
  one.configure(facing(a, { initiate: false }));
  const puppet = new Puppet(one, b, "initiator");
  puppet.sendInit((payloads) => payloads.map((one) => (one.kind === "KE" ? { ...one, data: new Uint8Array(0) } : one)));
  expect(one.sent).toEqual([]);
  puppet.sendInit();
  expect(puppet.takeInit()).toBe(true);
});

test("of several peers at one address, the one that the initiator claimed to be is told of", () => {
  const pair = ends();
  const to = (name: string, n: number) =>
    peer(a, b, {
      name,
      remoteId: name,
      initiate: false,
      protect: [
        { kind: "tunnel", local: { address: "10.1.0.0", length: 16 }, remote: { address: `10.${n}.0.0`, length: 16 } },
      ],
    });
  pair.one.configure(desired([to("x.example", 2), to("y.example", 3)]));
  pair.two.configure(facing(b, { localId: "y.example", psk: "another secret" }));
  pair.world.run(500);
  expect(pair.one.peer("x.example").reason).toBeUndefined();
  expect(pair.one.peer("y.example")).toMatchObject({
    state: "waiting",
    reason: { code: "wrong-secret", identity: "y.example" },
    ikeSas: [],
  });
  expect(pair.one.log.filter(({ reason }) => reason !== undefined)).toMatchObject([
    { peer: "y.example", event: "ike-sa-failed", reason: { code: "wrong-secret" } },
  ]);
});
