import { isOurReqid } from "../ownership.ts";
import type { KernelAnswer, SaMove } from "../port.ts";
import { refused, sameAddress, sameEnds } from "../request-check.ts";
import type { Sad, ValidSa } from "./sad.ts";

/** Moves SAs as the real kernel does; their policies are the caller's. Undefined where it is done. */
export function moveSas(sad: Sad, { protocol, from, to, spis }: SaMove): KernelAnswer | undefined {
  const standing: ValidSa[] = [];
  for (const spi of spis) {
    const entry = sad.find({ protocol, spi, destination: from.destination });
    if (entry?.kind !== "valid" || !isOurReqid(entry.reqid) || !sameAddress(entry.source, from.source))
      return refused("migrate", "ESRCH", `no SA of ours with SPI 0x${spi.toString(16)} to move`);
    standing.push(entry);
  }
  const { encapsulation } = to;
  if (!sameEnds(from, to)) for (const entry of standing) sad.move(entry, to);
  else if (encapsulation !== undefined) {
    const encapsulated = standing.every(({ sa }) => sa.encapsulation !== undefined);
    for (const entry of standing) {
      if (encapsulated) sad.changePorts(entry, encapsulation);
      else sad.move(entry, to);
    }
  }
  return undefined;
}
