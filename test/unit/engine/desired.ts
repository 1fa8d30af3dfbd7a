/** Desired states for the tests, with what the tests do not care about filled in. */
import { parseProposal } from "../../../src/crypto/keywords.ts";
import type { SaLimits } from "../../../src/kernel/port.ts";
import type { Address } from "../../../src/negotiate/address.ts";
import { makeIdentity } from "../../../src/negotiate/identity.ts";
import { expandProtect, type ProtectLine } from "../../../src/overlay/expand.ts";
import type {
  ChildDesired,
  DesiredState,
  LockDesired,
  PeerDesired,
  PeerTiming,
  RoundDesired,
} from "../../../src/sa/desired.ts";

export const timing: PeerTiming = {
  retransmitFirst: 1_000,
  retransmitFactor: 2,
  retransmitTries: 4,
  liveness: 30_000,
  retryFirst: 1_000,
  retryLongest: 60_000,
  ikeRekey: 0,
  ikeLifetime: 0,
  linger: 5_000,
};

export interface PeerOptions
  extends Partial<Omit<PeerDesired, "children" | "ike" | "remote" | "localId" | "remoteId">> {
  readonly protect?: readonly ProtectLine[];
  readonly ike?: readonly string[];
  readonly esp?: readonly string[];
  readonly ah?: readonly string[];
  /** AH around ESP. */
  readonly around?: readonly string[];
  readonly compress?: true;
  readonly psk?: string;
  readonly localId?: string;
  readonly remoteId?: string | undefined;
  readonly remote?: readonly Address[] | "any";
  readonly hardSeconds?: number;
  readonly soft?: SaLimits;
}

export function peer(local: Address, remote: Address, options: PeerOptions = {}): PeerDesired {
  const { protect = [{ kind: "gre" }], ike, esp, ah, around, compress, ...others } = options;
  const { psk, localId, remoteId, hardSeconds, soft, ...rest } = others;
  const secret = pskRound(psk);
  return {
    name: "peer",
    remote: [remote],
    local,
    port: 500,
    localId: makeIdentity("fqdn", localId ?? `gw-${local}`),
    auth: { local: [secret], remote: [secret] },
    childless: "allow",
    reauth: 0,
    redirect: { follow: true, names: [], to: undefined, grace: 60_000 },
    ike: (ike ?? ["aes128gcm16-prfsha256-x25519"]).map((text) => ({ transforms: parseProposal(text, "ike") })),
    children: protect.flatMap((line) => children(line, { esp, ah, around, compress, hardSeconds, soft })),
    initiate: true,
    unique: "replace",
    timing,
    messages: { window: 4, fragmentSize: 1_280 },
    resumption: false,
    nat: { keepalive: 20_000, force: false },
    mobike: false,
    ...rest,
    remoteId:
      "remoteId" in options
        ? remoteId === undefined
          ? undefined
          : makeIdentity("fqdn", remoteId)
        : makeIdentity("fqdn", `gw-${remote}`),
  };
}

/** A round with a pre-shared key; `name` is its file. */
export function pskRound(psk = "a secret of some length", name = "test.psk"): RoundDesired {
  return { credential: { kind: "psk", secret: { name: `file:${name}`, octets: Buffer.from(psk) } } };
}

/** A round that proves nothing. */
export const nullRound: RoundDesired = { credential: { kind: "null" } };

export function desired(peers: readonly PeerDesired[], locks: readonly LockDesired[] = []): DesiredState {
  return { local: { locks }, peers };
}

function children(
  line: ProtectLine,
  options: {
    readonly esp?: readonly string[] | undefined;
    readonly ah?: readonly string[] | undefined;
    readonly around?: readonly string[] | undefined;
    readonly compress?: true | undefined;
    readonly hardSeconds?: number | undefined;
    readonly soft?: SaLimits | undefined;
  },
): ChildDesired[] {
  const protocol = options.ah === undefined ? "esp" : "ah";
  const proposals = (options.ah ?? options.esp ?? ["aes128gcm16"]).map((text) => ({
    transforms: parseProposal(text, protocol, options.around === undefined ? "alone" : "in-ah"),
  }));
  const around = options.around?.map((text) => ({ transforms: parseProposal(text, "ah") }));
  return expandProtect(line).map((child) => ({
    ...child,
    line: line.kind,
    protocol,
    proposals,
    ...(around === undefined ? {} : { ah: around }),
    ...(options.compress === undefined ? {} : { compress: options.compress }),
    hard: { seconds: options.hardSeconds ?? 86_400 },
    ...(options.soft === undefined ? {} : { soft: options.soft }),
    replayWindow: 32,
    route: child.mode === "tunnel",
  }));
}
