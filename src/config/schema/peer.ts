/** A peer's section, and the keys of it that `defaults` may give for all peers. */

import type { EncryptionMethod } from "../../negotiate/isakmp-methods.ts";
import type { ChildlessPolicy, Ikev1Policy } from "../../sa/desired.ts";
import { authSection } from "./auth.ts";
import { documented } from "./documentation.ts";
import { oneOf, oneOrMany, section } from "./leaf.ts";
import { messagesSection } from "./messages.ts";
import { natSection } from "./nat.ts";
import { childShape, protectEntry } from "./protect.ts";
import { redirectSection } from "./redirect.ts";
import { innerAddressSection, xauthSection } from "./remote-access.ts";
import {
  duration,
  hostAddress,
  identity,
  portNumber,
  proposal,
  remote,
  uniquePolicy,
  wantedIdentity,
  weakKeyword,
  yesOrNo,
} from "./scalars.ts";
import { retransmissionSection, retrySection } from "./timing.ts";

const childlessPolicies: readonly ChildlessPolicy[] = ["allow", "prefer", "never"];
const ikev1Policies: readonly Ikev1Policy[] = ["main", "aggressive", "accept"];
const second = 1000;
const day = 86_400_000;

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
  ikev1: documented(oneOf(ikev1Policies).optional(), {
    type: "main, aggressive or accept",
    default: "IKEv1 is not spoken",
    meaning:
      "Speak IKEv1 with this peer, which speaks nothing newer. `main`: call it in main mode. `aggressive`: call it in aggressive mode, and let it call so; a listener can then try secrets against what it heard, so the secret must be long and random. `accept`: call with IKEv2, and let the peer call in main mode. Both ends prove themselves in the same way: with one secret, or with certificates and keys of RSA, P-256, P-384 or P-521. It needs a `psk`; in main mode that is found by the peer's address.",
    example: "ikev1: main",
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
    meaning: "Age at which an IKE SA that could not be replaced is closed, and opened anew; more than `ike-rekey`.",
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

/** Every key of a peer. */
export const peerShape = {
  remote: documented(oneOrMany(remote, "address").optional(), {
    type: "address, DNS name, list of them, or `any`",
    meaning:
      "Where the peer is. Several are tried in order. `any`: the peer calls us, from anywhere; its overlay lines are then locked towards everybody. Several peers may have the same address when their `id` differs.",
    example: "remote: 192.0.2.2",
  }),
  id: documented(wantedIdentity.optional(), {
    type: "identity",
    default: "any that proves itself with this peer's key",
    meaning:
      "Who the peer must say it is: an IP address, a host name, a mail address, a distinguished name (`CN=gw-b, O=Example`, attributes in the order of the certificate), or `keyid:` with hexadecimal digits. `fqdn:`, `email:` and `dn:` before it say what it is where its look would not; after `dn-any-order:` the attributes may stand in any order. A `*` stands for the first label of a host name, for what is before the @, or for the value of an attribute.",
    example: "id: gw-b.example",
  }),
  local: documented(hostAddress.optional(), {
    type: "address",
    default: "the first of `local.address` in the peer's family, else what the host's routes give",
    meaning: "Our address towards this peer.",
    example: "local: 192.0.2.1",
  }),
  "prove-by": documented(
    oneOf<"signature" | EncryptionMethod>(["signature", "encryption", "revised-encryption"]).optional(),
    {
      type: "signature, encryption or revised-encryption",
      default: "signature",
      meaning:
        "IKEv1 only: how the two ends prove that they have the private keys of `auth`. `signature`: they sign. `encryption` and `revised-encryption` (RFC 2409 5.2, 5.3): each encrypts a nonce that the other must be able to read; both have RSA keys of 2048 bits, and `trust` holds the peer's own certificate or public key, since it must be known before the peer says anything.",
      example: "prove-by: revised-encryption",
    },
  ),
  xauth: documented(xauthSection.optional(), {
    type: "section",
    default: "nobody logs in",
    meaning:
      "IKEv1 only: after phase 1 who calls proves itself once more by a name and a password (XAuth). With `user` and `password` we log in with the peer, with `users` the peer logs in with us. `auth` is a secret, or RSA keys, that all callers may share; where it is RSA, who logs in may also prove nothing else (hybrid): `auth: { local: { unauthenticated: yes }, remote: { trust: ca.pem } }` here, and `auth: { local: { key: gw.key, certificate: gw.pem }, remote: { unauthenticated: yes } }` there. Nothing is protected before the login is done, and IKEv2 is not taken from this peer.",
    example: "xauth: { user: alice, password: file:alice.password }",
  }),
  "inner-address": documented(innerAddressSection.optional(), {
    type: "section",
    default: "none",
    meaning:
      "IKEv1 only: one end has an address inside the tunnels that the other gives it (mode config). With `pool` the peer is given one, with `ask: yes` we are. IKEv2 is not taken from this peer.",
    example: "inner-address: { pool: 10.9.0.0/24 }",
  }),
  protect: documented(oneOrMany(protectEntry, "line").optional(), {
    type: "line or list of lines",
    meaning: "What must never travel in clear between the two gateways. The other end has the same lines, mirrored.",
    example: "protect: [gre, vxlan]",
  }),
  ...sharedShape,
};

/** The section `defaults`. */
export const defaultsSection = section(sharedShape);

/** A peer's section. */
export const peerSection = section(peerShape);
