/** Every state of an IKE SA in both roles, how an engine comes there, and what may change anything there. */

import { notify } from "../../../../src/ikev2/payloads.ts";
import type { StateKind } from "../../../../src/ikev2/state.ts";
import { exchangeType } from "../../../../src/wire/ikev2/registry/message.ts";
import { notifyType } from "../../../../src/wire/ikev2/registry/notify.ts";
import { peer } from "../desired.ts";
import { a, b, ends, facing } from "../pair.ts";
import { Puppet } from "../puppet.ts";
import type { EndOptions, World } from "../world.ts";
import { ikeRekey } from "./contents.ts";

export type Role = "initiator" | "responder";

/** A message by the name of its exchange and its direction. */
export type Said = `${keyof typeof exchangeType} ${"request" | "response"}`;

/** An engine, and the puppet at the other end of its IKE SA. */
export interface Reached {
  readonly world: World;
  readonly one: Puppet;
}

export interface Situation {
  readonly name: string;
  readonly state: StateKind;
  /** Sets situations of one state apart. */
  readonly but?: string;
  /** The engine's. */
  readonly role: Role;
  /** Whether the puppet has keys. */
  readonly keyed: boolean;
  reach(): Reached;
  /** What changes anything there, if it is authentic (or, for IKE_SA_INIT, well formed). Nothing else may. */
  readonly whitelist: readonly Said[];
  /** Goes on as if nothing had been said. */
  goOn(reached: Reached): void;
}

const never = 1e9;
const [gre] = peer(a, b).children;
if (gre === undefined) throw new Error("no child");

/** Of every state, what it may be like; a new state does not compile without. */
const byState: { readonly [S in StateKind]: readonly Omit<Situation, "state" | "name">[] } = {
  ExpectKeyPair: [
    {
      role: "initiator",
      keyed: false,
      // The engine's SPI is not on the wire yet: nobody can name this SA but by chance.
      reach: () => start("initiator", { computeDelay: never }),
      whitelist: [],
      goOn: () => {},
    },
  ],
  ExpectInitResponse: [
    {
      role: "initiator",
      keyed: false,
      reach: () => start("initiator"),
      whitelist: ["IKE_SA_INIT response"],
      goOn({ one }) {
        one.answerInit();
        one.answerAuth();
      },
    },
  ],
  ExpectResumeResponse: [
    {
      role: "initiator",
      keyed: false,
      reach: resuming,
      whitelist: ["IKE_SESSION_RESUME response"],
      goOn: () => {},
    },
  ],
  ExpectSharedSecret: [
    {
      role: "initiator",
      keyed: true,
      reach: () => held("initiator", "computeDelay", (one) => one.answerInit()),
      whitelist: [],
      goOn: () => {},
    },
  ],
  ExpectFirstSpi: [
    {
      role: "initiator",
      keyed: true,
      reach: () => held("initiator", "kernelDelay", (one) => one.answerInit()),
      whitelist: [],
      goOn: () => {},
    },
  ],
  ExpectAuthResponse: [
    {
      role: "initiator",
      keyed: true,
      reach: () => beforeAuth("initiator"),
      whitelist: ["IKE_AUTH response"],
      goOn: ({ one }) => one.answerAuth(),
    },
  ],
  ExpectInitKeys: [
    {
      role: "responder",
      keyed: false,
      reach: () => held("responder", "computeDelay", (one) => one.sendInit()),
      whitelist: [],
      goOn: () => {},
    },
  ],
  ExpectAuthRequest: [
    {
      role: "responder",
      keyed: true,
      reach: () => beforeAuth("responder"),
      whitelist: ["IKE_AUTH request"],
      goOn: ({ one }) => void one.request(exchangeType.IKE_AUTH, one.authPayloads({ child: gre })),
    },
  ],
  Established: inBothRoles((role) => [
    {
      role,
      keyed: true,
      reach: () => established(role),
      whitelist: ["CREATE_CHILD_SA request", "INFORMATIONAL request"],
      goOn: askForLife,
    },
    {
      but: "waiting for a sign of life",
      role,
      keyed: true,
      reach() {
        const reached = established(role);
        reached.world.run(23_500);
        return reached;
      },
      whitelist: ["CREATE_CHILD_SA request", "INFORMATIONAL request", "INFORMATIONAL response"],
      goOn: askForLife,
    },
    {
      but: "waiting for a child",
      role,
      keyed: true,
      reach: () => established(role, { protect: [{ kind: "gre" }, { kind: "ipip" }] }),
      whitelist: ["CREATE_CHILD_SA request", "CREATE_CHILD_SA response", "INFORMATIONAL request"],
      goOn: askForLife,
    },
  ]),
  // The puppet has replaced it, and does not delete it.
  Rekeyed: inBothRoles((role) => [
    {
      role,
      keyed: true,
      reach() {
        const reached = established(role);
        reached.one.request(exchangeType.CREATE_CHILD_SA, ikeRekey);
        if (reached.one.end.peer().ikeSas.length !== 1) throw new Error("not rekeyed");
        return reached;
      },
      whitelist: ["CREATE_CHILD_SA request", "INFORMATIONAL request"],
      goOn: askForLife,
    },
  ]),
  ExpectDeleteResponse: inBothRoles((role) => [
    {
      role,
      keyed: true,
      reach() {
        const reached = established(role);
        reached.one.end.handle({ kind: "down", peer: "peer" });
        return reached;
      },
      whitelist: ["CREATE_CHILD_SA request", "INFORMATIONAL request", "INFORMATIONAL response"],
      goOn: askForLife,
    },
  ]),
  Lingering: inBothRoles((role) => [{ role, keyed: true, reach: () => over(role), whitelist: [], goOn: () => {} }]),
  Gone: inBothRoles((role) => [
    {
      role,
      keyed: true,
      reach() {
        const reached = over(role);
        reached.world.run(31_000);
        return reached;
      },
      whitelist: [],
      goOn: () => {},
    },
  ]),
};

