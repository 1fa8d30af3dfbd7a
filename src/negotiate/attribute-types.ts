/** Attribute types of distinguished names and their keywords (RFC 4514 3, RFC 4519, RFC 5280 A.1). */

/** Those that something is made of. */
export const attributeType = {
  commonName: "2.5.4.3",
  domainComponent: "0.9.2342.19200300.100.1.25",
  email: "1.2.840.113549.1.9.1",
} as const;

/** Of several keywords for one type the first is written. */
const keywords: readonly (readonly [keyword: string, type: string])[] = [
  ["CN", attributeType.commonName],
  ["SN", "2.5.4.4"],
  ["serialNumber", "2.5.4.5"],
  ["C", "2.5.4.6"],
  ["L", "2.5.4.7"],
  ["ST", "2.5.4.8"],
  ["S", "2.5.4.8"],
  ["STREET", "2.5.4.9"],
  ["O", "2.5.4.10"],
  ["OU", "2.5.4.11"],
  ["T", "2.5.4.12"],
  ["postalCode", "2.5.4.17"],
  ["GN", "2.5.4.42"],
  ["initials", "2.5.4.43"],
  ["dnQualifier", "2.5.4.46"],
  ["pseudonym", "2.5.4.65"],
  ["organizationIdentifier", "2.5.4.97"],
  ["UID", "0.9.2342.19200300.100.1.1"],
  ["DC", attributeType.domainComponent],
  ["E", attributeType.email],
  ["emailAddress", attributeType.email],
];

const byType: ReadonlyMap<string, string> = new Map([...keywords].reverse().map(([keyword, type]) => [type, keyword]));
const byKeyword: ReadonlyMap<string, string> = new Map(
  keywords.map(([keyword, type]) => [keyword.toUpperCase(), type]),
);

/** The keyword of an attribute type. */
export function attributeKeyword(type: string): string | undefined {
  return byType.get(type);
}

/** The type that a keyword stands for, without regard to case. */
export function typeOfKeyword(keyword: string): string | undefined {
  return byKeyword.get(keyword.toUpperCase());
}
