// The ways in which two ends can disagree, and what our end has to say of each.
import { expect } from "vitest";

/** What an end has configured for one peer. */
export interface End {
  readonly secret: string;
  readonly ike: string;
  readonly esp: string;
  readonly mode: "transport" | "tunnel";
  /** Subnets of gateway a and of gateway b; where there are none, GRE. */
  readonly subnets?: readonly [a: string, b: string];
  /** It says another name than the other end expects. */
  readonly misnamed?: boolean;
}

/** What our end says: in the peer's record, in its child's, or, where it knows no such peer, in the log alone. */
export interface Said {
  readonly of: "peer" | "child" | "log";
  readonly reason: Readonly<Record<string, unknown>>;
}

export interface Cause {
  /** The peer's name in the configuration. */
  readonly name: string;
  readonly ours?: Partial<End>;
  readonly theirs?: Partial<End>;
  /** The responder has the initiator at another address than it calls from. */
  readonly unknown?: boolean;
  /** What our end says as initiator: most often what it sent and what the peer answered. */
  readonly initiator: Said;
  /** The same where the peer is strongSwan and answers otherwise than we do. */
  readonly initiatorWithStrongswan?: Said;
  /** What our end says as responder, where it sees both sides' values. */
  readonly responder: Said;
}

/** What both ends have where a cause does not say otherwise. */
export const agreed: End = {
  secret: "a secret of the lab",
  ike: "aes256gcm16-prfsha384-x25519",
  esp: "aes256gcm16",
  mode: "transport",
};

const ourIke = ["aes256gcm16-prfsha384-x25519"];
const ourEsp = ["aes256gcm16"];
const difference = (ours: string, theirs: string) => ({
  transformType: "ENCR",
  oursOfType: [ours],
  theirsOfType: [theirs],
});

export const causes: readonly Cause[] = [
  {
    name: "wrong-psk",
    theirs: { secret: "another secret of the lab" },
    initiator: peerRefusedUs("wrong-psk"),
    responder: {
      of: "peer",
      reason: { code: "wrong-secret", identity: "b-wrong-psk.example", secret: "file:wrong-psk.psk" },
    },
  },
  {
    name: "ike-proposal",
    theirs: { ike: "aes128-sha256-modp2048" },
    initiator: { of: "peer", reason: { code: "peer-refused-proposal", protocol: "ike", sent: ourIke } },
    responder: {
      of: "peer",
      reason: {
        code: "no-common-proposal",
        protocol: "ike",
        ours: ourIke,
        theirs: ["aes128-sha256-modp2048"],
        difference: difference("aes256gcm16", "aes128"),
      },
    },
  },
  {
    name: "esp-proposal",
    theirs: { esp: "aes128-sha256" },
    initiator: { of: "child", reason: { code: "peer-refused-proposal", protocol: "esp", sent: ourEsp } },
    responder: {
      of: "child",
      reason: {
        code: "no-common-proposal",
        protocol: "esp",
        ours: ourEsp,
        theirs: ["aes128-sha256"],
        difference: difference("aes256gcm16", "aes128"),
      },
    },
  },
  {
    name: "selectors",
    ours: { mode: "tunnel", subnets: ["10.1.0.0/16", "10.2.0.0/16"] },
    theirs: { mode: "tunnel", subnets: ["10.8.0.0/16", "10.9.0.0/16"] },
    initiator: {
      of: "child",
      reason: { code: "peer-refused-selectors", sent: ["10.1.0.0/16 <-> 10.2.0.0/16"] },
    },
    responder: {
      of: "peer",
      reason: {
        code: "selectors-do-not-fit",
        ours: ["10.1.0.0/16 <-> 10.2.0.0/16"],
        theirs: ["10.8.0.0/16 <-> 10.9.0.0/16"],
      },
    },
  },
  {
    name: "mode",
    theirs: { mode: "tunnel" },
    initiator: { of: "child", reason: { code: "peer-refused-proposal", protocol: "esp", sent: ourEsp } },
    initiatorWithStrongswan: {
      of: "child",
      reason: { code: "mode-mismatch", child: "gre", ours: "transport", theirs: "tunnel" },
    },
    responder: { of: "peer", reason: { code: "mode-mismatch", child: "gre", ours: "transport", theirs: "tunnel" } },
  },
  {
    name: "identity",
    theirs: { misnamed: true },
    initiator: peerRefusedUs("identity"),
    responder: {
      of: "peer",
      reason: {
        code: "unknown-peer",
        identity: "stranger.example",
        rejected: expect.arrayContaining([
          {
            peer: "identity",
            field: "remote identity",
            wanted: "b-identity.example",
            seen: "stranger.example",
          },
        ]),
      },
    },
  },
  {
    name: "unknown",
    unknown: true,
    initiator: { of: "peer", reason: { code: "peer-refused-proposal", protocol: "ike", sent: ourIke } },
    responder: { of: "log", reason: { code: "unknown-peer" } },
  },
];

/** AUTHENTICATION_FAILED has no cause in it: who we said we are and which secret we used is all that can be told. */
function peerRefusedUs(name: string): Said {
  return {
    of: "peer",
    reason: {
      code: "peer-refused-authentication",
      sentIdentity: `a-${name}.example`,
      proof: `the secret "file:${name}.psk"`,
    },
  };
}
