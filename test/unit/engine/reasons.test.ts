import { expect, test } from "vitest";
import { parseProposal } from "../../../src/crypto/keywords.ts";
import { notify } from "../../../src/ikev2/payloads.ts";
import { offerProposals } from "../../../src/negotiate/proposals.ts";
import type { Reason, ReasonCode } from "../../../src/negotiate/reason.ts";
import type { Payload } from "../../../src/wire/ikev2/payloads/table.ts";
import { exchangeType } from "../../../src/wire/ikev2/registry/message.ts";
import { notifyType } from "../../../src/wire/ikev2/registry/notify.ts";
import { type PeerOptions, peer } from "./desired.ts";
import { a, b, connected, ends, facing, standing } from "./pair.ts";
import { Puppet } from "./puppet.ts";
import type { End } from "./world.ts";

/** Where the user reads it: in the status, or in the log alone because what it was about is over or was nobody's. */
type Place = "status" | "log";
type Case = () => { readonly end: End; readonly place: Place; readonly like?: object };

function both(one: PeerOptions, two: PeerOptions, wait = 3_000) {
  const pair = ends();
  pair.one.configure(facing(a, one));
  pair.two.configure(facing(b, { initiate: false, ...two }));
  pair.world.run(wait);
  return pair;
}

/** An engine that calls, and a puppet that answers. */
function called(options: PeerOptions = {}): Puppet {
  const { one } = ends({ network: () => [] });
  one.configure(facing(a, options));
  return new Puppet(one, b, "responder");
}

/** An engine that is called by a puppet. */
function calling(options: PeerOptions = {}): Puppet {
  const { one } = ends({ network: () => [] });
  one.configure(facing(a, { initiate: false, ...options }));
  return new Puppet(one, b, "initiator");
}

const wrongNat = (payloads: Payload[]): Payload[] =>
  payloads.map((payload) =>
    payload.kind === "N" && payload.type === notifyType.NAT_DETECTION_SOURCE_IP
      ? { ...payload, data: Buffer.alloc(20) }
      : payload,
  );

const replaced =
  (kind: Payload["kind"], change: (payload: Payload) => Payload) =>
  (payloads: Payload[]): Payload[] =>
    payloads.map((payload) => (payload.kind === kind ? change(payload) : payload));

