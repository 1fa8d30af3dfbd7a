/** Attribute types of distinguished names and their keywords (RFC 4514 3, RFC 4519, RFC 5280 A.1). */

const keywords: readonly (readonly [oid: string, keyword: string])[] = [
  ["2.5.4.3", "CN"],
  ["2.5.4.4", "SN"],
  ["2.5.4.5", "serialNumber"],
  ["2.5.4.6", "C"],
  ["2.5.4.7", "L"],
  ["2.5.4.8", "ST"],
  ["2.5.4.9", "street"],
  ["2.5.4.10", "O"],
  ["2.5.4.11", "OU"],
  ["2.5.4.12", "title"],
  ["2.5.4.17", "postalCode"],
  ["2.5.4.42", "GN"],
  ["2.5.4.43", "initials"],
  ["2.5.4.46", "dnQualifier"],
  ["2.5.4.65", "pseudonym"],
  ["2.5.4.97", "organizationIdentifier"],
  ["0.9.2342.19200300.100.1.1", "UID"],
  ["0.9.2342.19200300.100.1.25", "DC"],
  ["1.2.840.113549.1.9.1", "emailAddress"],
];

const byOid: ReadonlyMap<string, string> = new Map(keywords);
const byKeyword: ReadonlyMap<string, string> = new Map([
  ...keywords.map(([oid, keyword]) => [keyword.toLowerCase(), oid] as const),
  ["e", "1.2.840.113549.1.9.1"],
  ["email", "1.2.840.113549.1.9.1"],
  ["s", "2.5.4.8"],
]);

/** The keyword of an attribute type. */
export function attributeKeyword(oid: string): string | undefined {
  return byOid.get(oid);
}

/** The attribute type that people mean by a keyword, in any case; `E`, `email` and `S` as other tools write them. */
export function attributeOid(keyword: string): string | undefined {
  return byKeyword.get(keyword.toLowerCase());
}
