/** What a peer on strings may say between phase 1 and quick mode, and what comes of it. */
import { describe, expect, it } from "vitest";
import type { XauthDesired } from "../../../src/sa/remote-access.ts";
import { encodePayloads } from "../../../src/wire/ikev1/message.ts";
import type { Attribute } from "../../../src/wire/ikev1/payloads/attribute.ts";
import type { AttrPayload } from "../../../src/wire/ikev1/payloads/configuration.ts";
import { exchangeType } from "../../../src/wire/ikev1/registry/message.ts";
import { notifyType } from "../../../src/wire/ikev1/registry/notify.ts";
import type { PeerOptions } from "./desired.ts";
import { Ikev1Puppet, puppetEsp, puppetIke } from "./ikev1-puppet.ts";
import { a, b, facing, reasons, standing } from "./pair.ts";
import { type End, World } from "./world.ts";

const password = { name: "file:alice.password", octets: Buffer.from("open sesame") };
const client: XauthDesired = { kind: "client", user: "alice", password };
const server: XauthDesired = { kind: "server", users: [{ name: "alice", password }] };
const options: PeerOptions = { ikev1: "main", ike: [puppetIke], esp: [puppetEsp] };
const none = new Uint8Array(0);
const [userName, userPassword, status] = [16521, 16522, 16527];

function attr(cfgType: number, attributes: readonly Attribute[], identifier = 7): AttrPayload {
  return { isakmp: "ATTR", cfgType, identifier, attributes };
}

function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

/** The engine is logged in with, and the puppet has come as far as phase 1 goes: the REQUEST is there. */
function called(): { readonly end: End; readonly puppet: Ikev1Puppet; readonly world: World } {
  const world = new World();
  const end = world.add(a);
  end.configure(facing(a, { ...options, initiate: false, xauth: server }));
  const puppet = new Ikev1Puppet(end, b, "initiator");
  puppet.method = 65001;
  puppet.callSa();
  puppet.callKey();
  puppet.callIdentity();
  world.run(0);
  return { end, puppet, world };
}

/** The engine logs in, and the puppet is done with phase 1. */
function calling(): { readonly end: End; readonly puppet: Ikev1Puppet; readonly world: World } {
  const world = new World();
  const end = world.add(a);
  end.configure(facing(a, { ...options, xauth: client }));
  world.run(0);
  const puppet = new Ikev1Puppet(end, b, "responder");
  puppet.answerSa();
  world.run(0);
  puppet.answerKey();
  world.run(0);
  puppet.answerIdentity();
  world.run(0);
  return { end, puppet, world };
}

/** Messages of that type from the engine. */
function sent(end: End, type: number): Buffer[] {
  return end.sent.map(({ octets }) => Buffer.from(octets)).filter((octets) => octets[18] === type);
}

/** What the engine said last, where it is a transaction. */
function said(puppet: Ikev1Puppet): AttrPayload {
  const found = puppet.open(puppet.received()).payloads.find((one) => one.isakmp === "ATTR");
  if (found?.isakmp !== "ATTR") throw new Error("no transaction");
  return found;
}

function reply(puppet: Ikev1Puppet, payload: AttrPayload): void {
  const messageId = puppet.received().readUInt32BE(20);
  puppet.open(puppet.received());
  puppet.inject(puppet.sealHashed(exchangeType.TRANSACTION, messageId, encodePayloads([payload])));
}

