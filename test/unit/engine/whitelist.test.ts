import { describe, expect, test } from "vitest";
import { notify } from "../../../src/ikev2/payloads.ts";
import type { StateKind } from "../../../src/ikev2/state.ts";
import type { Payload } from "../../../src/wire/ikev2/payloads/table.ts";
import { exchangeType } from "../../../src/wire/ikev2/registry/message.ts";
import { notifyType } from "../../../src/wire/ikev2/registry/notify.ts";
import { peer } from "./desired.ts";
import { a, b, ends, facing } from "./pair.ts";
import { Puppet } from "./puppet.ts";
import type { EndOptions } from "./world.ts";

type Role = "initiator" | "responder";

interface Situation {
  readonly state: StateKind;
  /** The engine's. */
  readonly role: Role;
  /** Brings an engine there; the puppet is at the other end. */
  reach(): Puppet;
  /** What changes anything there, if it is authentic (or, for IKE_SA_INIT, well formed). */
  readonly allowed: readonly string[];
}

const never = 1e9;
const [gre] = peer(a, b).children;
if (gre === undefined) throw new Error("no child");

function puppet(role: Role, options: EndOptions = {}): Puppet {
  const { one } = ends({ one: options, network: () => [] });
  one.configure(facing(a, { initiate: role === "initiator" }));
  return new Puppet(one, b, role === "initiator" ? "responder" : "initiator");
}

/** Up to IKE_AUTH's request, in hand or sent. */
function beforeAuth(role: Role, options: EndOptions = {}): Puppet {
  const one = puppet(role, options);
  if (role === "initiator") one.answerInit();
  else one.init();
  return one;
}

function established(role: Role): Puppet {
  const one = beforeAuth(role);
  if (role === "initiator") {
    one.answerAuth();
    one.nextMessageId = 0;
  } else one.request(exchangeType.IKE_AUTH, one.authPayloads({ child: gre }));
  if (one.end.peer().ikeSas.length !== 1) throw new Error("not established");
  return one;
}

function closing(role: Role): Puppet {
  const one = established(role);
  one.end.handle({ kind: "down", peer: "peer" });
  return one;
}

/** Slow from the moment at which `slow` says so. */
function held(role: Role, what: "kernelDelay" | "computeDelay", before: (one: Puppet) => void): Puppet {
  const options: EndOptions = {};
  const one = puppet(role, options);
  options[what] = never;
  before(one);
  return one;
}

const situations: readonly Situation[] = [
  {
    state: "ExpectKeyPair",
    role: "initiator",
    reach() {
      // The engine's SPI is not on the wire yet: nobody can name this SA but by chance.
      const options: EndOptions = { computeDelay: never };
      return puppet("initiator", options);
    },
    allowed: [],
  },
  {
    state: "ExpectInitResponse",
    role: "initiator",
    reach: () => puppet("initiator"),
    allowed: ["IKE_SA_INIT response"],
  },
  {
    state: "ExpectSharedSecret",
    role: "initiator",
    reach: () => held("initiator", "computeDelay", (one) => one.answerInit()),
    allowed: [],
  },
  {
    state: "ExpectFirstSpi",
    role: "initiator",
    reach: () => held("initiator", "kernelDelay", (one) => one.answerInit()),
    allowed: [],
  },
  {
    state: "ExpectAuthResponse",
    role: "initiator",
    reach: () => beforeAuth("initiator"),
    allowed: ["IKE_AUTH response"],
  },
  {
    state: "ExpectInitKeys",
    role: "responder",
    reach: () =>
      held("responder", "computeDelay", (one) => {
        // The keys are the puppet's alone so far.
        try {
          one.init();
        } catch {
          // No answer yet.
        }
      }),
    allowed: [],
  },
  {
    state: "ExpectAuthRequest",
    role: "responder",
    reach: () => beforeAuth("responder"),
    allowed: ["IKE_AUTH request"],
  },
  ...(["initiator", "responder"] as const).flatMap((role): Situation[] => [
    {
      state: "Established",
      role,
      reach: () => established(role),
      allowed: ["CREATE_CHILD_SA request", "INFORMATIONAL request"],
    },
    {
      state: "ExpectDeleteResponse",
      role,
      reach: () => closing(role),
      allowed: ["CREATE_CHILD_SA request", "INFORMATIONAL request", "INFORMATIONAL response"],
    },
  ]),
  {
    state: "Lingering",
    role: "responder",
    reach() {
      const one = established("responder");
      one.request(exchangeType.INFORMATIONAL, [{ kind: "D", protocolId: 1, spiSize: 0, spis: [] }]);
      return one;
    },
    allowed: [],
  },
];

const exchangeNames: ReadonlyMap<number, string> = new Map([
  [exchangeType.IKE_SA_INIT, "IKE_SA_INIT"],
  [exchangeType.IKE_AUTH, "IKE_AUTH"],
  [exchangeType.CREATE_CHILD_SA, "CREATE_CHILD_SA"],
  [exchangeType.INFORMATIONAL, "INFORMATIONAL"],
  [38, "IKE_SESSION_RESUME"],
  [43, "IKE_INTERMEDIATE"],
  [0, "0"],
  [255, "255"],
]);

