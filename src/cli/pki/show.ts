/** `underlock pki show`: what a file holds, readably, with the identities that a peer may claim with it. */
import { CredentialFiles, type ReadCredential } from "../../config/credential-files.ts";
import { readBoundedFile } from "../../config/read-file.ts";
import type { Certificate } from "../../credentials/certificate.ts";
import type { Extensions } from "../../credentials/extensions.ts";
import { isPem, readPem } from "../../credentials/files/pem.ts";
import { generalNameText } from "../../credentials/general-name.ts";
import { claimableIdentities } from "../../credentials/identities.ts";
import { checkEndEntity, checkKey, checkStrength, purposeNames } from "../../credentials/path/certificate-checks.ts";
import type { Request } from "../../credentials/request.ts";
import { schemeName } from "../../crypto/signature/scheme.ts";
import { Failure } from "../../daemon/failure.ts";
import { readRequestFile } from "./make.ts";

/** One thing that a file holds: its kind, and rows of a name and a value. */
export interface Shown {
  readonly kind: "certificate" | "authority" | "request" | "private key" | "public key";
  readonly rows: Readonly<Record<string, string | readonly string[]>>;
}

/** Everything in the file, in its order. Throws Failure where nothing in it can be shown. */
export async function showFile(file: string, passphrase: string | undefined, now: number): Promise<readonly Shown[]> {
  const kinds = await labelsOf(file);
  if (kinds.some((label) => label.endsWith("CERTIFICATE REQUEST"))) return [requestShown(await readRequestFile(file))];
  const files = new CredentialFiles("");
  const path = file.startsWith("/") ? file : `./${file}`;
  const refusals: string[] = [];
  const take = <T>(read: ReadCredential<T>): T | undefined => {
    if ("value" in read) return read.value;
    refusals.push(read.wrong);
    return undefined;
  };
  const hasKey = kinds.length === 0 || kinds.some((label) => label.endsWith("PRIVATE KEY"));
  const certificates = hasKey && kinds.length > 0 ? undefined : take(await files.certificates(path));
  if (certificates !== undefined) return certificates.map((each) => certificateShown(each, now));
  const key = hasKey ? take(await files.privateKey(path, passphrase)) : undefined;
  if (key !== undefined) {
    const { publicKey } = key.key;
    return [keyShown("private key", publicKey), ...key.certificates.map((each) => certificateShown(each, now))];
  }
  const keys = hasKey && kinds.length > 0 ? undefined : take(await files.publicKeys(path));
  if (keys !== undefined) return keys.map((each) => keyShown("public key", each));
  if (kinds.length === 0) {
    const request = await readRequestFile(file).catch(() => undefined);
    if (request !== undefined) return [requestShown(request)];
  }
  const [only, ...more] = refusals;
  if (only !== undefined && more.length === 0) throw new Failure(2, only);
  throw new Failure(2, `${file} holds nothing that can be shown`, refusals);
}

/** For people: the kind, and under it the rows. */
export function shownText({ kind, rows }: Shown): readonly string[] {
  const lines = Object.entries(rows).flatMap(([name, value]) => {
    const values = typeof value === "string" ? [value] : value;
    return values.map((each, index) => `  ${(index === 0 ? name : "").padEnd(widestName)} ${each}`.trimEnd());
  });
  return [kind, ...lines];
}

const widestName = 12;

async function labelsOf(file: string): Promise<readonly string[]> {
  const content = await readBoundedFile(file, 4 << 20);
  if ("wrong" in content) throw new Failure(2, content.wrong);
  return isPem(content.octets) ? readPem(content.octets).map(({ label }) => label) : [];
}

function certificateShown(certificate: Certificate, now: number): Shown {
  const { extensions, publicKey, signed } = certificate;
  const isAuthority = extensions.basicConstraints?.ca === true;
  const identities = claimableIdentities(certificate).map(({ text }) => text);
  const weak = [
    checkStrength(certificate, 0, false),
    checkKey(certificate, 0),
    isAuthority ? undefined : checkEndEntity(certificate, false),
  ].flatMap((refusal) =>
    refusal === undefined ? [] : [`${refusal.check}: wanted ${refusal.wanted}, seen ${refusal.seen}`],
  );
  return {
    kind: isAuthority ? "authority" : "certificate",
    rows: {
      subject: certificate.subject.text || "(none)",
      issuer: certificate.issuer.text,
      serial: certificate.serial,
      validity: validityText(certificate, now),
      key: "fingerprint" in publicKey ? publicKey.toString() : publicKey.message,
      signature: signed.algorithm.scheme === undefined ? signed.algorithm.name : schemeName(signed.algorithm.scheme),
      fingerprint: `sha256:${certificate.fingerprint}`,
      ...extensionRows(extensions),
      ...(isAuthority ? {} : { "may claim": identities.length === 0 ? ["nothing: it names nobody"] : identities }),
      ...(weak.length === 0 ? {} : { refused: weak }),
    },
  };
}

function requestShown({ subject, publicKey, extensions }: Request): Shown {
  const identities = claimableIdentities({ subject, extensions }).map(({ text }) => text);
  return {
    kind: "request",
    rows: {
      subject: subject.text || "(none)",
      key: publicKey.toString(),
      ...extensionRows(extensions),
      "asks for": identities,
    },
  };
}

function keyShown(kind: "private key" | "public key", publicKey: { toString(): string }): Shown {
  return { kind, rows: { key: publicKey.toString() } };
}

function extensionRows(extensions: Extensions): Record<string, string | readonly string[]> {
  const { basicConstraints, keyUsage, extendedKeyUsage, subjectAltNames, nameConstraints } = extensions;
  const points = (extensions.distributionPoints ?? []).flatMap(({ names }) => names.map(generalNameText));
  const rows: Record<string, string | readonly string[]> = {};
  if (basicConstraints?.pathLength !== undefined)
    rows.below = `at most ${basicConstraints.pathLength} authorities on the way to a host`;
  if (keyUsage !== undefined) rows.usage = [...keyUsage].join(", ");
  if (extendedKeyUsage !== undefined)
    rows.purposes = extendedKeyUsage.map((purpose) => purposeNames.get(purpose) ?? purpose).join(", ");
  if (subjectAltNames !== undefined && subjectAltNames.length > 0) rows.names = subjectAltNames.map(generalNameText);
  if (nameConstraints !== undefined) {
    rows.permits = nameConstraints.permitted.map(generalNameText);
    rows.excludes = nameConstraints.excluded.map(generalNameText);
  }
  if (points.length > 0) rows.lists = points;
  if (extensions.ocspLocations !== undefined) rows.ocsp = extensions.ocspLocations;
  if (extensions.unknownCritical.length > 0)
    rows.unknown = `critical and not known here: ${extensions.unknownCritical.join(", ")}`;
  return rows;
}

function validityText({ notBefore, notAfter }: Certificate, now: number): string {
  const span = `${instantText(notBefore)} to ${instantText(notAfter)}`;
  if (now < notBefore) return `${span} (not yet)`;
  if (now >= notAfter + 1000) return `${span} (expired)`;
  const days = Math.floor((notAfter - now) / 86_400_000);
  return `${span} (${days === 1 ? "1 day" : `${days} days`} left)`;
}

function instantText(at: number): string {
  return new Date(at).toISOString().replace(".000", "");
}
