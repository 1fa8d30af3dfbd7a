import { prfNamed } from "../../crypto/foreign-names.ts";
import {
  deriveSkeyidKeys,
  ipsecKeymat,
  skeyidPreSharedKey,
  skeyidPublicKey,
  skeyidSignature,
} from "../../crypto/ikev1-keys.ts";
import { keyPrf } from "../../crypto/prf.ts";
import type { PrfTransform } from "../../crypto/transforms/prf.ts";
import type { Ikev1KeysCase, Outcome } from "../case.ts";
import { compared, notApplicable, octets } from "./outcome.ts";

/** SKEYID by the way of authentication, the three secrets that follow (RFC 2409 5), and an IPsec SA's keys (5.5). */
export function checkIkev1Keys(vector: Ikev1KeysCase): Outcome {
  const row = prfNamed(vector.hash);
  if (row === undefined || row.method.kind !== "hmac") return notApplicable(vector.hash, "not a hash of IKEv1 here");
  const skeyid = skeyidOf(row, vector);
  const keyed = keyPrf(row, skeyid);
  const cookies = { initiator: octets(vector.cookieI), responder: octets(vector.cookieR) };
  const { d, a, e } = deriveSkeyidKeys(keyed, octets(vector.shared), cookies);
  const keyedD = keyPrf(row, d);
  const quick = [octets(vector.quickNi ?? ""), octets(vector.quickNr ?? "")] as const;
  const sa = { protocolId: vector.ipsecProtocol ?? 0, spi: octets(vector.ipsecSpi ?? "") };
  const steps: readonly [string | undefined, Buffer][] = [
    [vector.skeyid, skeyid],
    [vector.skeyidD, d],
    [vector.skeyidA, a],
    [vector.skeyidE, e],
    [vector.keymat, ipsecKeymat(keyedD, sa, ...quick, octets(""), (vector.keymat ?? "").length / 2)],
  ];
  let last: Outcome = notApplicable("ikev1 keys", "it has no result to compare");
  for (const [wanted, got] of steps) {
    if (wanted === undefined) continue;
    const outcome = compared([row.keyword], vector.result, got, octets(wanted));
    last = { ...outcome, algorithm: `ikev1 keys, ${row.keyword}` };
    if (last.status === "failed") return last;
  }
  return last;
}

function skeyidOf(row: PrfTransform, vector: Ikev1KeysCase): Buffer {
  const [ni, nr] = [octets(vector.ni), octets(vector.nr)];
  const cookies = { initiator: octets(vector.cookieI), responder: octets(vector.cookieR) };
  if (vector.preSharedKey !== undefined) return skeyidPreSharedKey(row, octets(vector.preSharedKey), ni, nr);
  if (/pke|encr/i.test(vector.authentication) && row.method.kind === "hmac") {
    return skeyidPublicKey(row, row.method.hash, ni, nr, cookies);
  }
  return skeyidSignature(row, ni, nr, octets(vector.shared));
}
