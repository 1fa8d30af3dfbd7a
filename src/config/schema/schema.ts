/** Every key of the configuration, typed and documented once: loading and the reference page both read this. */
import { z } from "zod";
import type { ChildlessPolicy } from "../../sa/desired.ts";
import type { LogRecord } from "../../sa/log-record.ts";
import { quote } from "../problem.ts";
import { authSection } from "./auth.ts";
import { documented } from "./documentation.ts";
import { floodSection } from "./flood.ts";
import { leaf, notThis, oneOf, oneOrMany, section, wholeNumber } from "./leaf.ts";
import { childShape, lockEntry, protectEntry } from "./protect.ts";
import { redirectSection } from "./redirect.ts";
import {
  duration,
  hostAddress,
  identity,
  portNumber,
  proposal,
  remote,
  uniquePolicy,
  weakKeyword,
  yesOrNo,
} from "./scalars.ts";

const childlessPolicies: readonly ChildlessPolicy[] = ["allow", "prefer", "never"];
const second = 1000;
const day = 86_400_000;

/** What `retransmission`, `retry` and `liveness` come to where the file says nothing. In milliseconds. */
export const timingDefaults = {
  /**
   * 12 retransmissions in 196 seconds: RFC 7296 2.4 suggests at least a dozen over several minutes before an SA is given
   * up. The first comes early, since a lost first packet is the common case when both ends start at once.
   */
  retransmitFirst: second,
  retransmitFactor: 1.4,
  retransmitTries: 12,
  liveness: 30 * second,
  retryFirst: second,
  retryLongest: 60 * second,
  /** The keys of an IKE SA protect little; what ages is the knowledge that the peer still holds its secret. */
  ikeRekey: 4 * 3600 * second,
  linger: 5 * second,
} as const;

/** RFC 3948 4: 20 seconds between keepalives; RFC 4787 4.3 lets a NAT forget a mapping after 2 minutes, and many forget after 30 s. */
export const natDefaults = { keepalive: 20 * second, force: false } as const;

const retransmissionSection = section({
  first: documented(duration({ min: 100, max: 60 * second }).optional(), {
    type: "time, 100ms to 1m",
    default: "1s",
    meaning: "Wait before a request is sent again the first time.",
    example: "first: 500ms",
  }),
  factor: documented(
    leaf<number>((value) => {
      if (typeof value === "number" && value >= 1 && value <= 4) return { value };
      return { wrong: notThis("a number from 1 to 4", value) };
    }).optional(),
    {
      type: "1 to 4",
      default: "1.4",
      meaning: "How much longer each wait is than the one before.",
      example: "factor: 1.8",
    },
  ),
  tries: documented(wholeNumber(1, 30).optional(), {
    type: "1 to 30",
    default: "12",
    meaning: "How often a request is sent again before the peer counts as lost.",
    example: "tries: 5",
  }),
});

/** What `messages` comes to where the file says nothing. */
export const messageDefaults = {
  /** A lost request holds the three behind it up no longer; each response that is kept costs a few hundred octets. */
  window: 4,
  /** IPv6's least MTU, and less than what tunnels on the way leave of Ethernet's. */
  fragmentSize: 1280,
} as const;

const messagesSection = section({
  window: documented(wholeNumber(1, 64, "requests").optional(), {
    type: "1 to 64",
    default: "4",
    meaning:
      "Requests that the peer may send before it has our response to the first of them. Peers that know of no window go on asking one by one.",
    example: "window: 1",
  }),
  "fragment-size": documented(wholeNumber(576, 9000, "octets").optional(), {
    type: "576 to 9000",
    default: "1280",
    meaning:
      "Octets of an IP datagram, its headers included, beyond which an IKE message is sent in fragments of its own (RFC 7383), so that none is fragmented by IP. Lowered by itself where large requests go unanswered.",
    example: "fragment-size: 1400",
  }),
});

const retrySection = section({
  first: documented(duration({ min: 100, max: day }).optional(), {
    type: "time, 100ms to 1d",
    default: "1s",
    meaning: "Wait before a lost peer is called again; it doubles with every failure.",
    example: "first: 5s",
  }),
  longest: documented(duration({ min: 100, max: day }).optional(), {
    type: "time, 100ms to 1d",
    default: "1m",
    meaning: "The longest that this wait becomes.",
    example: "longest: 10m",
  }),
});

