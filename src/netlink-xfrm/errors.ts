import { constants } from "node:os";
import { getSystemErrorMap } from "node:util";

/** Linux error numbers that neither `os.constants` nor libuv's map names, but that XFRM, rtnetlink or the crypto layer return. */
const MORE_NAMES: ReadonlyArray<readonly [number, string]> = [
  [52, "EBADE"],
  [65, "ENOPKG"],
  [76, "ENOTUNIQ"],
  [77, "EBADFD"],
  [94, "ESOCKTNOSUPPORT"],
  [96, "EPFNOSUPPORT"],
  [108, "ESHUTDOWN"],
  [112, "EHOSTDOWN"],
  [126, "ENOKEY"],
  [127, "EKEYEXPIRED"],
  [128, "EKEYREVOKED"],
  [129, "EKEYREJECTED"],
];

/** First of two names of one number wins: EAGAIN over EWOULDBLOCK, EOPNOTSUPP over ENOTSUP. */
const NAMES: ReadonlyMap<number, string> = (() => {
  const names = new Map<number, string>(MORE_NAMES);
  const aliases = new Set(["EWOULDBLOCK", "ENOTSUP"]);
  for (const [name, number] of Object.entries(constants.errno)) if (!aliases.has(name)) names.set(number, name);
  return names;
})();

/** The name of a Linux error number ("EEXIST" for 17), or "errno 4000" for one without a name. */
export function errnoName(errno: number): string {
  return NAMES.get(errno) ?? `errno ${errno}`;
}

function errnoText(errno: number): string {
  return getSystemErrorMap().get(-errno)?.[1] ?? "no further explanation";
}

/** What the kernel said beside the error number (NETLINK_EXT_ACK). */
export interface ExtendedAck {
  /** The kernel's own sentence. */
  readonly sentence?: string;
  /** Offset in octets, from the start of the request's header, of the attribute or field that was refused. */
  readonly attributeOffset?: number;
  /** Type number of an attribute that the kernel misses. */
  readonly missingAttribute?: number;
}

/** The kernel refused a netlink request, or did not answer it (code ETIMEDOUT or ENOBUFS: whether it was carried out is unknown). */
export class NetlinkError extends Error {
  override readonly name = "NetlinkError";
  /** Positive Linux error number. */
  readonly errno: number;
  /** Its name, such as "EEXIST". */
  readonly code: string;
  /** The message refused, such as "XFRM_MSG_NEWSA". */
  readonly request: string;
  /** The kernel's sentence, where it gave one. */
  readonly sentence: string | undefined;
  /** Offset in octets of what was refused, from the start of the request's header. */
  readonly attributeOffset: number | undefined;
  /** Type number of an attribute that the kernel misses. */
  readonly missingAttribute: number | undefined;

  constructor(request: string, errno: number, ack: ExtendedAck = {}) {
    const code = errnoName(errno);
    const where = ack.attributeOffset === undefined ? "" : ` (at octet ${ack.attributeOffset} of the request)`;
    super(`${request}: ${code}: ${ack.sentence ?? errnoText(errno)}${where}`);
    this.request = request;
    this.errno = errno;
    this.code = code;
    this.sentence = ack.sentence;
    this.attributeOffset = ack.attributeOffset;
    this.missingAttribute = ack.missingAttribute;
  }
}

/** A system call failed: which, on what, and the error number with its name. */
export class SystemCallError extends Error {
  override readonly name = "SystemCallError";
  /** Positive Linux error number. */
  readonly errno: number;
  /** Its name, such as "EADDRINUSE". */
  readonly code: string;
  /** The call that failed, such as "bind". */
  readonly syscall: string;

  constructor(syscall: string, what: string, errno: number) {
    const code = errnoName(errno);
    super(`${syscall} ${what}: ${code}: ${errnoText(errno)}`);
    this.syscall = syscall;
    this.errno = errno;
    this.code = code;
  }
}

/** Octets from the kernel that cannot be what they claim to be: what was read, where, what was wanted and what was seen. */
export class MalformedMessageError extends Error {
  override readonly name = "MalformedMessageError";
  /** The structure or attribute that was being read. */
  readonly what: string;
  /** Offset in octets within the datagram. */
  readonly offset: number;

  constructor(what: string, offset: number, wanted: string, seen: string | number) {
    super(`malformed netlink message: ${what} at octet ${offset}: wanted ${wanted}, got ${seen}`);
    this.what = what;
    this.offset = offset;
  }
}

/** A value given by the caller that has no place in the message: which field, the value, and the values possible. Never shows a key. */
export class InvalidValueError extends Error {
  override readonly name = "InvalidValueError";
  /** The field, such as "spi". */
  readonly field: string;

  constructor(field: string, value: unknown, possible: string) {
    super(`${field}: ${printable(value)} is not possible here; possible: ${possible}`);
    this.field = field;
  }
}

function printable(value: unknown): string {
  switch (typeof value) {
    case "string":
      return JSON.stringify(value.slice(0, 80));
    case "number":
    case "bigint":
    case "boolean":
    case "undefined":
      return String(value);
    default:
      return `a value of type ${value === null ? "null" : typeof value}`;
  }
}
