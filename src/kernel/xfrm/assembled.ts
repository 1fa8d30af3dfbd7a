/** The kernel's list of SAs, each with the IPComp and AH SAs that go with it: Linux itself knows nothing of that. */
import type { Sa } from "../../netlink-xfrm/index.ts";
import type { StandingSa } from "../port.ts";
import { companionOutlives, standingSa } from "./sa-message.ts";

/** What `ours` come to; what is larval does not stand. */
export function assembled(ours: readonly Sa[]): StandingSa[] {
  const around = aroundEsp(ours);
  const taken = new Set(around.values());
  const standing = ours.flatMap((sa) => {
    const one = taken.has(sa) ? undefined : standingSa(sa);
    const ah = around.get(sa);
    return one === undefined ? [] : [ah === undefined ? one : { ...one, ahSpi: ah.spi }];
  });
  return withCpis(
    standing,
    ours.filter(({ protocol }) => protocol === "comp"),
  );
}

/**
 * The AH SA around each ESP SA: of one reqid and one pair of ends, put there in the same breath, with a hard limit that is
 * as much longer as ours are. AH alone has none that fits, nor has what another set of the same child left.
 */
function aroundEsp(ours: readonly Sa[]): Map<Sa, Sa> {
  const free = new Set(ours.filter((sa) => sa.protocol === "ah" && standingSa(sa) !== undefined));
  const pairs = new Map<Sa, Sa>();
  if (free.size === 0) return pairs;
  for (const sa of ours) {
    if (sa.protocol !== "esp" || standingSa(sa) === undefined) continue;
    const ah = [...free].find((one) => isAround(one, sa));
    if (ah === undefined) continue;
    free.delete(ah);
    pairs.set(sa, ah);
  }
  return pairs;
}

function isAround(ah: Sa, esp: Sa): boolean {
  const apart = (esp.usage.addTime ?? 0) - (ah.usage.addTime ?? 0);
  return (
    groupOf(ah) === groupOf(esp) &&
    apart >= 0 &&
    apart <= 1 &&
    ah.lifetime.hardAddSeconds === (esp.lifetime.hardAddSeconds ?? 0) + companionOutlives
  );
}

/** IPComp SAs belong to the SAs of their reqid and addresses, the youngest to the youngest: older ones may be left over. */
function withCpis(sas: readonly StandingSa[], compressing: readonly Sa[]): StandingSa[] {
  const cpis = new Map<string, Sa[]>();
  for (const sa of compressing.toSorted((a, b) => (b.usage.addTime ?? 0) - (a.usage.addTime ?? 0))) {
    const key = groupOf(sa);
    cpis.set(key, [...(cpis.get(key) ?? []), sa]);
  }
  if (cpis.size === 0) return [...sas];
  return sas
    .toSorted((a, b) => b.addedSeconds - a.addedSeconds)
    .map((sa) => {
      const comp = cpis.get(groupOf(sa))?.shift();
      return comp === undefined ? sa : { ...sa, cpi: comp.spi };
    });
}

function groupOf({ reqid, source, destination }: Pick<Sa, "reqid" | "source" | "destination">): string {
  return `${reqid} ${source} ${destination}`;
}