const natSection = section({
  keepalive: documented(duration({ min: second, max: 3600 * second, off: true }).optional(), {
    type: "time, 1s to 1h, or off",
    default: "20s",
    meaning:
      "Behind a NAT: after so long without any packet to the peer one octet is sent, so that the NAT does not forget the way back.",
    example: "keepalive: 10s",
  }),
  force: documented(yesOrNo.optional(), {
    type: "yes or no",
    default: "no",
    meaning:
      "Send ESP inside UDP port 4500 even where no NAT is on the way: for networks that let no other protocol pass. One end is enough. AH cannot be had then.",
    example: "force: yes",
  }),
});

/** Keys that `defaults` may give for all peers. */
const sharedShape = {
  port: documented(portNumber.optional(), {
    type: "1 to 65535",
    default: "500",
    meaning:
      "The peer's UDP port for IKE. On any other than 500 every message carries the non-ESP marker from the start and leaves from our port 4500: such a port is what the peer's NAT forwards to its port 4500.",
    example: "port: 4500",
  }),
  "local-id": documented(identity.optional(), {
    type: "identity",
    default: "`local.id`",
    meaning: "Who we are towards this peer.",
    example: "local-id: gw-a.example",
  }),
  auth: documented(authSection.optional(), {
    type: "section",
    meaning: "How the two ends prove who they are.",
    example: "auth: { psk: file:site-b.psk }",
  }),
  childless: documented(oneOf(childlessPolicies).optional(), {
    type: "allow, prefer or never",
    default: "allow",
    meaning:
      "Whether an IKE SA may begin without a Child SA (RFC 6023). `allow`: the peer may, and we do where there is none to ask for yet. `prefer`: we always do with a peer that takes it; every Child SA then has a key exchange of its own. `never`: neither; to be announced to nobody, no other peer that may call from the same address may allow it.",
    example: "childless: prefer",
  }),
  ike: documented(oneOrMany(proposal("ike"), "proposal").optional(), {
    type: "proposal or list of proposals",
    default: "see [default proposals](#default-proposals)",
    meaning:
      "What the IKE SA may use, best first. A proposal is keywords joined by `-`; several keywords of one type are alternatives.",
    example: "ike: aes256gcm16-prfsha384-x25519",
  }),
  ...childShape,
  initiate: documented(yesOrNo.optional(), {
    type: "yes or no",
    default: "yes; no for `remote: any`",
    meaning: "Call the peer at start, and again whenever it is lost. With no, wait until it calls.",
    example: "initiate: no",
  }),
  unique: documented(uniquePolicy.optional(), {
    type: "replace, keep or never",
    default: "replace",
    meaning:
      "Whether one identity has one IKE SA. `replace`: a newer one takes the place of the others once it carries their traffic, wherever the peer calls from now. `keep`: a second caller with the same identity, from another address, is turned away while the first stands. `never`: as many as come; for peers that share an identity.",
    example: "unique: keep",
  }),
  weak: documented(oneOrMany(weakKeyword, "keyword").optional(), {
    type: "keyword or list of keywords",
    default: "none",
    meaning:
      "Weak algorithms that this peer's proposals may name. Each one must be named here, by its very keyword; the log says so when it is used.",
    example: "weak: [3des, modp1024]",
  }),
  liveness: documented(duration({ min: second, max: day, off: true }).optional(), {
    type: "time, 1s to 1d, or off",
    default: "30s",
    meaning:
      "Silence after which the peer is asked whether it is still there; half of it where packets are sent and none come back. What counts is what the peer sends, be it IKE, ESP or AH; but where IKE alone is silent it is asked after four times as long.",
    example: "liveness: 10s",
  }),
  mobike: documented(yesOrNo.optional(), {
    type: "yes or no",
    default: "yes",
    meaning:
      "Whether an end may change its address while the tunnel stands (RFC 4555), where the peer can do it too: this host to another of `local.address`, or to what its routes give where the file names none; the peer to wherever it proves itself from. IKE then uses UDP port 4500 from the start.",
    example: "mobike: no",
  }),
  nat: documented(natSection.optional(), {
    type: "section",
    default: "keepalives every 20s, UDP only where a NAT is found",
    meaning: "What is done about NATs on the way.",
    example: "nat: { keepalive: 10s, force: yes }",
  }),
  "ike-rekey": documented(duration({ min: second, max: day, off: true }).optional(), {
    type: "time, 1s to 1d, or off",
    default: "4h",
    meaning:
      "Age at which an IKE SA is replaced by a new one that takes its Child SAs over. Up to a tenth is taken off by chance.",
    example: "ike-rekey: 8h",
  }),
  "ike-lifetime": documented(duration({ min: second, max: 2 * day, off: true }).optional(), {
    type: "time, 1s to 2d, or off",
    default: "twice `ike-rekey`",
    meaning: "Age at which an IKE SA that could not be replaced is closed, and opened anew.",
    example: "ike-lifetime: 24h",
  }),
  linger: documented(duration({ min: 100, max: 60 * second, off: true }).optional(), {
    type: "time, 100ms to 60s, or off",
    default: "5s",
    meaning: "How long an SA goes on receiving after another has taken its place: packets may still be on their way.",
    example: "linger: 10s",
  }),
  reauth: documented(duration({ min: 10 * second, max: 365 * day, off: true }).optional(), {
    type: "time, 10s to 365d, or off",
    default: "off",
    meaning:
      "How long a proof of identity holds (RFC 4478). In time, at 80 to 90 percent, the end that called opens a new IKE SA, in which both prove anew who they are; its Child SAs stand before the old ones go, and no packet is lost. The end that was called asks for it (AUTH_LIFETIME), and half a minute after the time is over ends what was not renewed. A peer that asks for it is obeyed whatever stands here.",
    example: "reauth: 8h",
  }),
  redirect: documented(redirectSection.optional(), {
    type: "section",
    default: "followed to other addresses of `remote`, sent to nobody",
    meaning: "Being sent to another gateway by the peer, and sending it there (RFC 5685).",
    example: "redirect: { to: gw-c.example }",
  }),
  retransmission: documented(retransmissionSection.optional(), {
    type: "section",
    default: "12 retransmissions within 196 seconds",
    meaning: "How an unanswered request is repeated.",
    example: "retransmission: { first: 1s, factor: 1.8, tries: 5 }",
  }),
  messages: documented(messagesSection.optional(), {
    type: "section",
    default: "a window of 4, fragments of 1280 octets",
    meaning: "How IKE messages travel.",
    example: "messages: { fragment-size: 1400 }",
  }),
  resumption: documented(yesOrNo.optional(), {
    type: "yes or no",
    default: "no",
    meaning:
      "Ask for a ticket, and grant one, with which an IKE SA that was lost because the peer could not be reached is opened again without a key exchange (RFC 5723): good for an hour, once, and kept in memory alone, so that a restart of either end voids it. It saves both ends work where a line is lost for a while, and gives up forward secrecy towards the old IKE SA. Not with `reauth`.",
    example: "resumption: yes",
  }),
  retry: documented(retrySection.optional(), {
    type: "section",
    default: "1s, doubling up to 1m",
    meaning: "When a peer that did not answer or refused is called again.",
    example: "retry: { first: 5s, longest: 10m }",
  }),
};

