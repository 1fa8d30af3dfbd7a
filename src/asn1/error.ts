/** `too-large`: beyond a limit of ours. `malformed`: no DER. `structure`: DER, and not what is expected there. */
export type Asn1Fault = "too-large" | "malformed" | "structure";

/** Octets that are not what they should be; thrown by what reads ASN.1, and caught where the reading began. */
export class Asn1Error extends Error {
  override readonly name = "Asn1Error";
  readonly fault: Asn1Fault;

  constructor(fault: Asn1Fault, message: string) {
    super(message);
    this.fault = fault;
  }
}
