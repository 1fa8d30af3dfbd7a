/** A chosen suite in keywords. */
import type { Transform } from "../crypto/transforms.ts";
import { joinKeywords, textOrder } from "./proposal-text.ts";
import type { ChildSuite, IkeSuite } from "./suite.ts";

/** What was chosen, written as a proposal of the configuration would be: `aes128-sha256-x25519`. */
export function formatSuite(suite: IkeSuite | ChildSuite): string {
  const rows = Object.values(suite).filter((row): row is Transform => row !== undefined);
  const words = textOrder.map((type): [string, string[]] => {
    return [type, rows.filter((row) => row.type === type).map(({ keyword }) => keyword)];
  });
  return joinKeywords(new Map(words));
}
