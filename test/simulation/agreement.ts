/** Both ends of every SA hold the same of it: compared as soon as its second half is installed. */
import type { SaInstall } from "../../src/kernel/port.ts";
import { formatSelector } from "../../src/negotiate/selector.ts";
import { Broken } from "./broken.ts";

interface Half {
  readonly said: string;
  readonly by: string;
}

/** Every SA that was ever installed anywhere, by where it leads; SPIs are not given twice. */
export class Agreement {
  readonly #halves = new Map<string, { in?: Half; out?: Half }>();
  /** SAs both of whose halves were seen. */
  compared = 0;
  readonly #publicAddress: (address: string) => string;

  /** `publicAddress`: where the others find who has that address of its own. */
  constructor(publicAddress: (address: string) => string) {
    this.#publicAddress = publicAddress;
  }

  installed(sa: SaInstall, by: string, now: number): void {
    const key = `${sa.protocol} ${sa.spi} ${this.#publicAddress(sa.destination)}`;
    const halves = this.#halves.get(key) ?? {};
    this.#halves.set(key, halves);
    halves[sa.direction] = { said: contents(sa, this.#publicAddress(sa.source)), by };
    const { in: inbound, out: outbound } = halves;
    if (inbound === undefined || outbound === undefined) return;
    this.compared += 1;
    if (inbound.said === outbound.said) return;
    throw new Broken(
      "both ends agree",
      now,
      `SA ${sa.spi.toString(16)}: ${outbound.by} sends ${outbound.said}, ${inbound.by} receives ${inbound.said}`,
    );
  }
}

/** Whatever both ends must hold alike, in words; keys in hexadecimal. */
function contents(sa: SaInstall, source: string): string {
  const keyed = (half: SaInstall["encr"] | SaInstall["integ"] | SaInstall["ah"]): string =>
    half === undefined ? "none" : `${half.transform.keyword} ${Buffer.from(half.key).toString("hex")}`;
  const selector = sa.selector === undefined ? "anything" : formatSelector(sa.selector);
  const esn = sa.esn ? "esn" : "no esn";
  const beside = `${keyed(sa.ah)} ${sa.ahSpi ?? "no AH"}, ${sa.compression?.keyword ?? "no IPComp"} ${sa.cpi ?? ""}`;
  return [sa.mode, source, keyed(sa.encr), keyed(sa.integ), beside, esn, selector].join(", ");
}
