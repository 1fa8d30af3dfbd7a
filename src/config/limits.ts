/** How much of a configuration is read at most: a wrong file costs a clear sentence, never the process. */
export const configurationLimits = {
  /** Octets of one file. */
  fileOctets: 4 * 1024 * 1024,
  /** Files that `include` may bring. */
  files: 4096,
  /** Octets of all files together. */
  totalOctets: 64 * 1024 * 1024,
  /** Words, marks and blanks of one file, as the YAML lexer counts them: 10,000 peers with two lines each have 660,000. */
  lexemes: 2_500_000,
  /** Open collections while parsing. */
  depth: 64,
  /** Values that aliases (`*name`) may repeat in one file. */
  aliasedValues: 10_000,
  /** Problems told of one file. */
  problems: 200,
  /** Octets of a secret's file. */
  secretOctets: 64 * 1024,
  /** Octets of a private key's file, with the certificates that stand beside it. */
  keyFileOctets: 1024 * 1024,
  /** Octets of a file of certificates or public keys: all authorities of the Web have 300 KB. */
  certificateFileOctets: 4 * 1024 * 1024,
} as const;
