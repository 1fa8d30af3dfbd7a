/** The lines of `protect` and `lock`: which overlay, and how it is protected. */
import { z } from "zod";
import type { SaMode } from "../../kernel/port.ts";
import {
  isUdpOverlay,
  lockKinds,
  type ProtectLine as ProtectedThing,
  type ProtocolOverlay,
  type UdpOverlay,
} from "../../overlay/expand.ts";
import { nearestWord } from "../nearest.ts";
import { quote } from "../problem.ts";
import { documented } from "./documentation.ts";
import { leaf, notThis, oneOrMany, section, seen, wholeNumber } from "./leaf.ts";
import { count, duration, portNumber, proposal, startPolicy, yesOrNo } from "./scalars.ts";
import { subnets } from "./subnets.ts";

/** How Child SAs are made; a peer gives it for all its lines, a line for itself. */
export const childShape = {
  esp: documented(oneOrMany(proposal("esp"), "proposal").optional(), {
    type: "proposal or list of proposals",
    default: "see [default proposals](#default-proposals)",
    meaning:
      "What ESP may use, best first. A proposal is keywords joined by `-`; several keywords of one type are alternatives. A key exchange in it asks for fresh key material with every further Child SA.",
    example: "esp: [aes256gcm16-esn-noesn, aes256-sha256]",
  }),
  ah: documented(oneOrMany(proposal("ah"), "proposal").optional(), {
    type: "proposal or list of proposals",
    default: "ESP is used",
    meaning:
      "Use AH, which authenticates and does not encrypt, with these algorithms, instead of ESP. Beside `esp`: around it, so that the outer IP header is authenticated too; ESP may then encrypt alone (`esp: aes256`). Only IKEv1 can agree on both together, so `ikev1` must be `main` or `aggressive`.",
    example: "ah: sha256",
  }),
  lifetime: documented(
    section({
      seconds: documented(wholeNumber(10, 31_536_000).optional(), {
        type: "10 to 31536000",
        default: "14400",
        meaning: "Seconds after which the kernel ends an SA by itself, even when the daemon is dead.",
        example: "seconds: 3600",
      }),
      bytes: documented(count.optional(), {
        type: "number, with K, M, G or T for powers of 1024",
        default: "no limit",
        meaning: "Octets after which the kernel ends an SA.",
        example: "bytes: 64G",
      }),
      packets: documented(count.optional(), {
        type: "number, with K, M, G or T for powers of 1024",
        default: "no limit",
        meaning: "Packets after which the kernel ends an SA.",
        example: "packets: 1000000000",
      }),
    }).optional(),
    {
      type: "section",
      default: "4 hours",
      meaning: "Hard limits of every SA.",
      example: "lifetime: { seconds: 3600, bytes: 64G }",
    },
  ),
  rekey: documented(
    section({
      seconds: documented(wholeNumber(0, 31_536_000).optional(), {
        type: "0 to 31536000",
        default: "3600, at most three quarters of `lifetime`",
        meaning: "Age in seconds; 0: age alone is no reason. Up to a tenth is taken off by chance.",
        example: "seconds: 1800",
      }),
      bytes: documented(count.optional(), {
        type: "number, with K, M, G or T for powers of 1024",
        default: "four fifths of what `lifetime` has",
        meaning: "Octets in either direction.",
        example: "bytes: 32G",
      }),
      packets: documented(count.optional(), {
        type: "number, with K, M, G or T for powers of 1024",
        default: "four fifths of what `lifetime` has",
        meaning:
          "Packets in either direction. Without extended sequence numbers, never more than 3G: they would run out.",
        example: "packets: 500000000",
      }),
    }).optional(),
    {
      type: "section",
      default: "1 hour",
      meaning:
        "When a Child SA is replaced by a new one, without the loss of a packet. A replacement that fails is tried again until `lifetime` is over.",
      example: "rekey: { seconds: 1800, bytes: 32G }",
    },
  ),
  compress: documented(yesOrNo.optional(), {
    type: "yes or no",
    default: "no",
    meaning:
      "Compress packets before they are protected (IPComp, RFC 3173, deflate), where the peer wants that too. For slow links: it costs processor time, and the length of what is compressed tells an onlooker something about it.",
    example: "compress: yes",
  }),
  start: documented(startPolicy.optional(), {
    type: "now or on-demand",
    default: "now",
    meaning:
      "When it is negotiated. `now`: at start, and again whenever it is lost. `on-demand`: when a packet for it is to leave; until then nothing passes either way. After a failure the next packet asks again, with growing waits.",
    example: "start: on-demand",
  }),
  idle: documented(duration({ min: 10_000, max: 7 * 86_400_000, off: true }).optional(), {
    type: "time, 10s to 7d, or off",
    default: "off",
    meaning: "With `start: on-demand`: time without a packet in either direction after which it is taken down again.",
    example: "idle: 10m",
  }),
  "replay-window": documented(wholeNumber(0, 4096, "packets").optional(), {
    type: "0 to 4096",
    default: "128",
    meaning:
      "How far packets may arrive out of order before they are taken for replays; 0 switches the protection off.",
    example: "replay-window: 1024",
  }),
};

