/** How every reason comes about: one story each, told to bare engines in one test and to whole daemons in another. */
import { parseProposal } from "../../../src/crypto/keywords.ts";
import { find, notify } from "../../../src/ikev2/payloads.ts";
import { redirectPayload } from "../../../src/ikev2/redirect.ts";
import type { SimulatedKernel } from "../../../src/kernel/simulated/simulated-kernel.ts";
import type { Address, Prefix } from "../../../src/negotiate/address.ts";
import { makeIdentity } from "../../../src/negotiate/identity.ts";
import { offerProposals } from "../../../src/negotiate/proposals.ts";
import type { ReasonCode } from "../../../src/negotiate/reason.ts";
import type { DesiredState, OwnCredential, PeerDesired, RoundDesired } from "../../../src/sa/desired.ts";
import { decodeMessage } from "../../../src/wire/ikev2/message.ts";
import type { Payload } from "../../../src/wire/ikev2/payloads/table.ts";
import { exchangeType } from "../../../src/wire/ikev2/registry/message.ts";
import { notifyType } from "../../../src/wire/ikev2/registry/notify.ts";
import { host, keyOf, root, signing, signingRaw, trusting } from "./certificates.ts";
import { desired, nullRound, type PeerOptions, peer, pskRound, timing } from "./desired.ts";
import { a, b, c, facing } from "./pair.ts";
import type { Change, Line, Puppet } from "./puppet.ts";

/** Where a story plays. */
export interface Stage<E extends StageEnd> {
  add(address: Address): Promise<E>;
  /** A puppet at `b` that speaks with `end`. */
  puppet(end: E, role: "initiator" | "responder", ownSpi?: bigint): Promise<Puppet<Line>>;
  /** Time passes; where it is 0, only what comes at once. */
  pass(milliseconds: number): Promise<void>;
  /** From now on no datagram arrives. */
  silence(): void;
}

export interface StageEnd {
  readonly kernel: SimulatedKernel;
  configure(desired: DesiredState): Promise<void>;
  down(peer: string): void;
}

/** No host sends there: the network stack says ENETUNREACH. */
export const unreachable: Address = "198.51.100.1";

/** The end at which the reason stands, and facts that it must have. */
export interface Told<E extends StageEnd> {
  readonly end: E;
  readonly like: object;
}

export type Story = <E extends StageEnd>(stage: Stage<E>) => Promise<Told<E>>;

async function both<E extends StageEnd>(stage: Stage<E>, one: PeerOptions, two: PeerOptions, wait = 3_000) {
  const pair = { one: await stage.add(a), two: await stage.add(b) };
  await pair.two.configure(facing(b, { initiate: false, ...two }));
  await pair.one.configure(facing(a, one));
  await stage.pass(wait);
  return pair;
}

/** An end that calls, and a puppet that answers. */
async function called<E extends StageEnd>(stage: Stage<E>, options: PeerOptions = {}) {
  const end = await stage.add(a);
  const puppet = await stage.puppet(end, "responder");
  await end.configure(facing(a, options));
  await stage.pass(0);
  return { end, puppet };
}

/** An end that is called by a puppet. */
async function calling<E extends StageEnd>(stage: Stage<E>, state = facing(a, { initiate: false })) {
  const end = await stage.add(a);
  const puppet = await stage.puppet(end, "initiator");
  await end.configure(state);
  return { end, puppet };
}

/** IKE_SA_INIT of a puppet that calls, up to the keys. */
async function keyed<E extends StageEnd>(stage: Stage<E>, puppet: Puppet<Line>): Promise<void> {
  puppet.sendInit();
  await stage.pass(0);
  if (!puppet.takeInit()) throw new Error("IKE_SA_INIT was refused");
}

/** The end's first exchange with a puppet that answers, up to its IKE_AUTH. */
async function answered<E extends StageEnd>(stage: Stage<E>, change?: Change, options?: PeerOptions) {
  const { end, puppet } = await called(stage, options);
  puppet.answerInit(change);
  await stage.pass(0);
  return { end, puppet };
}

/** The puppet's answer to IKE_AUTH, and to the delete that follows where it was not believed. */
async function unbelieved<E extends StageEnd>(stage: Stage<E>, change?: Change, id?: string): Promise<E> {
  const { end, puppet } = await answered(stage);
  puppet.answerAuth(change, id);
  await stage.pass(0);
  puppet.answer(puppet.received(), []);
  return end;
}

