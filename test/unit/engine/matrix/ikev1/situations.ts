/** Every state of an ISAKMP SA in both roles, how an engine comes there with a peer, and what may change anything there. */

import type { StateKind } from "../../../../../src/ikev1/state.ts";
import type { ComputeJob } from "../../../../../src/sa/compute.ts";
import type { XauthDesired } from "../../../../../src/sa/remote-access.ts";
import type { exchangeType } from "../../../../../src/wire/ikev1/registry/message.ts";
import { host, signing, trusting } from "../../certificates.ts";
import { type PeerOptions, timing } from "../../desired.ts";
import { a, b } from "../../pair.ts";
import { Line } from "./line.ts";

export type Role = "initiator" | "responder";

type Exchange = keyof typeof exchangeType;

/**
 * What is listened to: the genuine message whose turn it is, an authentic message that begins an exchange, or one that answers
 * ours.
 */
export type Said = `${Exchange} due` | `${Exchange} begun` | `${Exchange} answered`;

export interface Situation {
  readonly name: string;
  readonly state: StateKind;
  /** Sets situations of one state apart. */
  readonly but?: string;
  /** The engine's. */
  readonly role: Role;
  reach(): Line;
  /** What changes anything there. Nothing else may. */
  readonly whitelist: readonly Said[];
  /** Exchanges of which what nobody has proved may become the reason why nothing comes, and no more. */
  readonly explains?: readonly Exchange[];
}

type Row = Omit<Situation, "state" | "name">;

const main: PeerOptions = { ikev1: "main", ike: ["aes128-sha256-ecp256"], esp: ["aes128-sha256"] };
const aggressive: PeerOptions = { ...main, ikev1: "aggressive" };

const pool = { address: "10.9.0.0", length: 29 };
const inside = { address: "10.1.0.0", length: 16 };
const callerLine: PeerOptions = { protect: [{ kind: "tunnel", local: pool, remote: inside }] };
const gatewayLine: PeerOptions = { protect: [{ kind: "tunnel", local: inside, remote: pool }] };

const password = { name: "file:alice.password", octets: Buffer.from("open sesame") };
const alice: XauthDesired = { kind: "client", user: "alice", password };
const users: XauthDesired = { kind: "server", users: [{ name: "alice", password }] };

/** Who logs in, or gets an address, and who is logged in with, or gives one; in that order. */
const login = { client: { ...main, xauth: alice }, server: { ...main, xauth: users } };
const pull = {
  client: { ...main, ...callerLine, innerAddress: { kind: "client", by: "pull" } },
  server: { ...main, ...gatewayLine, innerAddress: { kind: "server", by: "pull", pool } },
} satisfies Record<string, PeerOptions>;
const push = {
  client: { ...main, ...callerLine, innerAddress: { kind: "client", by: "push" } },
  server: { ...main, ...gatewayLine, innerAddress: { kind: "server", by: "push", pool } },
} satisfies Record<string, PeerOptions>;

/** With what the end at that address, and the other one, prove who they are. */
function certified(address: string, kind: "rsa" | "p256"): PeerOptions {
  return { auth: { local: [signing([host(`gw-${address}`, kind)])], remote: [trusting()] } };
}

function encrypting(address: string): PeerOptions {
  const other = host(`gw-${address === a ? b : a}`, "rsa");
  const local = [signing([host(`gw-${address}`, "rsa")])];
  return { proveBy: "encryption", auth: { local, remote: [trusting({ authorities: [], listed: [other] })] } };
}

const begun: readonly Said[] = ["INFORMATIONAL begun", "QUICK_MODE begun", "TRANSACTION begun"];