describe("before the caller has logged in", () => {
  it("it is asked for a name and a password, and nothing stands", () => {
    const { end, puppet } = called();
    expect(said(puppet)).toMatchObject({ cfgType: 1, attributes: [{ type: userName }, { type: userPassword }] });
    expect(end.peer().ikeSas).toEqual([]);
  });

  it("a quick mode, a transaction of its own and what is said in clear come to nothing, and it may still log in", () => {
    const { end, puppet, world } = called();
    const request = puppet.received();
    const before = end.sent.length;
    const ni = new Uint8Array(32).fill(0x33);
    const quick = encodePayloads(puppet.quickModePayloads(0x1234, ni));
    puppet.inject(puppet.sealHashed(exchangeType.QUICK_MODE, 0x900, quick));
    const own = encodePayloads([attr(1, [{ type: 1, value: none }])]);
    puppet.inject(puppet.sealHashed(exchangeType.TRANSACTION, 0x901, own));
    const ok = encodePayloads([attr(3, [{ type: status, value: 1 }])]);
    puppet.inject(puppet.sealHashed(exchangeType.TRANSACTION, 0x902, ok));
    expect(end.sent.length).toBe(before);
    expect(standing(end)).toEqual([]);
    const messageId = request.readUInt32BE(20);
    puppet.open(request);
    const login = [
      { type: userName, value: text("alice") },
      { type: userPassword, value: text("open sesame\0") },
    ];
    puppet.inject(puppet.sealHashed(exchangeType.TRANSACTION, messageId, encodePayloads([attr(2, login)])));
    expect(said(puppet)).toMatchObject({ cfgType: 3, attributes: [{ type: status, value: 1 }] });
    expect(end.peer().ikeSas).toEqual([]);
    const ack = puppet.received().readUInt32BE(20);
    puppet.inject(puppet.sealHashed(exchangeType.TRANSACTION, ack, encodePayloads([attr(4, [])])));
    world.run(0);
    expect(end.peer().ikeSas).toMatchObject([{ remoteId: "alice" }]);
  });

  it("INITIAL-CONTACT in a message of its own brings nothing up before its time", () => {
    const { end, puppet } = called();
    const contact = {
      isakmp: "N",
      doi: 1,
      protocolId: 1,
      spi: none,
      type: notifyType.INITIAL_CONTACT,
      data: none,
    } as const;
    puppet.inject(puppet.sealHashed(exchangeType.INFORMATIONAL, 0x900, encodePayloads([contact])));
    expect(end.peer().ikeSas).toEqual([]);
    expect(reasons(end)).toEqual([]);
  });

  it.each<[string, AttrPayload, string]>([
    ["no password", attr(2, [{ type: userName, value: text("alice") }]), "no-password"],
    ["it says that it cannot", attr(2, [{ type: status, value: 0 }]), "no-password"],
    [
      "a name of control characters, far too long",
      attr(2, [
        { type: userName, value: text(`\u001b[2J${"a".repeat(5_000)}`) },
        { type: userPassword, value: none },
      ]),
      "unknown-user",
    ],
  ])("%s: refused, with a name that can stand in a log", (_, answer, why) => {
    const { end, puppet, world } = called();
    reply(puppet, answer);
    expect(said(puppet)).toMatchObject({ cfgType: 3, attributes: [{ type: status, value: 0 }] });
    world.run(60_000);
    expect(end.peer().reason).toMatchObject({ code: "login-failed", why });
    const { reason } = end.peer();
    if (reason?.code === "login-failed") expect(reason.user).toMatch(/^[\x20-\x7e]{0,64}$/);
  });

  it("an answer that is none ends it", () => {
    const { end, puppet, world } = called();
    reply(puppet, attr(4, []));
    world.run(0);
    expect(end.peer().reason).toMatchObject({ code: "protocol-violation", exchange: "XAuth" });
    expect(end.peer().ikeSas).toEqual([]);
  });

  it("whoever says nothing is forgotten, and so is whoever never acknowledges", () => {
    const silent = called();
    silent.world.run(120_000);
    expect(silent.end.peer().reason).toMatchObject({ code: "no-answer", exchange: "XAuth" });
    const half = called();
    reply(
      half.puppet,
      attr(2, [
        { type: userName, value: text("alice") },
        { type: userPassword, value: text("open sesame") },
      ]),
    );
    half.world.run(120_000);
    expect(half.end.peer().ikeSas).toEqual([]);
    expect(half.end.peer().reason).toMatchObject({ code: "no-answer", exchange: "XAuth" });
  });
});

describe("while we log in", () => {
  it("no quick mode of ours before we are told that we may, and then one", () => {
    const { end, puppet, world } = calling();
    world.run(5_000);
    expect(sent(end, exchangeType.QUICK_MODE)).toEqual([]);
    const asked = encodePayloads([
      attr(1, [
        { type: userName, value: none },
        { type: userPassword, value: none },
      ]),
    ]);
    puppet.inject(puppet.sealHashed(exchangeType.TRANSACTION, 0x800, asked));
    expect(said(puppet)).toMatchObject({
      cfgType: 2,
      identifier: 7,
      attributes: [{ value: text("alice") }, { value: text("open sesame") }],
    });
    const ok = encodePayloads([attr(3, [{ type: status, value: 1 }])]);
    puppet.inject(puppet.sealHashed(exchangeType.TRANSACTION, 0x801, ok));
    world.run(0);
    expect(sent(end, exchangeType.QUICK_MODE).length).toBe(1);
  });

  it.each<[string, Attribute, string]>([
    ["a passcode", { type: 16523, value: none }, "XAUTH_PASSCODE"],
    ["a one-time password", { type: 16520, value: 2 }, "XAUTH_TYPE 2"],
    ["a new PIN", { type: 16528, value: none }, "XAUTH_NEXT_PIN"],
  ])("asked for %s we say that we cannot, and not our password", (_, wanted, named) => {
    const { end, puppet, world } = calling();
    const asked = encodePayloads([
      attr(1, [wanted, { type: userName, value: none }, { type: userPassword, value: none }]),
    ]);
    const before = end.sent.length;
    puppet.inject(puppet.sealHashed(exchangeType.TRANSACTION, 0x800, asked));
    const answer = end.sent[before];
    const { payloads } = puppet.open(Buffer.from(answer?.octets ?? []));
    expect(payloads).toMatchObject([{}, { attributes: [{ type: status, value: 0 }] }]);
    world.run(0);
    expect(end.peer().reason).toMatchObject({ code: "peer-refused-login", asked: named });
  });

  it("what is not under the keys of phase 1 gets no password", () => {
    const { end, puppet } = calling();
    const before = end.sent.length;
    const asked = encodePayloads([
      attr(1, [
        { type: userName, value: none },
        { type: userPassword, value: none },
      ]),
    ]);
    const wrong = puppet.sealHashed(exchangeType.TRANSACTION, 0x800, asked);
    wrong[wrong.length - 1] = (wrong.at(-1) ?? 0) ^ 1;
    puppet.inject(wrong);
    expect(end.sent.length).toBe(before);
  });

  it("whoever is asked nothing gives up", () => {
    const { end, world } = calling();
    world.run(31_000);
    expect(reasons(end)).toContain("no-answer");
    expect(sent(end, exchangeType.QUICK_MODE)).toEqual([]);
  });
});
