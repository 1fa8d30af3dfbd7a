/** A file of a key or a certificate that cannot be used; the sentence says what to do, where that is known. */
export class CredentialFileError extends Error {
  override readonly name = "CredentialFileError";
}