const modes: Readonly<Record<string, SaMode>> = { transport: "transport", tunnel: "tunnel" };

const mode: z.ZodType<SaMode> = leaf((value) => {
  const found = typeof value === "string" ? modes[value] : undefined;
  if (found !== undefined) return { value: found };
  return {
    wrong:
      typeof value === "string" ? `is transport or tunnel, not ${quote(value)}` : notThis("transport or tunnel", value),
  };
});

const nothing: z.ZodType<true> = leaf((value) => {
  const empty = value === null || value === true || (typeof value === "object" && Object.keys(value).length === 0);
  return empty ? { value: true } : { wrong: "takes no options of its own: write the other keys beside it" };
});

function withPort() {
  const key = section({
    port: documented(portNumber.optional(), {
      type: "1 to 65535",
      default: "the one that IANA assigned",
      meaning: "UDP destination port.",
      example: "port: 8472",
    }),
  });
  return z.preprocess((value) => value ?? {}, key);
}

const overlayShape = {
  gre: documented(nothing.optional(), {
    type: "no value",
    default: "",
    meaning: "GRE between the two gateways, IP protocol 47: NVGRE and every other payload too.",
    example: "- gre",
  }),
  ipip: documented(nothing.optional(), {
    type: "no value",
    default: "",
    meaning: "IPv4 in IP, IP protocol 4.",
    example: "- ipip",
  }),
  sit: documented(nothing.optional(), {
    type: "no value",
    default: "",
    meaning: "IPv6 in IP, IP protocol 41.",
    example: "- sit",
  }),
  ip6: documented(nothing.optional(), {
    type: "no value",
    default: "",
    meaning: "IPv6 in IPv6, IP protocol 41; another name for `sit`.",
    example: "- ip6",
  }),
  vxlan: documented(withPort().optional(), {
    type: "no value, or a section",
    default: "port 4789",
    meaning: "VXLAN: UDP to the port, in both directions, whatever the source port.",
    example: "- vxlan: { port: 8472 }",
  }),
  geneve: documented(withPort().optional(), {
    type: "no value, or a section",
    default: "port 6081",
    meaning: "Geneve: UDP to the port, in both directions, whatever the source port.",
    example: "- geneve",
  }),
} satisfies Readonly<Record<ProtocolOverlay | UdpOverlay, z.ZodType>>;

export const lockSection = section(overlayShape);

