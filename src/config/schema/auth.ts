/** The keys of `auth`: how the two ends prove who they are. */
import type { RevocationPolicy } from "../../credentials/peer-trust.ts";
import { documented } from "./documentation.ts";
import { oneOf, oneOrMany, section } from "./leaf.ts";
import { wantedIdentity, yesOrNo } from "./scalars.ts";
import { secret } from "./secret.ts";
import {
  certificatePlace,
  credentialFile,
  signatureScheme,
  signatureSchemes,
  type TrustAllowance,
  trustAllowances,
  trustEntry,
} from "./signature.ts";

const credentialShape = {
  psk: documented(secret.optional(), {
    type: "`file:NAME`, `hex:…`, `base64:…` or text",
    meaning:
      "The pre-shared key: any octets. A file's name is relative to the folder of the configuration file, the file must be readable by its owner alone (`chmod 600`), and one line break at its end does not count. Text in the configuration itself is taken as UTF-8; then the configuration file must be readable by its owner alone.",
    example: "psk: file:site-b.psk",
  }),
  unauthenticated: documented(yesOrNo.optional(), {
    type: "yes or no",
    default: "no",
    meaning:
      "Nothing is proved (NULL authentication, RFC 7619): traffic is encrypted, but whoever stands between the two hosts can read and change it. Never in `defaults`. A caller that proves nothing gets host-to-host lines only, and never what a line of another peer protects.",
    example: "unauthenticated: yes",
  }),
  key: documented(oneOrMany(credentialFile, "file").optional(), {
    type: "file or list of files",
    meaning:
      "Our private key: PKCS#8, PKCS#1 or SEC 1 as PEM or DER, an encrypted PKCS#8, a PKCS#12 with its certificates, or OpenSSH's. RSA of 2048 to 8192 bits, ECDSA on P-256, P-384, P-521 or Brainpool, Ed25519, Ed448. Relative to the folder of the configuration file, readable by its owner alone. Of several, one is used whose certificate comes from an authority that the peer names.",
    example: "key: gw-a.key",
  }),
  certificate: documented(oneOrMany(credentialFile, "file").optional(), {
    type: "file or list of files",
    default: "none: the key is used raw (RFC 7670)",
    meaning:
      "Our certificate, and those of the authorities between it and the one that the peer trusts, in any order, in one file or several: PEM, DER or PKCS#7. A reload takes renewed files; they count from the next authentication on.",
    example: "certificate: [gw-a.pem, intermediate.pem]",
  }),
  passphrase: documented(secret.optional(), {
    type: "`file:NAME`, `hex:…`, `base64:…` or text",
    meaning: "What opens the private key, where it is encrypted.",
    example: "passphrase: file:gw-a.passphrase",
  }),
  signature: documented(oneOrMany(signatureScheme, "keyword").optional(), {
    type: "keyword or list of keywords",
    default: "what suits the key and the peer",
    meaning: `What we sign with, best first, where the peer knows RFC 7427: ${signatureSchemes.join(", ")}. \`rsa-…\` alone is PKCS#1 v1.5, for peers that do not know RSA-PSS.`,
    example: "signature: rsa-sha256",
  }),
  trust: documented(oneOrMany(trustEntry, "entry").optional(), {
    type: "file, pin, or list of them",
    meaning:
      "What the peer's signature is taken on. A file with certificates of authorities: whoever has a certificate from one of them, and `id` in it. A file with the peer's own certificate, with public keys (PEM, OpenSSH, authorized_keys), or `sha256:` and the hash of a SubjectPublicKeyInfo: that very key; `id` then says whose it is. An old and a new authority may stand side by side.",
    example: "trust: ca.pem",
  }),
  revocation: documented(oneOf<RevocationPolicy>(["strict", "if-present", "off"]).optional(), {
    type: "`strict`, `if-present` or `off`",
    default: "if-present",
    meaning:
      "What is done about certificates that may have been revoked. Where a certificate says where its authority answers (OCSP) or publishes its list, that is asked, once the certificates hold and the peer has shown that it has their key. `if-present`: what is known to be revoked is refused; where nothing can be learnt, the certificate holds. `strict`: nothing holds of which its authority says nothing fresh. `off`: nothing is asked. A delta list is taken with its whole one, and lists are kept over restarts.",
    example: "revocation: strict",
  }),
  "certificate-urls": documented(oneOrMany(certificatePlace, "URL", 16).optional(), {
    type: "URL or list of URLs",
    default: "nothing is looked up",
    meaning:
      "Where the peer's certificates may be looked up, for a peer that names a URL and a hash instead of sending them (RFC 7296 3.6): what its URLs must begin with, where it ends with `/`, else the very URL. They are asked before the peer has proved anything, so name places alone that you would let strangers have this host ask. At most 16 KiB for a certificate and 128 KiB for a bundle, within three seconds, no redirection, eight at a time.",
    example: "certificate-urls: http://certificates.example/gateways/",
  }),
  allow: documented(oneOrMany(oneOf<TrustAllowance>(trustAllowances), "keyword").optional(), {
    type: "keyword or list of keywords",
    default: "nothing",
    meaning:
      "What is not taken unless it stands here. `common-name`: a host name in the certificate's common name, where no other name is a host's. `any-purpose`: certificates for other purposes alone, such as those of web servers. `sha1`: signatures with SHA-1, in certificates and in AUTH.",
    example: "allow: common-name",
  }),
};

export const roundSection = section({
  ...credentialShape,
  id: documented(wantedIdentity.optional(), {
    type: "identity",
    default: "`local-id`; any that has the credential",
    meaning: "Who proves itself in this round. The first round is that of `local-id` or `id` of the peer.",
    example: "id: admin@example.com",
  }),
});

/** Further rounds cost a message pair each; a peer that asks for more has something else in mind. */
const mostRounds = 8;

export const authSection = section({
  ...credentialShape,
  local: documented(oneOrMany(roundSection, "round", mostRounds).optional(), {
    type: "section or list of sections",
    default: "what stands in `auth` itself",
    meaning:
      "What we prove ourselves with, where that is not what the peer does: a section with `psk`, `key` and `certificate`, or `unauthenticated`. A list is several rounds (RFC 4739), all of which must succeed; from the second on, `id` says who.",
    example: "local: [{ psk: file:gateway.psk }, { psk: file:admin.psk, id: admin@example.com }]",
  }),
  remote: documented(oneOrMany(roundSection, "round", mostRounds).optional(), {
    type: "section or list of sections",
    default: "what stands in `auth` itself",
    meaning: "What the peer must prove itself with, in the same words as `local`, with `trust` in the place of `key`.",
    example: "remote: { unauthenticated: yes }",
  }),
});