/** Of every state, what it may be like; a new state does not compile without. */
const byState: { readonly [S in StateKind]: readonly Row[] } = {
  ExpectSaAnswer: [
    {
      role: "initiator",
      reach: () => reach("initiator", "ExpectSaAnswer", main),
      whitelist: ["IDENTITY_PROTECTION due"],
      explains: ["IDENTITY_PROTECTION", "INFORMATIONAL"],
    },
  ],
  ExpectKeyPair: [
    {
      role: "initiator",
      reach: () => reach("initiator", "ExpectKeyPair", main, main, "generate"),
      whitelist: [],
      explains: ["INFORMATIONAL"],
    },
    {
      but: "aggressive mode",
      role: "initiator",
      reach: () => reach("initiator", "ExpectKeyPair", aggressive, aggressive, "generate"),
      whitelist: [],
      explains: ["INFORMATIONAL"],
    },
  ],
  ExpectKeyAnswer: [
    {
      role: "initiator",
      reach: () => reach("initiator", "ExpectKeyAnswer", main),
      whitelist: ["IDENTITY_PROTECTION due"],
      explains: ["IDENTITY_PROTECTION", "INFORMATIONAL"],
    },
  ],
  ExpectSharedSecret: [
    {
      role: "initiator",
      reach: () => reach("initiator", "ExpectSharedSecret", main, main, "finish"),
      whitelist: [],
      explains: ["INFORMATIONAL"],
    },
    {
      role: "responder",
      reach: () => reach("responder", "ExpectSharedSecret", main, main, "respond"),
      whitelist: [],
    },
    {
      but: "aggressive mode",
      role: "initiator",
      reach: () => reach("initiator", "ExpectSharedSecret", aggressive, aggressive, "finish"),
      whitelist: [],
      explains: ["INFORMATIONAL"],
    },
    {
      but: "aggressive mode",
      role: "responder",
      reach: () => reach("responder", "ExpectSharedSecret", aggressive, aggressive, "respond"),
      whitelist: [],
    },
  ],
  ExpectPlaintext: inBothRoles((role) => [
    {
      role,
      reach: () =>
        reach(role, "ExpectPlaintext", { ...main, ...encrypting(a) }, { ...main, ...encrypting(b) }, "decrypt"),
      whitelist: [],
      ...(role === "initiator" ? { explains: ["INFORMATIONAL"] as const } : {}),
    },
  ]),
  ExpectOwnProof: inBothRoles((role) => [
    {
      role,
      reach: () =>
        reach(
          role,
          "ExpectOwnProof",
          { ...main, ...certified(a, "p256") },
          { ...main, ...certified(b, "p256") },
          "sign",
        ),
      whitelist: [],
      ...(role === "initiator" ? { explains: ["INFORMATIONAL"] as const } : {}),
    },
  ]),
  ExpectVerdict: inBothRoles((role) => [
    {
      role,
      reach: () =>
        reach(
          role,
          "ExpectVerdict",
          { ...main, ...certified(a, "p256") },
          { ...main, ...certified(b, "p256") },
          "examine",
        ),
      whitelist: [],
      ...(role === "initiator" ? { explains: ["INFORMATIONAL"] as const } : {}),
    },
  ]),
  ExpectIdentityAnswer: [
    {
      role: "initiator",
      reach: () => reach("initiator", "ExpectIdentityAnswer", main),
      whitelist: ["IDENTITY_PROTECTION due"],
      explains: ["IDENTITY_PROTECTION", "INFORMATIONAL"],
    },
  ],
  ExpectKeyRequest: [
    {
      role: "responder",
      reach: () => reach("responder", "ExpectKeyRequest", main),
      whitelist: ["IDENTITY_PROTECTION due"],
    },
  ],
  ExpectIdentityRequest: [
    {
      role: "responder",
      reach: () => reach("responder", "ExpectIdentityRequest", main),
      whitelist: ["IDENTITY_PROTECTION due"],
    },
  ],
  ExpectAggressiveAnswer: [
    {
      role: "initiator",
      reach: () => reach("initiator", "ExpectAggressiveAnswer", aggressive),
      whitelist: ["AGGRESSIVE due"],
      explains: ["AGGRESSIVE", "INFORMATIONAL"],
    },
  ],
  ExpectAggressiveProof: [
    {
      role: "responder",
      reach: () => reach("responder", "ExpectAggressiveProof", aggressive),
      whitelist: ["AGGRESSIVE due"],
      explains: ["AGGRESSIVE"],
    },
  ],
  ExpectLoginRequest: inBothRoles((role) => [
    {
      role,
      reach: () => reach(role, "ExpectLoginRequest", login.client, login.server),
      whitelist: ["TRANSACTION due", "TRANSACTION begun", "INFORMATIONAL begun"],
    },
  ]),
  ExpectLogin: inBothRoles((role) => [
    {
      role,
      reach: () => reach(role, "ExpectLogin", login.server, login.client),
      whitelist: ["TRANSACTION due", "TRANSACTION answered", "INFORMATIONAL begun"],
    },
  ]),
  ExpectLoginAck: inBothRoles((role) => [
    {
      role,
      reach: () => reach(role, "ExpectLoginAck", login.server, login.client),
      whitelist: ["TRANSACTION due", "TRANSACTION answered", "INFORMATIONAL begun"],
    },
  ]),
  ExpectAddress: inBothRoles((role) => [
    {
      but: "having asked",
      role,
      reach: () => reach(role, "ExpectAddress", pull.client, pull.server),
      whitelist: ["TRANSACTION due", "TRANSACTION answered", "TRANSACTION begun", "INFORMATIONAL begun"],
    },
    {
      but: "which the peer is to send",
      role,
      reach: () => reach(role, "ExpectAddress", push.client, push.server),
      whitelist: ["TRANSACTION due", "TRANSACTION begun", "INFORMATIONAL begun"],
    },
  ]),
  ExpectAddressAck: inBothRoles((role) => [
    {
      role,
      reach: () => reach(role, "ExpectAddressAck", push.server, push.client),
      whitelist: ["TRANSACTION due", "TRANSACTION answered", "TRANSACTION begun", "INFORMATIONAL begun"],
    },
  ]),
  Established: [
    {
      but: "having asked for a child",
      role: "initiator",
      reach: () => reach("initiator", "Established", main),
      whitelist: ["QUICK_MODE due", ...begun],
    },
    {
      but: "and asked for nothing yet",
      role: "responder",
      reach: () => reach("responder", "Established", main),
      whitelist: ["QUICK_MODE due", ...begun],
    },
    {
      but: "having answered about a child",
      role: "responder",
      reach: () => reach("responder", "Established", main, main, ({ sa }) => sa.exchanges.isUnderWay),
      whitelist: ["QUICK_MODE due", ...begun],
    },
    ...inBothRoles((role) => [
      { but: "at rest", role, reach: () => atRest(role).hold(), whitelist: begun },
      {
        but: "waiting for a sign of life",
        role,
        reach() {
          const line = atRest(role);
          return line.until(({ sa }) => sa.deadPeers.isAsking).hold();
        },
        whitelist: ["INFORMATIONAL due", ...begun],
      } satisfies Row,
    ]),
  ],
  Replaced: inBothRoles((role) => [
    {
      role,
      reach() {
        const line = atRest(role);
        line.one.handle({ kind: "rekey", peer: "peer", what: "ike" });
        return line.until(({ sa }) => sa.state.kind === "Replaced").hold();
      },
      whitelist: begun,
    },
  ]),
  // Ended here; the peer has not been told, and has its keys.
  Gone: inBothRoles((role) => [
    {
      role,
      reach() {
        const line = atRest(role);
        line.one.handle({ kind: "down", peer: "peer" });
        return line.deafen();
      },
      whitelist: [],
    },
  ]),
};