/** What each would say where it were heard: the most harmful thing. */
function payloadsOf(exchange: number, one: Puppet): Payload[] {
  switch (exchange) {
    case exchangeType.IKE_AUTH:
      return [notify(notifyType.AUTHENTICATION_FAILED)];
    case exchangeType.CREATE_CHILD_SA:
      return gre === undefined
        ? []
        : [...one.childPayloads(gre, 0xabcd_0009), { kind: "Nonce", data: Buffer.alloc(32, 7) }];
    default:
      return [{ kind: "D", protocolId: 1, spiSize: 0, spis: [] }];
  }
}

/** Everything that a message could have changed, and what the engine said. */
function snapshot({ end }: Puppet): string {
  return JSON.stringify([
    end.engine.status(),
    end.engine.nextDeadline(),
    end.kernel.journal.length,
    // Fragments of a request that was answered may have its response sent again, in smaller ones (RFC 7383 2.6.1).
    new Set(end.sent.map(({ octets }) => Buffer.from(octets.subarray(17, 24)).toString("hex"))).size,
    end.log.filter(({ event }) => event !== "message-dropped").length,
  ]);
}

/** Whether the conversation goes on as if nothing had been said: message IDs and keys are as they were. */
function goesOn(one: Puppet, state: StateKind): boolean {
  switch (state) {
    case "Established":
    case "ExpectDeleteResponse":
      return one.request(exchangeType.INFORMATIONAL, []) !== undefined;
    case "ExpectAuthRequest":
      one.request(exchangeType.IKE_AUTH, one.authPayloads({ child: gre }));
      return one.end.peer().state === "up";
    case "ExpectAuthResponse":
      one.answerAuth();
      return one.end.peer().state === "up";
    case "ExpectInitResponse":
      one.answerInit();
      one.answerAuth();
      return one.end.peer().state === "up";
    default:
      return true;
  }
}

/** Which of a message's properties are tried. */
const messageIds = [0, 1, 2, 3, 7, 0xffff_ffff];
const forms = messageIds.flatMap((id) => [[id, false] as const, [id, true] as const]);

interface Form {
  readonly response: boolean;
  readonly messageId: number;
  readonly authentic: boolean;
  readonly inFragments: boolean;
}

describe.each(situations)("in $state as $role", ({ state, reach, allowed }) => {
  const keyed = !["ExpectKeyPair", "ExpectInitResponse", "ExpectInitKeys"].includes(state);

  test(`only ${allowed.length === 0 ? "nothing" : allowed.join(", ")} changes anything`, () => {
    const changing = new Set<string>();
    for (const [exchange, name] of exchangeNames) {
      for (const response of [false, true]) {
        for (const authentic of [true, false]) {
          for (const [messageId, inFragments] of forms) {
            if (inFragments && !keyed) continue;
            const one = reach();
            const before = snapshot(one);
            for (const octets of datagramsOf(one, exchange, { response, messageId, authentic, inFragments }))
              one.inject(octets);
            if (snapshot(one) === before && goesOn(one, state)) continue;
            const said = `${name} ${response ? "response" : "request"}`;
            changing.add(authentic || exchange === exchangeType.IKE_SA_INIT ? said : `forged ${said}`);
          }
        }
      }
    }
    expect([...changing].sort()).toEqual([...allowed].sort());
  }, 60_000);

  function datagramsOf(one: Puppet, exchange: number, form: Form): Buffer[] {
    const { response, messageId, authentic, inFragments } = form;
    if (exchange === exchangeType.IKE_SA_INIT || !keyed) return [clearOctets(one, exchange, response, messageId)];
    const payloads = payloadsOf(exchange, one);
    const padding: Payload = { kind: "V", data: Buffer.alloc(40) };
    const datagrams = inFragments
      ? one.sealFragments(exchange, [...payloads, padding], 120, { response, messageId })
      : [one.seal(exchange, payloads, { response, messageId })];
    if (inFragments && datagrams.length < 2) throw new Error("not in fragments");
    // Of several, one that is forged is enough.
    const last = datagrams.at(-1);
    if (!authentic && last !== undefined) last[last.length - 1] = (last.at(-1) ?? 0) ^ 1;
    return datagrams;
  }

  function clearOctets(one: Puppet, exchange: number, response: boolean, messageId: number): Buffer {
    const octets = one.clear(response, [
      notify(notifyType.NO_PROPOSAL_CHOSEN),
      ...(exchange === exchangeType.IKE_SA_INIT ? [] : payloadsOf(exchange, one)),
    ]);
    octets[18] = exchange;
    octets.writeUInt32BE(messageId, 20);
    // The SA of the engine is named, as far as its SPI is known.
    if (one.role === "responder" && one.theirSpi === 0n && one.end.sent.length > 0)
      Buffer.from(one.received()).copy(octets, 0, 0, 8);
    return octets;
  }
});
