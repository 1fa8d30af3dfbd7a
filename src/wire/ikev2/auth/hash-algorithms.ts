/** SIGNATURE_HASH_ALGORITHMS: the hash functions that an end verifies signatures with (RFC 7427 4). */

/** As many as are read; seven are registered. */
const most = 64;

/** The numbers of the notify's data, as they stand; undefined where the last one is cut. */
export function decodeHashAlgorithms(data: Uint8Array): readonly number[] | undefined {
  if (data.length % 2 !== 0) return undefined;
  const numbers: number[] = [];
  for (let at = 0; at < data.length && numbers.length < most; at += 2)
    numbers.push(((data[at] ?? 0) << 8) | (data[at + 1] ?? 0));
  return numbers;
}

export function encodeHashAlgorithms(numbers: readonly number[]): Buffer {
  const data = Buffer.allocUnsafe(numbers.length * 2);
  for (const [index, number] of numbers.entries()) data.writeUInt16BE(number, index * 2);
  return data;
}
