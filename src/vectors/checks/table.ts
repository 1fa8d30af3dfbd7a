/** From a vector to what becomes of it. */
import { assertNever } from "../assert-never.ts";
import type { Outcome, VectorCase } from "../case.ts";
import { checkAlgorithmIdentifier } from "./algorithm-identifier.ts";
import { checkAead, checkCipher } from "./cipher.ts";
import { checkIkev1Keys } from "./ikev1-keys.ts";
import { checkIkev2Keys } from "./ikev2-keys.ts";
import { checkGroup, checkKeyExchange } from "./key-exchange.ts";
import { checkMac, checkPrf } from "./mac.ts";
import { checkMessage } from "./message.ts";
import { notApplicable } from "./outcome.ts";
import { checkAh, checkEsp } from "./packets.ts";
import { checkSignature } from "./signature.ts";

/** Runs one vector; whatever a computation throws is a failure of that vector. */
export function checkVector(vector: VectorCase): Outcome {
  try {
    return check(vector);
  } catch (error) {
    return {
      status: "failed",
      algorithm: vector.check,
      rows: [],
      why: error instanceof Error ? error.message : "threw",
    };
  }
}

function check(vector: VectorCase): Outcome {
  switch (vector.check) {
    case "mac":
      return checkMac(vector);
    case "prf":
    case "prf+":
      return checkPrf(vector);
    case "cipher":
      return checkCipher(vector);
    case "aead":
      return checkAead(vector);
    case "key-exchange":
      return checkKeyExchange(vector);
    case "modp-group":
      return checkGroup(vector);
    case "ikev1-keys":
      return checkIkev1Keys(vector);
    case "ikev2-keys":
      return checkIkev2Keys(vector);
    case "signature":
      return checkSignature(vector);
    case "esp":
      return checkEsp(vector);
    case "ah":
      return checkAh(vector);
    case "message":
      return checkMessage(vector);
    case "algorithm-identifier":
      return checkAlgorithmIdentifier(vector);
    case "none":
      return notApplicable(vector.algorithm, vector.why);
    default:
      return assertNever(vector);
  }
}
