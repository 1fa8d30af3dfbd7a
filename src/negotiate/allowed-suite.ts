import type { Transform } from "../crypto/transforms.ts";
import { alternatives } from "./alternatives.ts";
import { joinKeywords, textOrder } from "./proposal-text.ts";
import type { ProposalPolicy } from "./proposals.ts";
import type { ChildSuite, IkeSuite } from "./suite.ts";

/** Whether a suite that is already chosen is one that `policy` would have allowed. */
export function allowsSuite(policy: ProposalPolicy, suite: IkeSuite | ChildSuite): boolean {
  const chosen = rowsOf(suite);
  return alternatives(policy).some(({ rows }) =>
    chosen.every((row) => (rows[row.type] as readonly Transform[]).includes(row)),
  );
}

/** What was chosen, written as a proposal of the configuration would be: `aes256gcm16-prfsha384-x25519`, `aes256 with ah sha256`. */
export function formatSuite(suite: IkeSuite | ChildSuite): string {
  const rows = rowsOf(suite);
  const words = textOrder.map((type): [string, string[]] => {
    return [type, rows.filter((row) => row.type === type).map(({ keyword }) => keyword)];
  });
  const text = joinKeywords(new Map(words));
  return "ah" in suite && suite.ah !== undefined ? `${text} with ah ${suite.ah.keyword}` : text;
}

function rowsOf(suite: IkeSuite | ChildSuite): Transform[] {
  return [
    suite.encr,
    suite.integ,
    "prf" in suite ? suite.prf : undefined,
    suite.ke,
    "esn" in suite ? suite.esn : undefined,
  ].filter((row) => row !== undefined);
}
