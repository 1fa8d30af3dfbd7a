import { inspect } from "node:util";
import { type AttributeCodec, wantAtLeast } from "../codec/attribute.ts";
import { HOST_LITTLE_ENDIAN, type Octets } from "../codec/octets.ts";
import { InvalidValueError, MalformedMessageError } from "../errors.ts";

/** Octets of a key read from the kernel: a Uint8Array that does not show what it holds when printed or serialised. */
export class KeyOctets extends Uint8Array {
  [inspect.custom](): string {
    return "[secret]";
  }

  override toString(): string {
    return "[secret]";
  }

  toJSON(): string {
    return "[secret]";
  }
}

/** An algorithm with its key, by the kernel's name: "cbc(aes)". */
export interface Algorithm {
  readonly name: string;
  /** Needed for writing (empty for none); read only when asked for. */
  readonly key?: Uint8Array;
  /** Told by the reader, not looked at by the writer. */
  readonly keyBits?: number;
}

/** An authentication algorithm with the length its ICV is cut to. */
export interface TruncatedAlgorithm extends Algorithm {
  readonly truncationBits: number;
}

/** An AEAD algorithm ("rfc4106(gcm(aes))") with its ICV length; the key ends with the salt. */
export interface AeadAlgorithm extends Algorithm {
  readonly icvBits: number;
}

/** Octets of `alg_name`. */
const NAME_SIZE = 64;
/** Longer than any algorithm's key; it bounds what a caller can put into a message. */
const MAX_KEY_OCTETS = 512;

/** `struct xfrm_algo`: XFRMA_ALG_AUTH, XFRMA_ALG_CRYPT, XFRMA_ALG_COMP. */
export const algorithm: AttributeCodec<Algorithm> = {
  read: (octets, start, end, context, name) => readAlgorithm(octets, start, end, 68, context.keys === true, name),
  write: (writer, type, value, name) => {
    const key = keyOf(value, name);
    writeAlgorithm(writer.octets, writer.attribute(type, 68 + key.length, name), 68, value, key, name);
  },
};

/** `struct xfrm_algo_auth`: XFRMA_ALG_AUTH_TRUNC. */
export const truncatedAlgorithm = algorithmWithLength<TruncatedAlgorithm>(
  (value) => value.truncationBits,
  ({ name, keyBits = 0, key }, truncationBits) =>
    key === undefined ? { name, keyBits, truncationBits } : { name, keyBits, truncationBits, key },
);

/** `struct xfrm_algo_aead`: XFRMA_ALG_AEAD. */
export const aeadAlgorithm = algorithmWithLength<AeadAlgorithm>(
  (value) => value.icvBits,
  ({ name, keyBits = 0, key }, icvBits) =>
    key === undefined ? { name, keyBits, icvBits } : { name, keyBits, icvBits, key },
);

function algorithmWithLength<T extends Algorithm>(
  lengthOf: (value: T) => number,
  withLength: (value: Algorithm, length: number) => T,
): AttributeCodec<T> {
  return {
    read(octets, start, end, context, name) {
      const value = readAlgorithm(octets, start, end, 72, context.keys === true, name);
      return withLength(value, octets.view.getUint32(start + 68, HOST_LITTLE_ENDIAN));
    },
    write(writer, type, value, name) {
      const length = lengthOf(value);
      if (!Number.isInteger(length) || length < 0 || length > 0xffff) {
        throw new InvalidValueError(`${name} ICV length`, length, "whole numbers of bits from 0 to 65535");
      }
      const key = keyOf(value, name);
      const at = writer.attribute(type, 72 + key.length, name);
      writeAlgorithm(writer.octets, at, 72, value, key, name);
      writer.octets.view.setUint32(at + 68, length, HOST_LITTLE_ENDIAN);
    },
  };
}

function readAlgorithm(
  octets: Octets,
  start: number,
  end: number,
  head: number,
  keys: boolean,
  what: string,
): Algorithm {
  wantAtLeast(start, end, head, what);
  const { bytes, view } = octets;
  const nul = bytes.indexOf(0, start);
  if (nul < 0 || nul >= start + NAME_SIZE) {
    throw new MalformedMessageError(`${what} name`, start, `at most ${NAME_SIZE - 1} octets and a NUL`, "no NUL");
  }
  const name = bytes.toString("latin1", start, nul);
  const keyBits = view.getUint32(start + NAME_SIZE, HOST_LITTLE_ENDIAN);
  const keyEnd = start + head + Math.ceil(keyBits / 8);
  if (keyEnd > end) {
    throw new MalformedMessageError(`${what} key length`, start, `at most ${(end - start - head) * 8} bits`, keyBits);
  }
  if (!keys) return { name, keyBits };
  return { name, keyBits, key: new KeyOctets(bytes.subarray(start + head, keyEnd)) };
}

function keyOf(value: Algorithm, name: string): Uint8Array {
  const { key } = value;
  if (key === undefined || key.length > MAX_KEY_OCTETS) {
    throw new InvalidValueError(`${name} key length`, key?.length, `0 to ${MAX_KEY_OCTETS} octets`);
  }
  return key;
}

function writeAlgorithm(
  octets: Octets,
  at: number,
  head: number,
  value: Algorithm,
  key: Uint8Array,
  what: string,
): void {
  const { name } = value;
  if (name.length === 0 || name.length >= NAME_SIZE || name.includes("\0")) {
    throw new InvalidValueError(`${what} name`, name, `1 to ${NAME_SIZE - 1} characters`);
  }
  octets.bytes.write(name, at, "latin1");
  octets.view.setUint32(at + NAME_SIZE, key.length * 8, HOST_LITTLE_ENDIAN);
  octets.bytes.set(key, at + head);
}
