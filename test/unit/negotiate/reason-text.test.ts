import { describe, expect, test } from "vitest";
import type { Reason, ReasonCode } from "../../../src/negotiate/reason.ts";
import { describeReason } from "../../../src/negotiate/reason-text.ts";

type Case<C extends ReasonCode> = readonly [Extract<Reason, { readonly code: C }>, ...string[]];

/** For every code an example, and the words that its sentence must have; the compiler sees to it that none is missing. */
const cases: { readonly [C in ReasonCode]: readonly Case<C>[] } = {
  "login-failed": [
    [
      { code: "login-failed", user: "alice", remote: "192.0.2.9", why: "wrong-password" },
      '"alice" could not log in from 192.0.2.9',
      "another one than that of xauth",
    ],
    [{ code: "login-failed", user: "mallory", remote: "192.0.2.9", why: "unknown-user" }, "nobody of that name"],
    [{ code: "login-failed", user: "alice", remote: "192.0.2.9", why: "no-password" }, "no password came"],
    [
      { code: "login-failed", user: "alice", remote: "192.0.2.9", why: "too-many-failures" },
      "too many wrong passwords",
    ],
  ],
  "peer-refused-login": [
    [{ code: "peer-refused-login", user: "alice" }, 'does not take our name "alice"', "check xauth here"],
    [
      { code: "peer-refused-login", user: "alice", asked: "XAUTH_PASSCODE" },
      "the peer asks for XAUTH_PASSCODE to log in",
    ],
    [{ code: "peer-refused-login", user: "alice", said: "go away" }, 'it says "go away"'],
  ],
  "inner-address-unusable": [
    [
      { code: "inner-address-unusable", given: undefined, wanted: ["10.9.0.0/24"] },
      "gave us no address inside",
      "our lines have 10.9.0.0/24",
    ],
    [
      { code: "inner-address-unusable", given: "10.8.0.1", wanted: [] },
      "gave us 10.8.0.1 as our address inside",
      "no tunnel",
    ],
  ],
  "pool-exhausted": [[{ code: "pool-exhausted", pool: "10.9.0.0/30" }, "every address of 10.9.0.0/30 is given"]],
  "certificate-unreadable": [
    [
      { code: "certificate-unreadable", identity: "gw-b", fault: "it is cut" },
      "gw-b sent a certificate that cannot be used: it is cut",
    ],
  ],
  "certificate-refused": [
    [
      {
        code: "certificate-refused",
        identity: "gw-b",
        tried: ["C=CH, CN=gw-b", "CN=middle"],
        trusted: "ca.pem",
        finding: { check: "expired", certificate: "CN=middle", depth: 1, wanted: "at or before noon", seen: "one" },
      },
      "the certificate of gw-b does not hold",
      "expired on the certificate 1 above its own (CN=middle): wanted at or before noon, seen one",
      'it sent "C=CH, CN=gw-b", CN=middle, and we trust ca.pem',
    ],
    [
      {
        code: "certificate-refused",
        identity: "gw-b",
        tried: [],
        trusted: "ca.pem",
        finding: { check: "unknown-authority", certificate: "CN=gw", depth: 0, wanted: "CN=Root", seen: "CN=Other" },
      },
      "no authority that we trust on its own certificate (CN=gw): wanted CN=Root, seen CN=Other; it sent none",
    ],
  ],
  "identity-not-in-certificate": [
    [
      {
        code: "identity-not-in-certificate",
        identity: "gw-b",
        certificate: "CN=gw",
        names: ["DNS:gw.example"],
        inCommonName: false,
      },
      "gw-b is not in the certificate CN=gw, which is for DNS:gw.example; have the peer claim one of these",
    ],
    [
      {
        code: "identity-not-in-certificate",
        identity: "gw",
        certificate: "CN=gw",
        names: ["DN:CN=gw"],
        inCommonName: true,
      },
      "in the common name alone: allow that with allow: [common-name]",
    ],
  ],
  "unknown-key": [
    [
      { code: "unknown-key", identity: "gw-b", sent: "Ed25519, sha256:00", tried: [], trusted: "gw-b.pub" },
      "gw-b sent Ed25519, sha256:00, and no key that we trust (gw-b.pub) made its signature; tried: none",
    ],
  ],
  "wrong-signature": [
    [
      { code: "wrong-signature", identity: "gw-b", key: "CN=gw (Ed25519)", schemes: ["Ed25519"] },
      "the signature of gw-b (Ed25519) is not one of CN=gw (Ed25519)",
    ],
  ],
  "signature-not-allowed": [
    [
      { code: "signature-not-allowed", identity: "gw-b", seen: "RSA with SHA-1", wanted: ["Ed25519", "ECDSA"] },
      "gw-b signs with RSA with SHA-1, and we take Ed25519, ECDSA",
    ],
  ],
  "no-common-signature": [
    [
      { code: "no-common-signature", ours: ["Ed25519"], theirs: ["SHA2_256"] },
      "none of our keys signs as the peer can verify: we have Ed25519, the peer takes SHA2_256",
    ],
  ],
  "no-common-proposal": [
    [
      {
        code: "no-common-proposal",
        protocol: "ike",
        ours: ["aes256gcm16-prfsha384-x25519"],
        theirs: ["aes128-sha256-modp2048"],
        difference: {
          ours: "aes256gcm16-prfsha384-x25519",
          theirs: "aes128-sha256-modp2048",
          transformType: "ENCR",
          oursOfType: ["aes256gcm16"],
          theirsOfType: ["aes128"],
        },
      },
      "no common IKE proposal",
      "we want aes256gcm16-prfsha384-x25519",
      "the peer offers aes128-sha256-modp2048",
      "first difference: encryption (ours aes256gcm16, theirs aes128)",
    ],
    [
      { code: "no-common-proposal", protocol: "ah", ours: [], theirs: [], difference: undefined },
      "no common AH proposal: we want nothing, the peer offers nothing",
    ],
    [
      {
        code: "no-common-proposal",
        protocol: "esp",
        ours: ["aes128gcm16-x25519"],
        theirs: ["aes128gcm16"],
        difference: {
          ours: "aes128gcm16-x25519",
          theirs: "aes128gcm16",
          transformType: "KE",
          oursOfType: ["x25519"],
          theirsOfType: [],
        },
      },
      "first difference: key exchange (ours x25519, theirs none)",
    ],
  ],
  "peer-refused-proposal": [
    [
      { code: "peer-refused-proposal", protocol: "esp", sent: ["aes128gcm16", "aes128-sha256"] },
      "NO_PROPOSAL_CHOSEN",
      "ESP",
      "we sent aes128gcm16, aes128-sha256",
    ],
  ],
  "proposal-not-offered": [
    [
      { code: "proposal-not-offered", protocol: "ike", sent: ["aes128-sha256-x25519"], answer: ["3des-sha1-modp1024"] },
      "we sent aes128-sha256-x25519",
      "the peer answered 3des-sha1-modp1024",
    ],
  ],
  "selectors-do-not-fit": [
    [
      {
        code: "selectors-do-not-fit",
        ours: ["10.1.0.0/16 <-> 10.2.0.0/16"],
        theirs: ["10.1.0.0/16 <-> 10.3.0.0/16"],
        difference: "the peer's end: we have 10.2.0.0/16, the peer has 10.3.0.0/16",
      },
      "we have 10.1.0.0/16 <-> 10.2.0.0/16",
      "the peer has 10.1.0.0/16 <-> 10.3.0.0/16",
      "the peer's end: we have 10.2.0.0/16, the peer has 10.3.0.0/16",
    ],
  ],
  "peer-refused-selectors": [
    [
      { code: "peer-refused-selectors", sent: ["10.1.0.0/16 <-> 10.2.0.0/16"] },
      "TS_UNACCEPTABLE",
      "10.1.0.0/16 <-> 10.2.0.0/16",
    ],
  ],
  "mode-mismatch": [
    [
      { code: "mode-mismatch", child: "gre", ours: "transport", theirs: "tunnel" },
      "gre",
      "we want transport mode",
      "the peer wants tunnel mode",
    ],
  ],
  "wrong-secret": [
    [{ code: "wrong-secret", identity: "gw-b.example", secret: "site-b.psk" }, "gw-b.example", '"site-b.psk"'],
  ],
  "peer-refused-authentication": [
    [
      {
        code: "peer-refused-authentication",
        sentIdentity: "gw-a",
        proof: "the certificate CN=gw-a (gw-a.pem)",
        doubts: ["it names one authority"],
      },
      "used the certificate CN=gw-a (gw-a.pem); check both at the peer. It may have disliked: it names one authority",
    ],
    [
      { code: "peer-refused-authentication", sentIdentity: "gw-a.example", proof: 'the secret "site-b.psk"' },
      "AUTHENTICATION_FAILED",
      "gw-a.example",
      '"site-b.psk"',
    ],
  ],
  "authentication-expired": [[{ code: "authentication-expired" }, "did not prove again in time", "reauth"]],
  redirected: [[{ code: "redirected", to: "192.0.2.9" }, "to 192.0.2.9", "RFC 5685"]],
  "redirect-refused": [
    [{ code: "redirect-refused", to: "192.0.2.9", why: "forbidden" }, "to 192.0.2.9", "redirect.follow"],
    [{ code: "redirect-refused", to: "192.0.2.9", why: "unlisted" }, "no other of its addresses"],
    [{ code: "redirect-refused", to: "192.0.2.9", why: "loop" }, "5 times within 5 minutes"],
  ],
  "wrong-auth-rounds": [
    [
      { code: "wrong-auth-rounds", identity: "user@example", wanted: 2, seen: 1 },
      "user@example",
      "1 round,",
      "2 rounds",
    ],
    [
      { code: "wrong-auth-rounds", identity: "user@example", wanted: 1, seen: 2 },
      "in more rounds",
      "asks for 1 round;",
    ],
  ],
  "extension-missing": [
    [{ code: "extension-missing", extension: "MULTIPLE_AUTH_SUPPORTED" }, "several rounds", "MULTIPLE_AUTH_SUPPORTED"],
  ],
  "childless-refused": [
    [{ code: "childless-refused", by: "us" }, "childless: never"],
    [{ code: "childless-refused", by: "peer" }, "the peer takes no IKE_AUTH without one"],
  ],
  "unauthenticated-overlap": [
    [
      {
        code: "unauthenticated-overlap",
        child: "gre",
        wanted: "192.0.2.1/32 -> 192.0.2.2/32 gre",
        owner: "site-b / gre",
      },
      "gre:",
      "192.0.2.1/32 -> 192.0.2.2/32 gre",
      "site-b / gre",
    ],
  ],
  "unauthenticated-limit": [
    [
      { code: "unauthenticated-limit", remote: "192.0.2.2", limit: 4, of: "address" },
      "4 IKE SAs",
      "all from 192.0.2.2",
    ],
    [
      { code: "unauthenticated-limit", remote: "192.0.2.2", limit: 1024, of: "peer" },
      "1024",
      "192.0.2.2 asks for one more",
    ],
  ],
  "wrong-auth-method": [
    [
      { code: "wrong-auth-method", identity: "gw-b.example", wanted: "pre-shared key", seen: "RSA signature" },
      "gw-b.example",
      "by RSA signature",
      "asks for pre-shared key",
    ],
  ],
  "wrong-identity": [
    [
      { code: "wrong-identity", wanted: "gw-b.example", seen: "gw-c.example" },
      "claims the identity gw-c.example",
      "expect gw-b.example",
    ],
  ],
  "unknown-peer": [
    [
      {
        code: "unknown-peer",
        remote: "203.0.113.9",
        local: "192.0.2.1",
        identity: "gw-c.example",
        rejected: [
          { peer: "site-b", field: "remote address", wanted: "192.0.2.2", seen: "203.0.113.9" },
          { peer: "road", field: "remote identity", wanted: "road.example", seen: "gw-c.example" },
        ],
      },
      "203.0.113.9",
      "gw-c.example",
      "192.0.2.1",
      "site-b (its remote address is 192.0.2.2, seen 203.0.113.9)",
      "road (its remote identity is road.example, seen gw-c.example)",
    ],
    [{ code: "unknown-peer", remote: "203.0.113.9", local: "192.0.2.1", rejected: [] }, "no peer is configured"],
  ],
  "no-answer": [
    [
      { code: "no-answer", exchange: "IKE_SA_INIT", remote: "192.0.2.2:500", attempts: 6, seconds: 76 },
      "192.0.2.2:500",
      "IKE_SA_INIT",
      "6 times",
      "76 seconds",
    ],
    [
      { code: "no-answer", exchange: "IKE_AUTH", remote: "[2001:db8::2]:4500", attempts: 1, seconds: 1 },
      "1 time in 1 second;",
    ],
    [
      {
        code: "no-answer",
        exchange: "main mode",
        remote: "192.0.2.2",
        attempts: 5,
        seconds: 15,
        unbelieved: { sentIdentity: "gw-a", proof: 'the secret "file:b.psk"', said: "AUTHENTICATION-FAILED" },
      },
      "to our proof in main mode",
      "5 times in 15 seconds",
      "gw-a",
      'the secret "file:b.psk"',
      "AUTHENTICATION-FAILED came in clear",
    ],
  ],
  "send-failed": [
    [{ code: "send-failed", remote: "192.0.2.2:500", errno: "ENETUNREACH" }, "192.0.2.2:500", "ENETUNREACH"],
  ],
  "kernel-refused": [
    [
      { code: "kernel-refused", request: "installSa", errno: "ENOSYS", said: "Requested AEAD algorithm not found" },
      "installSa",
      "ENOSYS",
      "Requested AEAD algorithm not found",
    ],
    [{ code: "kernel-refused", request: "setPolicy", errno: "EEXIST", said: "" }, "setPolicy: EEXIST"],
  ],
  "key-exchange-not-offered": [
    [
      { code: "key-exchange-not-offered", wanted: "modp1024", sent: ["x25519", "ecp256"] },
      "modp1024",
      "we sent x25519, ecp256",
    ],
  ],
  "invalid-public-value": [
    [
      { code: "invalid-public-value", method: "ecp256", fault: "the point is not on the curve" },
      "ecp256",
      "the point is not on the curve",
    ],
  ],
  "too-many-restarts": [[{ code: "too-many-restarts", restarts: 5 }, "5 times"]],
  "invalid-syntax": [
    [
      { code: "invalid-syntax", exchange: "IKE_AUTH", fault: "SA/proposal 1: SPI size is 3" },
      "IKE_AUTH",
      "SA/proposal 1: SPI size is 3",
    ],
  ],
  "protocol-violation": [
    [
      { code: "protocol-violation", exchange: "CREATE_CHILD_SA", fault: "the nonce is missing" },
      "CREATE_CHILD_SA",
      "the nonce is missing",
    ],
  ],
  "unsupported-critical-payload": [[{ code: "unsupported-critical-payload", payload: 99 }, "type 99"]],
  "peer-error": [
    [
      { code: "peer-error", exchange: "IKE_AUTH", notify: "INTERNAL_ADDRESS_FAILURE" },
      "IKE_AUTH",
      "INTERNAL_ADDRESS_FAILURE",
    ],
  ],
  "ikev1-alone": [[{ code: "ikev1-alone", child: "gre" }, "gre", "IKEv1", "IKEv2", "esp", "ah"]],
  "nat-forbids-ah": [[{ code: "nat-forbids-ah", child: "gre" }, "gre", "NAT", "AH"]],
  "nat-forbids-transport": [
    [
      { code: "nat-forbids-transport", child: "vxlan-4789/to", remote: "198.51.100.1" },
      "vxlan-4789/to",
      "NAT 198.51.100.1",
      "transport mode",
      "tunnel",
    ],
  ],
  "address-changed": [
    [
      { code: "address-changed", child: "gre", to: "198.51.100.1:4711", obstacle: "bound" },
      "gre",
      "bound",
      "198.51.100.1:4711",
      "anew",
    ],
  ],
  "peer-lost-state": [
    [{ code: "peer-lost-state" }, "the peer restarted and lost the IKE SA, as its token proves (RFC 6290)"],
  ],
  "peer-deleted": [
    [{ code: "peer-deleted", what: "IKE SA" }, "the peer deleted the IKE SA"],
    [{ code: "peer-deleted", what: "Child SA" }, "the peer deleted the Child SA"],
  ],
  replaced: [[{ code: "replaced" }, "took its place"]],
  "already-connected": [
    [{ code: "already-connected", identity: "gw-b", from: "192.0.2.9:500" }, "gw-b", "192.0.2.9:500", "unique: keep"],
  ],
  "lifetime-over": [[{ code: "lifetime-over", what: "Child SA" }, "Child SA", "lifetime"]],
  idle: [[{ code: "idle", child: "gre", seconds: 600 }, "gre", "600", "next packet"]],
  "sa-vanished": [[{ code: "sa-vanished", spi: 0xc0ffee }, "00c0ffee", "kernel"]],
  operator: [
    [{ code: "operator", action: "down" }, "taken down by the operator", "underlock up"],
    [{ code: "operator", action: "removed" }, "removed from the configuration"],
    [{ code: "operator", action: "stopped" }, "told to stop"],
  ],
};