function prefix(address: Address) {
  return { address, length: 16 };
}

const wrongNat: Change = (payloads) =>
  payloads.map((payload) =>
    payload.kind === "N" && payload.type === notifyType.NAT_DETECTION_SOURCE_IP
      ? { ...payload, data: Buffer.alloc(20) }
      : payload,
  );

const replaced =
  (kind: Payload["kind"], change: (payload: Payload) => Payload): Change =>
  (payloads) =>
    payloads.map((payload) => (payload.kind === kind ? change(payload) : payload));

const differentSuites = [{ ike: ["aes128gcm16-prfsha256-x25519"] }, { ike: ["aes256gcm16-prfsha256-x25519"] }] as const;
const differentProtocols = [{ protect: [{ kind: "gre" }] }, { protect: [{ kind: "ipip" }] }] as const;
const patient = { ...timing, liveness: 0 };
const nobody = { local: [pskRound()], remote: [nullRound] } as const;
const differentSecrets = [{ psk: "one thing" }, { psk: "another" }] as const;

/** The called end takes signatures alone, and is called with `local`. */
async function signed<E extends StageEnd>(
  stage: Stage<E>,
  local: OwnRound,
  remote = trusting(),
  two: PeerOptions = {},
) {
  const calling: PeerOptions = { auth: { local: [local], remote: [trusting()] } };
  return await both(stage, calling, { auth: { local: [signing([host(gwB)])], remote: [remote] }, ...two });
}

const remoteAccess: PeerOptions = { ikev1: "main", ike: ["aes128-sha256-ecp256"], esp: ["aes128-sha256"] };
const inside = { address: "10.1.0.0", length: 16 };
const pool = { address: "10.9.0.0", length: 32 };
const elsewhere = { address: "10.8.0.0", length: 32 };
const passwordOf = (text: string) => ({ name: "file:alice.password", octets: Buffer.from(text) });

/** The caller logs in with that password, where one is given, and asks for an address that its line has. */
async function fromAnywhere<E extends StageEnd>(stage: Stage<E>, password: string | undefined, from: Prefix = pool) {
  const users = [{ name: "alice", password: passwordOf("open sesame") }];
  const caller: PeerOptions = {
    ...remoteAccess,
    protect: [{ kind: "tunnel", local: pool, remote: inside }],
    innerAddress: { kind: "client", by: "pull" },
    ...(password === undefined ? {} : { xauth: { kind: "client", user: "alice", password: passwordOf(password) } }),
  };
  const called: PeerOptions = {
    ...remoteAccess,
    protect: [{ kind: "tunnel", local: inside, remote: from }],
    innerAddress: { kind: "server", by: "pull", pool: from },
    ...(password === undefined ? {} : { xauth: { kind: "server", users } }),
  };
  return await both(stage, caller, called, 900);
}

type OwnRound = RoundDesired<OwnCredential>;
const [gwA, gwB] = [`gw-${a}`, `gw-${b}`];