/** Every reason there is; a new one without a case does not compile. */
const cases: { readonly [C in ReasonCode]: Case } = {
  "no-common-proposal": () => {
    const { two } = both({ esp: ["aes128gcm16"] }, { esp: ["aes256gcm16"] });
    return { end: two, place: "status", like: { protocol: "esp", difference: { transformType: "ENCR" } } };
  },
  "peer-refused-proposal": () => ({
    end: both({ ike: ["aes128gcm16-prfsha256-x25519"] }, { ike: ["aes256gcm16-prfsha256-x25519"] }).one,
    place: "status",
    like: { protocol: "ike", sent: ["aes128gcm16-prfsha256-x25519"] },
  }),
  "proposal-not-offered": () => {
    const puppet = called();
    const ours = [{ transforms: parseProposal("aes256gcm16-prfsha256-x25519", "ike") }];
    const proposals = offerProposals({ protocol: "ike", ours, withKe: true }, new Uint8Array(0));
    puppet.answerInit(replaced("SA", () => ({ kind: "SA", proposals })));
    return { end: puppet.end, place: "status" };
  },
  "selectors-do-not-fit": () => ({
    end: both({ protect: [{ kind: "gre" }] }, { protect: [{ kind: "ipip" }] }).two,
    place: "status",
  }),
  "peer-refused-selectors": () => ({
    end: both({ protect: [{ kind: "gre" }] }, { protect: [{ kind: "ipip" }] }).one,
    place: "status",
  }),
  "mode-mismatch": () => {
    const host = (address: string) => ({ address, length: 32 });
    const { two } = both(
      { protect: [{ kind: "tunnel", local: host(a), remote: host(b), protocol: 47 }] },
      { protect: [{ kind: "gre" }] },
    );
    return { end: two, place: "status", like: { child: "gre", ours: "transport", theirs: "tunnel" } };
  },
  "wrong-secret": () => ({ end: both({ psk: "one thing" }, { psk: "another" }).two, place: "status" }),
  "peer-refused-authentication": () => ({ end: both({ psk: "one thing" }, { psk: "another" }).one, place: "status" }),
  "wrong-auth-method": () => {
    const puppet = called();
    puppet.answerInit();
    puppet.answerAuth(replaced("AUTH", (auth) => ({ ...(auth as Extract<Payload, { kind: "AUTH" }>), method: 1 })));
    puppet.answer(puppet.received(), []);
    return { end: puppet.end, place: "status" };
  },
  "wrong-identity": () => {
    const puppet = called();
    puppet.answerInit();
    puppet.answerAuth(undefined, "else.example");
    puppet.answer(puppet.received(), []);
    return { end: puppet.end, place: "status", like: { wanted: `gw-${b}`, seen: "else.example" } };
  },
  "unknown-peer": () => ({
    end: both({ localId: "stranger" }, {}).two,
    place: "status",
    like: { identity: "stranger", rejected: [{ peer: "peer", field: "remote identity" }] },
  }),
  "no-answer": () => {
    const { world, one } = ends({ network: () => [] });
    one.configure(facing(a));
    world.run(40_000);
    return { end: one, place: "status", like: { exchange: "IKE_SA_INIT", attempts: 5 } };
  },
  "send-failed": () => {
    const { world, one } = ends({ network: () => [] });
    one.configure(facing(a));
    for (let n = 0; n < 32; n += 1) {
      const path = { local: { address: a, port: 500 }, remote: { address: b, port: 500 } };
      one.handle({ kind: "send-failed", path, errno: "ENETUNREACH" });
      world.run(1_000);
    }
    return { end: one, place: "status", like: { errno: "ENETUNREACH" } };
  },
  "kernel-refused": () => {
    const pair = ends();
    pair.two.kernel.failNext("installSa", "ENOSYS", { times: 100 });
    pair.one.configure(facing(a));
    pair.two.configure(facing(b, { initiate: false }));
    pair.world.run(2_000);
    return { end: pair.two, place: "status", like: { request: "installSa", errno: "ENOSYS" } };
  },
  "key-exchange-not-offered": () => {
    const puppet = called();
    puppet.answerInit(() => [notify(notifyType.INVALID_KE_PAYLOAD, Uint8Array.of(0, 14))]);
    return { end: puppet.end, place: "status", like: { wanted: "modp2048", sent: ["x25519"] } };
  },
  "invalid-public-value": () => {
    const puppet = calling();
    puppet.init(replaced("KE", (ke) => ({ ...(ke as Extract<Payload, { kind: "KE" }>), data: Buffer.alloc(32) })));
    return { end: puppet.end, place: "status", like: { method: "x25519" } };
  },
  "too-many-restarts": () => {
    const puppet = called();
    for (let n = 0; n < 6; n += 1) puppet.answerInit(() => [notify(notifyType.COOKIE, Buffer.alloc(16, n))]);
    return { end: puppet.end, place: "status", like: { restarts: 4 } };
  },
  "invalid-syntax": () => {
    const puppet = calling();
    puppet.init();
    puppet.inject(puppet.sealOctets(exchangeType.IKE_AUTH, 35, Uint8Array.of(0, 0, 0, 99)));
    return { end: puppet.end, place: "status", like: { exchange: "IKE_AUTH" } };
  },
  "protocol-violation": () => {
    const puppet = calling();
    puppet.init();
    puppet.request(exchangeType.IKE_AUTH, []);
    return { end: puppet.end, place: "status", like: { fault: "IDi is missing" } };
  },
  "unsupported-critical-payload": () => {
    const puppet = calling();
    puppet.init((payloads) => [...payloads, { kind: "unknown", type: 200, critical: true, body: Buffer.alloc(4) }]);
    return { end: puppet.end, place: "status", like: { payload: 200 } };
  },
  "peer-error": () => {
    const puppet = called();
    puppet.answerInit();
    puppet.answerAuth((payloads) => [...payloads.slice(0, 2), notify(notifyType.TEMPORARY_FAILURE)]);
    return { end: puppet.end, place: "status", like: { exchange: "IKE_AUTH", notify: "TEMPORARY_FAILURE" } };
  },
  "nat-forbids-ah": () => {
    const puppet = called({ ah: ["sha256"] });
    puppet.answerInit(wrongNat);
    return { end: puppet.end, place: "status", like: { child: "gre" } };
  },
  "nat-forbids-transport": () => {
    const puppet = called();
    puppet.answerInit(wrongNat);
    return { end: puppet.end, place: "status", like: { child: "gre" } };
  },
  "peer-deleted": () => {
    const pair = connected();
    pair.one.handle({ kind: "down", peer: "peer" });
    pair.world.run(100);
    return { end: pair.two, place: "status", like: { what: "IKE SA" } };
  },
  replaced: () => {
    const pair = connected();
    pair.one.crash();
    pair.one.configure(facing(a));
    pair.world.run(20_000);
    return { end: pair.two, place: "log" };
  },
  "lifetime-over": () => {
    const pair = connected({ hardSeconds: 20 });
    pair.world.network = () => [];
    pair.world.run(6_000);
    return { end: pair.one, place: "status", like: { what: "Child SA" } };
  },
  "sa-vanished": () => {
    const pair = connected();
    for (const sa of standing(pair.one)) pair.one.kernel.request({ kind: "deleteSa", sa });
    pair.world.network = () => [];
    pair.one.handle({ kind: "kernel", event: { kind: "overrun" } });
    return { end: pair.one, place: "status" };
  },
  operator: () => {
    const pair = connected();
    pair.one.handle({ kind: "down", peer: "peer" });
    return { end: pair.one, place: "status", like: { action: "down" } };
  },
};

test.each(Object.entries(cases))("%s can happen, and the user can read it", (code, happen) => {
  const { end, place, like = {} } = happen();
  const { peers } = end.engine.status();
  const inStatus = peers.flatMap((one) => [one.reason, ...one.children.map(({ reason }) => reason)]);
  const found: (Reason | undefined)[] = place === "status" ? inStatus : end.log.map(({ reason }) => reason);
  expect(found).toEqual(expect.arrayContaining([expect.objectContaining({ code })]));
  expect(found.find((reason) => reason?.code === code)).toMatchObject(like);
  expect(peer(a, b).name).toBe(peers[0]?.name);
});