export const protectSection = section({
  ...overlayShape,
  tunnel: documented(subnets.optional(), {
    type: "`A <-> B`, two subnets, or lists of them: `A, B <-> C, D`",
    default: "",
    meaning:
      "Everything between a subnet at our end (left) and one at the peer's (right), in tunnel mode. Of lists, every pair of a left and a right one is protected, all pairs in one Child SA; what the peer does not agree to stays stopped.",
    example: "- tunnel: 10.1.0.0/16, 10.3.0.0/16 <-> 10.2.0.0/16",
  }),
  routes: documented(yesOrNo.optional(), {
    type: "yes or no",
    default: "yes",
    meaning:
      "For `tunnel`: install a route to the peer's subnet that prefers an address of ours inside our subnet as source.",
    example: "routes: off",
  }),
  mode: documented(mode.optional(), {
    type: "transport or tunnel",
    default: "transport for overlays, tunnel for `tunnel`",
    meaning:
      "For overlays: `tunnel` puts a second IP header around each packet, for peers that know no transport mode.",
    example: "mode: tunnel",
  }),
  ...childShape,
});

type OverlayName = keyof typeof overlayShape;

/** One line of `protect`: what is protected, and how. */
export type ProtectEntry = Omit<z.output<typeof protectSection>, OverlayName | "tunnel"> & {
  readonly thing: ProtectedThing;
};

/** `gre`, or a section that names one overlay or one tunnel, with options beside it. */
export const protectEntry: z.ZodType<ProtectEntry> = shorthand(protectSection, [...lockKinds, "tunnel"]).transform(
  (entry, context): ProtectEntry => {
    const { gre, ipip, sit, ip6, vxlan, geneve, tunnel, ...options } = entry;
    const things: ProtectedThing[] = overlayThings({ gre, ipip, sit, ip6, vxlan, geneve });
    if (tunnel !== undefined) things.push({ kind: "tunnel", ...tunnel });
    const [thing, another] = things;
    if (thing !== undefined && another === undefined) return { ...options, thing };
    const wrong =
      thing === undefined
        ? `names nothing to protect: add one of ${[...lockKinds, "tunnel"].join(", ")}`
        : `names ${things.map(({ kind }) => kind).join(" and ")}: write a line for each of them`;
    context.issues.push({ code: "custom", message: wrong, input: entry });
    return z.NEVER;
  },
);

/** One entry of `local.lock`. */
export const lockEntry: z.ZodType<OverlayThing> = shorthand(lockSection, lockKinds).transform(
  (entry, context): OverlayThing => {
    const things = overlayThings(entry);
    const [thing, another] = things;
    if (thing !== undefined && another === undefined) return thing;
    const wrong =
      thing === undefined
        ? `names nothing to lock: give one of ${lockKinds.join(", ")}`
        : `names ${things.map(({ kind }) => kind).join(" and ")}: write an entry for each of them`;
    context.issues.push({ code: "custom", message: wrong, input: entry });
    return z.NEVER;
  },
);

/** A bare word is short for a section with that key alone. */
function shorthand<S extends z.ZodType>(schema: S, names: readonly string[]) {
  return z.preprocess((value, context): unknown => {
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
    if (typeof value === "string" && names.includes(value)) return { [value]: null };
    const wrong =
      typeof value === "string" ? unknownThing(value, names) : `needs one of ${names.join(", ")}, ${seen(value)}`;
    context.issues.push({ code: "custom", message: wrong, input: value });
    return z.NEVER;
  }, schema);
}

function unknownThing(text: string, names: readonly string[]): string {
  if (text.includes("<->") && names.includes("tunnel")) return `for a tunnel write ${quote(`tunnel: ${text}`)}`;
  const near = nearestWord(text, names);
  const guess = near === undefined ? "." : `, did you mean ${near}?`;
  return `no such overlay: ${quote(text)}${guess} Possible: ${names.join(", ")}`;
}

type OverlayThing = Exclude<ProtectedThing, { kind: "tunnel" }>;

type OverlayValues = {
  readonly [K in ProtocolOverlay]: true | undefined;
} & {
  readonly [K in UdpOverlay]: { readonly port?: number | undefined } | undefined;
};

function overlayThings(values: Partial<OverlayValues>): OverlayThing[] {
  const things: OverlayThing[] = [];
  for (const kind of lockKinds) {
    const value = values[kind];
    if (value === undefined) continue;
    things.push(isUdpOverlay(kind) ? { kind, port: value === true ? undefined : value.port } : { kind });
  }
  return things;
}
