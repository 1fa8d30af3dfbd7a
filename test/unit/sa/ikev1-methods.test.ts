import { describe, expect, test } from "vitest";
import { ikev1Methods } from "../../../src/sa/ikev1-methods.ts";
import { host, type KeyKind, signing, trusting } from "../engine/certificates.ts";
import { nullRound, pskRound } from "../engine/desired.ts";

const keys = (...kinds: KeyKind[]) => signing(kinds.map((kind) => host("gw-a.example", kind)));

describe("the Authentication Methods of a section", () => {
  test("one secret of both ends, and not two", () => {
    expect(ikev1Methods({ auth: { local: [pskRound()], remote: [pskRound()] } }, "initiator")).toEqual([1]);
    expect(ikev1Methods({ auth: { local: [pskRound("one")], remote: [pskRound("another")] } }, "initiator")).toEqual(
      [],
    );
  });

  test("keys that IKEv1 has a method for, in their order", () => {
    expect(
      ikev1Methods({ auth: { local: [keys("p384", "rsa", "p256", "p521")], remote: [trusting()] } }, "initiator"),
    ).toEqual([10, 3, 9, 11]);
    expect(
      ikev1Methods({ auth: { local: [keys("ed25519", "brainpool")], remote: [trusting()] } }, "initiator"),
    ).toEqual([]);
  });

  test("where an end logs in, the number says which, and no other is offered", () => {
    const client = {
      kind: "client",
      user: "alice",
      password: { name: "file:alice", octets: Buffer.from("x") },
    } as const;
    const server = { kind: "server", users: [] } as const;
    const secret = { local: [pskRound()], remote: [pskRound()] };
    const signed = { local: [keys("p256", "rsa")], remote: [trusting()] };
    expect(ikev1Methods({ auth: secret, xauth: client }, "initiator")).toEqual([65001]);
    expect(ikev1Methods({ auth: secret, xauth: client }, "responder")).toEqual([65002]);
    expect(ikev1Methods({ auth: secret, xauth: server }, "initiator")).toEqual([65002]);
    expect(ikev1Methods({ auth: secret, xauth: server }, "responder")).toEqual([65001]);
    expect(ikev1Methods({ auth: signed, xauth: client }, "initiator")).toEqual([65005]);
    expect(ikev1Methods({ auth: signed, xauth: server }, "responder")).toEqual([65005]);
  });

  test("where who logs in proves nothing before, the other end signs with RSA", () => {
    const client = {
      kind: "client",
      user: "alice",
      password: { name: "file:alice", octets: Buffer.from("x") },
    } as const;
    const server = { kind: "server", users: [] } as const;
    const caller = { local: [nullRound], remote: [trusting()] };
    const called = { local: [keys("rsa")], remote: [nullRound] };
    expect(ikev1Methods({ auth: caller, xauth: client }, "initiator")).toEqual([64221]);
    expect(ikev1Methods({ auth: called, xauth: server }, "responder")).toEqual([64221]);
    expect(ikev1Methods({ auth: called, xauth: server }, "initiator")).toEqual([64222]);
    expect(ikev1Methods({ auth: { ...called, local: [keys("p256")] }, xauth: server }, "responder")).toEqual([]);
    expect(ikev1Methods({ auth: called }, "responder")).toEqual([]);
  });

  test("both ends prove themselves alike, in one round, and not by nothing", () => {
    expect(ikev1Methods({ auth: { local: [keys("rsa")], remote: [pskRound()] } }, "initiator")).toEqual([]);
    expect(ikev1Methods({ auth: { local: [pskRound()], remote: [trusting()] } }, "initiator")).toEqual([]);
    expect(ikev1Methods({ auth: { local: [nullRound], remote: [nullRound] } }, "initiator")).toEqual([]);
    expect(
      ikev1Methods({ auth: { local: [pskRound(), pskRound()], remote: [pskRound(), pskRound()] } }, "initiator"),
    ).toEqual([]);
  });
});