export const peerShape = {
  remote: documented(oneOrMany(remote, "address").optional(), {
    type: "address, DNS name, list of them, or `any`",
    meaning:
      "Where the peer is. Several are tried in order. `any`: the peer calls us, from anywhere; its overlay lines are then locked towards everybody. Several peers may have the same address when their `id` differs.",
    example: "remote: 192.0.2.2",
  }),
  id: documented(identity.optional(), {
    type: "identity",
    default: "any that proves itself with this peer's key",
    meaning:
      "Who the peer must say it is: an IP address, a host name, a mail address, or `keyid:` with hexadecimal digits. `fqdn:` and `email:` before a name say what it is where its look would not.",
    example: "id: gw-b.example",
  }),
  local: documented(hostAddress.optional(), {
    type: "address",
    default: "the first of `local.address` in the peer's family, else what the host's routes give",
    meaning: "Our address towards this peer.",
    example: "local: 192.0.2.1",
  }),
  protect: documented(oneOrMany(protectEntry, "line").optional(), {
    type: "line or list of lines",
    meaning: "What must never travel in clear between the two gateways. The other end has the same lines, mirrored.",
    example: "protect: [gre, vxlan]",
  }),
  ...sharedShape,
};

export const localShape = {
  id: documented(identity.optional(), {
    type: "identity",
    default: "our address towards the peer",
    meaning: "Who we are: an IP address, a host name, a mail address, or `keyid:` with hexadecimal digits.",
    example: "id: gw-a.example",
  }),
  address: documented(oneOrMany(hostAddress, "address").optional(), {
    type: "address or list of addresses",
    default: "what the host's routes give",
    meaning: "Our addresses. The first of a peer's family is used towards it.",
    example: "address: [192.0.2.1, 2001:db8::1]",
  }),
  "hold-packets": documented(yesOrNo.optional(), {
    type: "yes or no",
    default: "no",
    meaning:
      "Have the kernel hold the packets that ask for an SA with `start: on-demand`, and send them once it stands, instead of dropping them. Sets `net.core.xfrm_larval_drop` to 0 for the whole host, which stays so; with no, that setting is left as it is.",
    example: "hold-packets: yes",
  }),
  lock: documented(oneOrMany(lockEntry, "overlay").optional(), {
    type: "overlay or list of overlays",
    default: "none",
    meaning:
      "Overlays that must not leave or enter this host in clear whoever the other end is: multicast groups and hosts that no peer names too.",
    example: "lock: [gre, vxlan: { port: 8472 }]",
  }),
  flood: documented(floodSection.optional(), {
    type: "section",
    default: "bounds that a gateway with thousands of peers can live with",
    meaning: "What callers may cost that have not proved who they are.",
    example: "flood: { half-open: 16384, cookies-above: 0 }",
  }),
};