export const situations: readonly Situation[] = Object.entries(byState).flatMap(([state, list]) =>
  list.map((situation) => ({ ...situation, state: state as StateKind, name: nameOf(state, situation) })),
);

function nameOf(state: string, { role, but }: Pick<Situation, "role" | "but">): string {
  return `${state} as ${role}${but === undefined ? "" : `, ${but}`}`;
}

function inBothRoles<T>(make: (role: Role) => readonly T[]): T[] {
  return [...make("initiator"), ...make("responder")];
}

/**
 * Goes on until the engine is in `state`, and where `when` is a job, has its worker do that late; where it is a condition,
 * until that holds too. What the peer says then is held back.
 */
function reach(
  role: Role,
  state: StateKind,
  ours: PeerOptions,
  theirs: PeerOptions = ours,
  when: ComputeJob["kind"] | ((line: Line) => boolean) = () => true,
): Line {
  const job = typeof when === "string" ? when : undefined;
  const also = typeof when === "string" ? () => true : when;
  const line = new Line(role, ours, theirs, job);
  return line.until((one) => one.sa.state.kind === state && also(one)).hold();
}

/** One pair of IPsec SAs, and nothing under way. The peer does not ask for life. */
function atRest(role: Role): Line {
  const silent = { ...main, timing: { ...timing, liveness: 0 } };
  const line = new Line(role, main, silent, undefined);
  line.until(({ one, two }) => [one, two].every((end) => end.peer().children[0]?.sas.length === 1));
  line.settle();
  // Later than the last that was heard, or what is taken for a sign of life would not show.
  line.world.run(7_000);
  line.settle();
  return line;
}
