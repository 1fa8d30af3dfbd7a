/** Messages of ours in fragments that fit the path (RFC 7383 2.5). */
import type { SkCipher } from "../crypto/sk-cipher.ts";
import { familyOf } from "../negotiate/address.ts";
import { type Datagrams, headersOn } from "../sa/datagrams.ts";
import type { Path } from "../sa/path.ts";
import { fragmentRoom, type Inner, type SealedHeader, sealedLength, sealInner } from "./protected-message.ts";

/** Octets of an IP datagram beyond which messages are fragmented, until it is known who the peer is. */
export const firstFragmentSize = 1_280;

/** Sizes that are tried, one after the other, where large requests go unanswered (RFC 7383 2.5.2). */
const sizesByFamily = { 4: [1_280, 576], 6: [1_280] } as const;

/** Seals `inner` whole where it fits into an IP datagram of `size` octets on `path`, else in fragments that do. */
export function sealFitting(
  header: SealedHeader,
  inner: Inner,
  cipher: SkCipher,
  nextIv: () => Uint8Array,
  size: number,
  path: Path,
): Datagrams {
  const room = size - headersOn(path);
  const chunk = fragmentRoom(room, cipher);
  if (sealedLength(inner.octets.length, cipher) <= room || chunk < 1) return sealInner(header, inner, cipher, nextIv());
  const total = Math.ceil(inner.octets.length / chunk);
  return Array.from({ length: total }, (_, index) => {
    const octets = inner.octets.subarray(index * chunk, (index + 1) * chunk);
    // RFC 7383 2.5: the first fragment alone says what the content begins with.
    const firstType = index === 0 ? inner.firstType : 0;
    return sealInner(header, { firstType, octets }, cipher, nextIv(), { number: index + 1, total });
  });
}

/** The sizes to try on a path, largest first: IPv6 promises 1280 octets (RFC 8200 5). */
export function smallerSizes(path: Path): readonly number[] {
  return sizesByFamily[familyOf(path.remote.address)];
}