/** The peer gave a ticket, and was not heard of again. */
function resuming(): Reached {
  const reached = start("initiator", {}, { resumption: true });
  const ticket = notify(notifyType.TICKET_LT_OPAQUE, Buffer.alloc(84, 0x0e));
  reached.one.answerInit();
  reached.one.answerAuth((payloads) => [...payloads, ticket]);
  reached.world.run(70_000);
  const { end } = reached.one;
  if (end.sent.at(-1)?.octets[18] !== exchangeType.IKE_SESSION_RESUME) throw new Error("not resuming");
  return { world: reached.world, one: new Puppet(end, b, "responder") };
}

export const situations: readonly Situation[] = Object.entries(byState).flatMap(([state, list]) =>
  list.map((situation) => ({ ...situation, state: state as StateKind, name: nameOf(state, situation) })),
);

function nameOf(state: string, { role, but }: Pick<Situation, "role" | "but">): string {
  return `${state} as ${role}${but === undefined ? "" : `, ${but}`}`;
}

function inBothRoles<T>(make: (role: Role) => readonly T[]): T[] {
  return [...make("initiator"), ...make("responder")];
}

function start(role: Role, options: EndOptions = {}, peerOptions: Parameters<typeof facing>[1] = {}): Reached {
  const { world, one } = ends({ one: options, network: () => [] });
  // At the engine's hour 0 nothing could be told from never.
  world.run(1_000);
  one.configure(facing(a, { initiate: role === "initiator", ...peerOptions }));
  return { world, one: new Puppet(one, b, role === "initiator" ? "responder" : "initiator") };
}

/** Up to IKE_AUTH's request, in hand or sent. */
function beforeAuth(role: Role, peerOptions: Parameters<typeof facing>[1] = {}): Reached {
  const reached = start(role, {}, peerOptions);
  if (role === "initiator") reached.one.answerInit();
  else reached.one.init();
  return reached;
}

function established(role: Role, peerOptions: Parameters<typeof facing>[1] = {}): Reached {
  const asking = peerOptions.protect !== undefined;
  const reached = beforeAuth(role, asking && role === "responder" ? { ...peerOptions, initiate: true } : peerOptions);
  const { one, world } = reached;
  if (role === "initiator") {
    one.answerAuth();
    one.nextMessageId = 0;
  } else {
    one.request(exchangeType.IKE_AUTH, one.authPayloads({ child: gre }));
    // Then it is its turn to ask.
    if (asking) world.run(4_000);
  }
  if (one.end.peer().ikeSas.length !== 1) throw new Error("not established");
  // Later than the last that was heard, or what is taken for a sign of life would not show.
  if (!asking) world.run(7_000);
  return reached;
}

/** Deleted by the puppet. */
function over(role: Role): Reached {
  const reached = established(role);
  reached.one.request(exchangeType.INFORMATIONAL, [{ kind: "D", protocolId: 1, spiSize: 0, spis: [] }]);
  return reached;
}

/** Slow from the moment at which `before` is called. */
function held(role: Role, what: "kernelDelay" | "computeDelay", before: (one: Puppet) => void): Reached {
  const options: EndOptions = {};
  const reached = start(role, options);
  options[what] = never;
  before(reached.one);
  return reached;
}

function askForLife({ one }: Reached): void {
  if (one.request(exchangeType.INFORMATIONAL, []) === undefined) throw new Error("no sign of life");
}