export type LogLevel = LogRecord["level"];

const logLevels: readonly LogLevel[] = ["error", "warn", "info", "debug"];

export const daemonShape = {
  socket: documented(
    leaf<string>((value) => {
      // sun_path has 108 octets, its terminator included (unix(7)).
      if (typeof value === "string" && value.startsWith("/") && Buffer.byteLength(value) < 108) return { value };
      const what = "the absolute path of a socket, at most 107 octets";
      return { wrong: typeof value === "string" ? `is ${what}, not ${quote(value)}` : notThis(what, value) };
    }).optional(),
    {
      type: "absolute path",
      default: "`/run/underlock/control.sock`",
      meaning: "Where the daemon listens for `status`, `up`, `down` and the other commands.",
      example: "socket: /run/underlock/gw-a.sock",
    },
  ),
  "crash-secret": documented(
    leaf<string | false>((value) => {
      if (value === false || value === "off" || value === "no") return { value: false };
      if (typeof value === "string" && value.startsWith("/") && !value.includes("\0")) return { value };
      const what = "the absolute path of a file, or off";
      return { wrong: typeof value === "string" ? `is ${what}, not ${quote(value)}` : notThis(what, value) };
    }).optional(),
    {
      type: "absolute path, or off",
      default: "`/var/lib/underlock/crash.secret`",
      meaning:
        "Where the secret of quick crash detection (RFC 6290) is kept; made where there is none. With it, a peer that has lost nothing learns at its next request that we restarted. Turn it off where several gateways that are active at the same time share one address, and never copy the file to another host. Takes effect at start.",
      example: "crash-secret: /var/lib/underlock/gw-a.secret",
    },
  ),
  "log-level": documented(oneOf(logLevels).optional(), {
    type: logLevels.join(", "),
    default: "info",
    meaning: "What the log tells, this level and all before it.",
    example: "log-level: debug",
  }),
};

export const localSection = section(localShape);
export const daemonSection = section(daemonShape);
export const defaultsSection = section(sharedShape);
export const peerSection = section(peerShape);

/** The main file. */
export const topSection = section({
  local: documented(localSection.optional(), {
    type: "section",
    default: "none",
    meaning: "This gateway. Whatever is wrong here keeps the daemon from starting.",
    example: "local: { id: gw-a.example, address: 192.0.2.1 }",
  }),
  peers: documented(z.record(z.string(), peerSection).optional(), {
    type: "section; its keys are the peers' names",
    default: "none",
    meaning:
      "The other gateways. A name is letters, digits, `.`, `_` and `-`, at most 64, and starts with a letter or digit. A peer that is wrong is left out, the others run.",
    example: "peers: { site-b: { remote: 192.0.2.2, auth: { psk: file:site-b.psk }, protect: gre } }",
  }),
  defaults: documented(defaultsSection.optional(), {
    type: "section",
    default: "none",
    meaning:
      "Keys that every peer takes over unless it gives them itself; a section such as `lifetime` is taken over whole. Whatever is wrong here keeps the daemon from starting.",
    example: "defaults: { liveness: 10s }",
  }),
  include: documented(
    oneOrMany(
      leaf<string>((value) => {
        if (typeof value === "string" && value.trim() !== "" && !value.includes("\0")) return { value };
        return { wrong: notThis("a file, a folder, or a pattern such as peers/*.yaml", value) };
      }),
      "name",
    ).optional(),
    {
      type: "name or list of names",
      default: "none",
      meaning:
        "Further files, each with a `peers` section and nothing else: a file, a folder (its `*.yaml` and `*.yml`), or a pattern with `*` and `?` in its last part. Relative to the folder of this file; read in the order of their names.",
      example: "include: peers.d",
    },
  ),
  daemon: documented(daemonSection.optional(), {
    type: "section",
    default: "none",
    meaning: "The process itself.",
    example: "daemon: { log-level: debug }",
  }),
});

/** An included file. */
export const includedSection = section({ peers: topSection.shape.peers });
