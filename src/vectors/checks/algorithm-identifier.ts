import { readSignatureAlgorithm, signatureAlgorithm } from "../../credentials/algorithm-identifier.ts";
import type { AlgorithmIdentifierCase, Outcome } from "../case.ts";
import { compared, failed, notApplicable, octets } from "./outcome.ts";

const LABEL = "AlgorithmIdentifier";

/** Read as AUTH begins with it (RFC 7427 3), and written again. */
export function checkAlgorithmIdentifier(vector: AlgorithmIdentifierCase): Outcome {
  const der = octets(vector.der);
  const { scheme, name } = readSignatureAlgorithm(der);
  if (scheme === undefined) {
    // A name in words is that of an algorithm that is known and not used.
    return name.includes(" ") && !name.startsWith("RSA-PSS")
      ? notApplicable(LABEL, `${name} is never verified`)
      : { ...failed([], `${name} is no scheme that is known`), algorithm: LABEL };
  }
  const written = signatureAlgorithm(scheme);
  // RFC 7427 A.4 writes defaults out, which DER leaves out (X.690 11.5): those are compared by what they say.
  const again = scheme.kind === "rsa-pss" ? readSignatureAlgorithm(written).scheme : undefined;
  const same = again !== undefined && JSON.stringify(again) === JSON.stringify(scheme);
  return { ...compared([], vector.result, same ? der : Buffer.from(written), der), algorithm: LABEL };
}