const all: readonly (readonly [Reason, ...string[]])[] = Object.values(cases).flat();

describe("describeReason", () => {
  test.each(all.map(([reason, ...words]) => ({ code: reason.code, reason, words })))(
    "$code: one line with its facts",
    ({ reason, words }) => {
      const line = describeReason(reason);
      for (const word of words) expect(line).toContain(word);
      expect(line).not.toMatch(/[\p{Cc}\u2028\u2029]|undefined|\[object|\.$|\s{2}/u);
    },
  );

  test("two reasons of different codes never read the same", () => {
    const lines = new Map(all.map(([reason]) => [describeReason(reason), reason.code]));
    expect(lines.size).toBe(all.length);
  });

  test("what a peer wrote cannot break the line", () => {
    const seen = "evil\n2026-01-01 INFO all is well\u001b[2J\u2028\u0085";
    const line = describeReason({ code: "wrong-identity", wanted: "gw-b.example", seen });
    expect(line).toContain("evil\\x0a2026-01-01");
    expect(line).not.toMatch(/[\p{Cc}\u2028\u2029]/u);
  });

  test("long lists are cut, with their number", () => {
    const sent = Array.from({ length: 50 }, (_, i) => `proposal${i}`);
    const line = describeReason({ code: "peer-refused-proposal", protocol: "ike", sent });
    expect(line).toContain("proposal7 and 42 more");
    expect(line).not.toContain("proposal8");
  });
});