/** Every reason there is; a new one without a story does not compile. */
export const stories: { readonly [C in ReasonCode]: Story } = {
  "login-failed": async (stage) => ({
    end: (await fromAnywhere(stage, "open barley")).two,
    like: { user: "alice", remote: a, why: "wrong-password" },
  }),
  "peer-refused-login": async (stage) => ({
    end: (await fromAnywhere(stage, "open barley")).one,
    like: { user: "alice" },
  }),
  "inner-address-unusable": async (stage) => ({
    end: (await fromAnywhere(stage, undefined, elsewhere)).one,
    like: { given: "10.8.0.0", wanted: ["10.9.0.0/32"] },
  }),
  "pool-exhausted": async (stage) => {
    // Whoever has the one address is still there when the same peer calls from somewhere else.
    const { two } = await fromAnywhere(stage, undefined);
    const third = await stage.add(c);
    const caller: PeerOptions = { protect: [{ kind: "tunnel", local: pool, remote: inside }] };
    const gateway: PeerOptions = {
      ...remoteAccess,
      protect: [{ kind: "tunnel", local: inside, remote: pool }],
      innerAddress: { kind: "server", by: "pull", pool },
      remote: "any",
      remoteId: undefined,
      initiate: false,
    };
    await two.configure(desired([peer(b, a, gateway)]));
    await stage.pass(5_000);
    await third.configure(
      desired([peer(c, b, { ...remoteAccess, ...caller, innerAddress: { kind: "client", by: "pull" } })]),
    );
    await stage.pass(900);
    return { end: two, like: { pool: "10.9.0.0/32" } };
  },
  "no-common-proposal": async (stage) => {
    const { two } = await both(stage, { esp: ["aes128gcm16"] }, { esp: ["aes256gcm16"] });
    return {
      end: two,
      like: {
        protocol: "esp",
        difference: { transformType: "ENCR", oursOfType: ["aes256gcm16"], theirsOfType: ["aes128gcm16"] },
      },
    };
  },
  "peer-refused-proposal": async (stage) => ({
    end: (await both(stage, ...differentSuites)).one,
    like: { protocol: "ike", sent: ["aes128gcm16-prfsha256-x25519"] },
  }),
  "proposal-not-offered": async (stage) => {
    const ours = [{ transforms: parseProposal("aes256gcm16-prfsha256-x25519", "ike") }];
    const proposals = offerProposals({ protocol: "ike", ours, withKe: true }, new Uint8Array(0));
    const { end } = await answered(
      stage,
      replaced("SA", () => ({ kind: "SA", proposals })),
    );
    const sent = ["aes128gcm16-prfsha256-x25519"];
    return { end, like: { protocol: "ike", sent, answer: ["aes256gcm16-prfsha256-x25519"] } };
  },
  "selectors-do-not-fit": async (stage) => ({
    end: (await both(stage, ...differentProtocols)).two,
    like: { ours: [`${b}/32 ipv4 <-> ${a}/32 ipv4`], theirs: [`${b}/32 gre <-> ${a}/32 gre`] },
  }),
  "peer-refused-selectors": async (stage) => ({
    end: (await both(stage, ...differentProtocols)).one,
    like: { sent: [`${a}/32 gre <-> ${b}/32 gre`] },
  }),
  "mode-mismatch": async (stage) => {
    const host = (address: string) => ({ address, length: 32 });
    const { two } = await both(
      stage,
      { protect: [{ kind: "tunnel", local: host(a), remote: host(b), protocol: 47 }] },
      { protect: [{ kind: "gre" }] },
    );
    return { end: two, like: { child: "gre", ours: "transport", theirs: "tunnel" } };
  },
  "wrong-secret": async (stage) => ({
    end: (await both(stage, ...differentSecrets)).two,
    like: { identity: `gw-${a}`, secret: "file:test.psk" },
  }),
  "peer-refused-authentication": async (stage) => ({
    end: (await both(stage, ...differentSecrets)).one,
    like: { sentIdentity: `gw-${a}`, proof: 'the secret "file:test.psk"' },
  }),
  "certificate-unreadable": async (stage) => {
    const { end, puppet } = await calling(
      stage,
      facing(a, { initiate: false, auth: { local: [pskRound()], remote: [trusting()] } }),
    );
    await keyed(stage, puppet);
    const cert = { kind: "CERT", encoding: 4, data: Buffer.from("3003020101", "hex") } as const;
    const sent = puppet.authPayloads({}).map((one) => (one.kind === "AUTH" ? { ...one, method: 1 } : one));
    puppet.inject(puppet.seal(exchangeType.IKE_AUTH, [...sent, cert]));
    await stage.pass(0);
    return { end, like: { identity: gwB } };
  },
  "certificate-refused": async (stage) => {
    const other = root("other-root");
    const local = signing([host(gwA, "p256", { issuer: "other-root" })], { others: [other] });
    return {
      end: (await signed(stage, local)).two,
      like: {
        identity: gwA,
        tried: [`O=Example, CN=${gwA}`],
        trusted: "root.pem",
        finding: {
          check: "unknown-authority",
          depth: 0,
          certificate: `O=Example, CN=${gwA}`,
          wanted: "O=Example, CN=root",
          seen: "issued by O=Example, CN=other-root",
        },
      },
    };
  },
  "identity-not-in-certificate": async (stage) => ({
    end: (await signed(stage, signing([host("else.example")]))).two,
    like: { identity: gwA, names: ["DNS:else.example", "DN:O=Example, CN=else.example"], inCommonName: false },
  }),
  "unknown-key": async (stage) => ({
    end: (await signed(stage, signingRaw(host(gwA)), trusting({ pins: ["00".repeat(32)] }))).two,
    like: { identity: gwA, tried: [], trusted: "root.pem" },
  }),
  "wrong-signature": async (stage) => {
    const [own, other] = [host(gwA), host("else.example")];
    const [key] = signing([own]).credential.keys;
    if (key === undefined) throw new Error("no key");
    const keys = [{ ...key, key: keyOf(other) }];
    return {
      end: (await signed(stage, { credential: { kind: "key", keys, sha1: false } })).two,
      like: { identity: gwA, schemes: ["ECDSA with SHA2-256"] },
    };
  },
  "signature-not-allowed": async (stage) => {
    const { end, puppet } = await calling(
      stage,
      facing(a, { initiate: false, auth: { local: [pskRound()], remote: [trusting()] } }),
    );
    await keyed(stage, puppet);
    // RFC 7427 A.1.1: sha1WithRSAEncryption.
    const data = Buffer.from("0f300d06092a864886f70d010105050000", "hex");
    const sent = puppet.authPayloads({}).map((one) => (one.kind === "AUTH" ? { ...one, method: 14, data } : one));
    puppet.inject(puppet.seal(exchangeType.IKE_AUTH, sent));
    await stage.pass(0);
    return { end, like: { identity: gwB, seen: "RSA PKCS#1 v1.5 with SHA-1" } };
  },
  "no-common-signature": async (stage) => {
    const sha1 = { kind: "rsa-pkcs1", hash: "sha1" } as const;
    return {
      end: (await signed(stage, signing([host(gwA, "rsa")], { schemes: [sha1], sha1: true }))).one,
      like: { ours: ["RSA of 2048 bits"], theirs: ["SHA2_256", "SHA2_384", "SHA2_512", "IDENTITY"] },
    };
  },
  "wrong-auth-method": async (stage) => ({
    end: await unbelieved(
      stage,
      replaced("AUTH", (auth) => ({ ...(auth as Extract<Payload, { kind: "AUTH" }>), method: 1 })),
    ),
    like: { identity: `gw-${b}` },
  }),
  "wrong-auth-rounds": async (stage) => {
    const user: RoundDesired = { ...pskRound("another"), id: makeIdentity("email", "user@example") };
    const { two } = await both(
      stage,
      { auth: { local: [pskRound(), user], remote: [pskRound()] } },
      { auth: { local: [pskRound()], remote: [pskRound(), user, user] } },
    );
    return { end: two, like: { identity: "user@example", wanted: 3, seen: 2 } };
  },
  "extension-missing": async (stage) => {
    const rounds = [pskRound(), pskRound("another")];
    const { end, puppet } = await called(stage, { auth: { local: rounds, remote: [pskRound()] } });
    puppet.answerInit((payloads) => payloads.filter((one) => one.kind !== "N"));
    await stage.pass(0);
    return { end, like: { extension: "MULTIPLE_AUTH_SUPPORTED" } };
  },
  "childless-refused": async (stage) => {
    const { end, puppet } = await calling(stage, facing(a, { initiate: false, childless: "never" }));
    await keyed(stage, puppet);
    puppet.inject(puppet.seal(exchangeType.IKE_AUTH, puppet.authPayloads()));
    await stage.pass(0);
    return { end, like: { by: "us" } };
  },
  "unauthenticated-overlap": async (stage) => {
    const anybody = peer(a, b, { name: "anybody", remote: "any", remoteId: undefined, initiate: false, auth: nobody });
    const { end, puppet } = await calling(stage, desired([peer(a, b, { initiate: false }), anybody]));
    await keyed(stage, puppet);
    const child = anybody.children[0];
    puppet.inject(puppet.seal(exchangeType.IKE_AUTH, puppet.authPayloads({ unauthenticated: true, child })));
    await stage.pass(0);
    return { end, like: { child: "gre", wanted: `${a}/32 -> ${b}/32 gre`, owner: "peer / gre" } };
  },
  "unauthenticated-limit": async (stage) => {
    const anybody = { remote: "any", remoteId: undefined, initiate: false, auth: nobody } as const;
    const { end } = await calling(stage, facing(a, anybody));
    for (let spi = 1n; spi <= 5n; spi += 1n) {
      const puppet = await stage.puppet(end, "initiator", spi);
      await keyed(stage, puppet);
      puppet.inject(puppet.seal(exchangeType.IKE_AUTH, puppet.authPayloads({ unauthenticated: true })));
      await stage.pass(0);
    }
    return { end, like: { remote: b, limit: 4, of: "address" } };
  },
  "wrong-identity": async (stage) => ({
    end: await unbelieved(stage, undefined, "else.example"),
    like: { wanted: `gw-${b}`, seen: "else.example" },
  }),
  "unknown-peer": async (stage) => ({
    end: (await both(stage, { localId: "stranger" }, {})).two,
    like: { identity: "stranger", rejected: [{ peer: "peer", field: "remote identity" }] },
  }),
  "no-answer": async (stage) => {
    const one = await stage.add(a);
    await one.configure(facing(a));
    await stage.pass(40_000);
    return { end: one, like: { exchange: "IKE_SA_INIT", remote: b, attempts: 5 } };
  },
  "send-failed": async (stage) => {
    const one = await stage.add(a);
    await one.configure(desired([peer(a, unreachable)]));
    await stage.pass(40_000);
    return { end: one, like: { remote: `${unreachable}:500`, errno: "ENETUNREACH" } };
  },
  "kernel-refused": async (stage) => {
    const { one, two } = { one: await stage.add(a), two: await stage.add(b) };
    two.kernel.failNext("installSa", "ENOSYS", { times: 100 });
    await two.configure(facing(b, { initiate: false }));
    await one.configure(facing(a));
    await stage.pass(2_000);
    return { end: two, like: { request: "installSa", errno: "ENOSYS", said: "injected: ENOSYS" } };
  },
  "key-exchange-not-offered": async (stage) => {
    const { end } = await answered(stage, () => [notify(notifyType.INVALID_KE_PAYLOAD, Uint8Array.of(0, 14))]);
    return { end, like: { wanted: "modp2048", sent: ["x25519"] } };
  },
  "invalid-public-value": async (stage) => {
    const { end, puppet } = await calling(stage);
    puppet.sendInit(replaced("KE", (ke) => ({ ...(ke as Extract<Payload, { kind: "KE" }>), data: Buffer.alloc(32) })));
    await stage.pass(0);
    return { end, like: { method: "x25519" } };
  },
  "too-many-restarts": async (stage) => {
    const { end, puppet } = await called(stage);
    for (let n = 0; n < 6; n += 1) {
      puppet.answerInit(() => [notify(notifyType.COOKIE, Buffer.alloc(16, n))]);
      await stage.pass(0);
    }
    return { end, like: { restarts: 4 } };
  },
  "invalid-syntax": async (stage) => {
    const { end, puppet } = await calling(stage);
    await keyed(stage, puppet);
    puppet.inject(puppet.sealOctets(exchangeType.IKE_AUTH, 35, Uint8Array.of(0, 0, 0, 99)));
    await stage.pass(0);
    return { end, like: { exchange: "IKE_AUTH" } };
  },
  "protocol-violation": async (stage) => {
    const { end, puppet } = await calling(stage);
    await keyed(stage, puppet);
    puppet.inject(puppet.seal(exchangeType.IKE_AUTH, []));
    await stage.pass(0);
    return { end, like: { exchange: "IKE_AUTH", fault: "IDi is missing" } };
  },
  "unsupported-critical-payload": async (stage) => {
    const { end, puppet } = await calling(stage);
    puppet.sendInit((payloads) => [...payloads, { kind: "unknown", type: 200, critical: true, body: Buffer.alloc(4) }]);
    await stage.pass(0);
    return { end, like: { payload: 200 } };
  },
  "peer-error": async (stage) => {
    const { end, puppet } = await answered(stage);
    puppet.answerAuth((payloads) => [...payloads.slice(0, 2), notify(notifyType.TEMPORARY_FAILURE)]);
    await stage.pass(0);
    return { end, like: { exchange: "IKE_AUTH", notify: "TEMPORARY_FAILURE" } };
  },
  // Configured for a router, and called with IKEv2.
  "ikev1-alone": async (stage) => {
    const state = facing(a, { initiate: false, ikev1: "main", esp: ["aes128-sha256"], around: ["sha256"] });
    const { end, puppet } = await calling(stage, state);
    await keyed(stage, puppet);
    const child = state.peers[0]?.children[0];
    puppet.inject(puppet.seal(exchangeType.IKE_AUTH, puppet.authPayloads({ child })));
    await stage.pass(0);
    return { end, like: { child: "gre" } };
  },
  "nat-forbids-ah": async (stage) => {
    const { end, puppet } = await called(stage, { ah: ["sha256"] });
    puppet.answerInit(wrongNat);
    await stage.pass(0);
    return { end, like: { child: "gre" } };
  },
  // Two hosts behind one NAT want the same overlay.
  "nat-forbids-transport": async (stage) => {
    const state = facing(a, { initiate: false, remoteId: undefined });
    const { end, puppet } = await calling(stage, state);
    const child = state.peers[0]?.children[0];
    for (const each of [puppet, await stage.puppet(end, "initiator", 0x99n)]) {
      each.sendInit(wrongNat);
      await stage.pass(0);
      if (!each.takeInit()) throw new Error("IKE_SA_INIT was refused");
      each.inject(each.seal(exchangeType.IKE_AUTH, each.authPayloads({ child, id: `host-${each.ownSpi}` })));
      await stage.pass(0);
    }
    return { end, like: { child: "gre", remote: b } };
  },
  // The peer's NAT gives it another port, which its ESP shows.
  "address-changed": async (stage) => {
    const [near, far] = [prefix("10.1.0.0"), prefix("10.2.0.0")];
    const { one, two } = await both(
      stage,
      { nat: { keepalive: 0, force: true }, protect: [{ kind: "tunnel", local: near, remote: far }] },
      { protect: [{ kind: "tunnel", local: far, remote: near }] },
    );
    two.kernel.encapsulationPorts.add(4500);
    const sent = one.kernel.send({ source: "10.1.0.5", destination: "10.2.0.6", protocol: 6 });
    if (sent.kind !== "protected") throw new Error(`the packet is ${sent.kind}`);
    stage.silence();
    two.kernel.failNext("migrate", "EBUSY");
    two.kernel.receive({ ...sent.packet, encapsulation: { sourcePort: 40_000, destinationPort: 4500 } });
    await stage.pass(0);
    return { end: two, like: { to: `${a}:40000` } };
  },
  "peer-lost-state": async (stage) => {
    const state = facing(a, { initiate: false });
    const { end, puppet } = await calling(stage, state);
    await keyed(stage, puppet);
    const token: Payload = {
      kind: "N",
      protocolId: 1,
      spi: Buffer.alloc(0),
      type: notifyType.QUICK_CRASH_DETECTION,
      data: Buffer.alloc(32, 7),
    };
    const child = state.peers[0]?.children[0];
    puppet.inject(puppet.seal(exchangeType.IKE_AUTH, [...puppet.authPayloads({ child }), token]));
    await stage.pass(1_000);
    const lost = puppet.clear(true, [notify(notifyType.INVALID_IKE_SPI), token]);
    lost[18] = exchangeType.INFORMATIONAL;
    puppet.inject(lost);
    await stage.pass(0);
    return { end, like: {} };
  },
  "peer-deleted": async (stage) => {
    const { one, two } = await both(stage, {}, {});
    one.down("peer");
    await stage.pass(100);
    return { end: two, like: { what: "IKE SA" } };
  },
  // The peer comes back, knows nothing of what stood, and does not ask for the child again.
  replaced: async (stage) => {
    const state = facing(a, { initiate: false });
    const { end, puppet } = await calling(stage, state);
    await keyed(stage, puppet);
    const child = state.peers[0]?.children[0];
    puppet.inject(puppet.seal(exchangeType.IKE_AUTH, puppet.authPayloads({ child })));
    await stage.pass(1_000);
    const again = await stage.puppet(end, "initiator", 0x99n);
    await keyed(stage, again);
    const initialContact = notify(notifyType.INITIAL_CONTACT);
    again.inject(again.seal(exchangeType.IKE_AUTH, [...again.authPayloads(), initialContact]));
    await stage.pass(12_000);
    // The end gives the old IKE SA up, and says so.
    puppet.answer(puppet.received(), []);
    await stage.pass(0);
    return { end, like: {} };
  },
  "already-connected": async (stage) => {
    const anywhere = { remote: "any", local: a, remoteId: "twin", unique: "keep", initiate: false } as const;
    const state = desired([peer(a, b, anywhere)]);
    const { end, puppet } = await calling(stage, state);
    await keyed(stage, puppet);
    puppet.inject(puppet.seal(exchangeType.IKE_AUTH, puppet.authPayloads({ id: "twin" })));
    await stage.pass(0);
    const second = await stage.add(c);
    await second.configure(desired([peer(c, a, { localId: "twin" })]));
    await stage.pass(2_000);
    return { end, like: { identity: "twin", from: `${b}:500` } };
  },
  "lifetime-over": async (stage) => {
    const { one } = await both(stage, { hardSeconds: 20 }, {});
    stage.silence();
    await stage.pass(18_000);
    return { end: one, like: { what: "Child SA" } };
  },
  // A peer that is asked to prove itself again, and does not.
  "authentication-expired": async (stage) => {
    const { end, puppet } = await calling(stage, facing(a, { initiate: false, reauth: 20_000, timing: patient }));
    await keyed(stage, puppet);
    puppet.inject(puppet.seal(exchangeType.IKE_AUTH, puppet.authPayloads()));
    await stage.pass(51_000);
    puppet.answer(puppet.received(), []);
    await stage.pass(0);
    return { end, like: {} };
  },
  idle: async (stage) => {
    const end = await stage.add(a);
    const other = await stage.add(b);
    const state = facing(a);
    const children = (peer: PeerDesired) => peer.children.map((child) => ({ ...child, onDemand: { idle: 500 } }));
    await other.configure(facing(b, { initiate: false }));
    await end.configure({ ...state, peers: state.peers.map((peer) => ({ ...peer, children: children(peer) })) });
    end.kernel.send({ source: a, destination: b, protocol: 47 });
    await stage.pass(3_000);
    return { end, like: { child: "gre", seconds: 0.5 } };
  },
  redirected: async (stage) => {
    const { end, puppet } = await answered(stage, undefined, { remote: [b, c] });
    puppet.answerAuth((payloads) => [...payloads.slice(0, 2), redirectPayload({ kind: "address", address: c })]);
    await stage.pass(0);
    stage.silence();
    await stage.pass(4_000);
    return { end, like: { to: c } };
  },
  "redirect-refused": async (stage) => {
    const { end, puppet } = await called(stage, { remote: [b, c] });
    const elsewhere = { kind: "address", address: unreachable } as const;
    const { header, payloads } = decodeMessage(puppet.received());
    puppet.theirSpi = header.initiatorSpi;
    const answer = puppet.clear(true, [redirectPayload(elsewhere, find(payloads, "Nonce")?.data)]);
    puppet.inject(answer.fill(0, 8, 16));
    await stage.pass(0);
    return { end, like: { to: unreachable, why: "unlisted" } };
  },
  "sa-vanished": async (stage) => {
    const { one } = await both(stage, {}, {});
    stage.silence();
    const answer = one.kernel.request({ kind: "listSas" });
    const sas = answer.kind === "sas" ? answer.sas : [];
    for (const sa of sas) one.kernel.request({ kind: "deleteSa", sa });
    // The template without an SA has the kernel ask for one.
    one.kernel.send({ source: a, destination: b, protocol: 47 });
    await stage.pass(0);
    return { end: one, like: { spi: sas.find(({ destination }) => destination === a)?.spi } };
  },
  operator: async (stage) => {
    const { one } = await both(stage, {}, {});
    one.down("peer");
    await stage.pass(0);
    return { end: one, like: { action: "down" } };
  },
};

/** What a reason says in some cases alone; by what is told, with the reason's code. */
export const variants: { readonly [told: string]: { readonly code: ReasonCode; readonly story: Story } } = {
  "no-answer to a proof of IKEv1": {
    code: "no-answer",
    story: async (stage) => {
      const [one, two] = differentSecrets;
      // Phase 1 has no answer for who is not believed: what went before was answered.
      const pair = await both(stage, { ...remoteAccess, ...one }, { ...remoteAccess, ...two }, 40_000);
      const unbelieved = { sentIdentity: `gw-${a}`, proof: 'the secret "file:test.psk"' };
      return { end: pair.one, like: { exchange: "main mode", remote: b, attempts: 5, unbelieved } };
    },
  },
};

/** Somebody calls from an address that no peer has. */
export const stranger: Story = async (stage) => {
  const { end, puppet } = await calling(stage, desired([peer(a, unreachable, { initiate: false })]));
  puppet.sendInit();
  await stage.pass(0);
  const rejected = [{ peer: "peer", field: "remote address", wanted: unreachable, seen: b }];
  return { end, like: { code: "unknown-peer", remote: b, local: a, rejected } };
};
