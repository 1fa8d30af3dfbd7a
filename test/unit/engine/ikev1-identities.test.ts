import { describe, expect, test } from "vitest";
import { type Identity, identityFromWire, makeIdentity } from "../../../src/negotiate/identity.ts";
import type { DesiredState } from "../../../src/sa/desired.ts";
import { desired, type PeerOptions, peer } from "./desired.ts";
import { a, b, ends, expectRest, facing, type Pair, reasons, standing } from "./pair.ts";

const options: PeerOptions = { ikev1: "main", ike: ["aes128-sha256-ecp256"], esp: ["aes128-sha256"] };

/** The same, with other identities. */
function as(state: DesiredState, localId: Identity, remoteId: Identity): DesiredState {
  return { ...state, peers: state.peers.map((each) => ({ ...each, localId, remoteId })) };
}

/** `one` is `first` and takes the other for `wanted`; `two` is `second`. */
function pairOf(mode: "main" | "aggressive", first: Identity, second: Identity, wanted = second): Pair {
  const pair = ends();
  pair.one.configure(as(facing(a, { ...options, ikev1: mode }), first, wanted));
  pair.two.configure(as(facing(b, { ...options, ikev1: mode, initiate: false }), second, first));
  pair.world.run(5_000);
  return pair;
}

/** RFC 2407 4.6.2.1: of phase 1 those that name one host or user. */
const kinds = [
  ["ID_IPV4_ADDR", makeIdentity("ipv4", a), makeIdentity("ipv4", b)],
  ["ID_FQDN", makeIdentity("fqdn", "a.example"), makeIdentity("fqdn", "b.example")],
  ["ID_USER_FQDN", makeIdentity("email", "a@example.net"), makeIdentity("email", "b@example.net")],
  ["ID_IPV6_ADDR", makeIdentity("ipv6", "2001:db8::1"), makeIdentity("ipv6", "2001:db8::2")],
  ["ID_DER_ASN1_DN", makeIdentity("dn", "C=NO, CN=a"), makeIdentity("dn", "C=NO, CN=b")],
  ["ID_KEY_ID", makeIdentity("keyid", "0102"), makeIdentity("keyid", "0a0b")],
] as const;

describe.each(["main", "aggressive"] as const)("%s mode", (mode) => {
  test.each(kinds)("both ends are known by %s", (_, first, second) => {
    const pair = pairOf(mode, first, second);
    expectRest(pair);
    expect([pair.one, pair.two].map((end) => end.peer().ikeSas[0]?.remoteId)).toEqual([second.text, first.text]);
  });

  test.each(kinds)("who answers as another %s than it is wanted for is turned away", (_, first, second) => {
    const pair = pairOf(mode, first, first, second);
    expect(reasons(pair.one)).toContain("wrong-identity");
    expect(pair.one.peer().children[0]?.sas).toEqual([]);
  });

  test("the same octets as another type are another identity", () => {
    const text = makeIdentity("keyid", Buffer.from("b.example").toString("hex"));
    const pair = pairOf(mode, makeIdentity("fqdn", "a.example"), text, makeIdentity("fqdn", "b.example"));
    expect(reasons(pair.one)).toContain("wrong-identity");
  });

  test.each([
    ["ID_DER_ASN1_GN", 10, "8209622e6578616d706c65"],
    ["ID_IPV4_ADDR_SUBNET", 4, "c0000200ffffff00"],
  ])("%s, which no section can name, is nobody's", (_, idType, octets) => {
    const named = identityFromWire(idType, Buffer.from(octets, "hex"));
    const pair = pairOf(mode, makeIdentity("fqdn", "a.example"), named, makeIdentity("fqdn", "b.example"));
    expect(reasons(pair.one)).toContain("wrong-identity");
  });
});

test("main mode: who has one peer's secret is not taken for another, at the same address, that has another", () => {
  const pair = ends();
  const secretOf = (name: string) =>
    peer(b, a, { ...options, name, psk: `${name}'s secret`, remoteId: name, initiate: false });
  pair.two.configure(desired([secretOf("first"), secretOf("second")]));
  pair.one.configure(facing(a, { ...options, psk: "first's secret", localId: "second" }));
  pair.world.run(5_000);
  expect(standing(pair.two)).toEqual([]);
  expect(pair.one.peer().state).toBe("connecting");
  pair.one.configure(facing(a, { ...options, psk: "first's secret", localId: "first" }));
  pair.world.run(5_000);
  expect(pair.one.peer().state).toBe("up");
});
