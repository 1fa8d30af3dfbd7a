/** `check`: the file, what it comes to, what this kernel can do of it, and what would defeat the locks. */
import { resolve } from "node:path";
import {
  formatProblem,
  type Loaded,
  loadConfiguration,
  type Problem,
  type Resolver,
  systemResolver,
} from "../config/load.ts";
import { Failure } from "../daemon/failure.ts";
import { askHost, type HostFindings } from "./host-findings.ts";
import { type PeerPlan, peerPlan, planLines } from "./peer-plan.ts";
import { printJson, printLine } from "./print.ts";

/** Changes nothing. Throws Failure: 2 for errors of the file, 1 where this kernel cannot do what the file asks for. */
export async function check(options: {
  readonly config: string;
  readonly offline?: boolean;
  readonly json?: boolean;
}): Promise<void> {
  const file = resolve(options.config);
  const loaded = await loadConfiguration(file, { resolve: options.offline === true ? askNobody : systemResolver });
  const problems =
    options.offline === true ? loaded.problems.filter((each) => !isNotAsked(each, loaded)) : loaded.problems;
  const plans = loaded.desired.peers.map(peerPlan);
  const host = options.offline === true ? undefined : await askHost(loaded.desired);
  if (options.json === true) printJson({ file, problems, peers: plans, ...host });
  else for (const line of textOf(file, problems, plans, host)) printLine(line);
  const errors = problems.filter(({ severity }) => severity === "error");
  if (errors.length > 0)
    throw new Failure(2, `${file} has ${errors.length} ${errors.length === 1 ? "error" : "errors"}`);
  if (host !== undefined && host.inability.length > 0)
    throw new Failure(1, "this host cannot do what the file asks for");
}

function textOf(
  file: string,
  problems: readonly Problem[],
  plans: readonly PeerPlan[],
  host: HostFindings | undefined,
): string[] {
  const peers = `${plans.length} ${plans.length === 1 ? "peer" : "peers"} of ${file} can be used`;
  const lines = [...problems.map(formatProblem), peers, ...plans.flatMap(planLines)];
  if (host === undefined) return lines;
  return [
    ...lines,
    ...host.hazards.map(({ sentence }) => `WARNING ${sentence}`),
    ...(host.inability.length === 0 && plans.length > 0 ? ["this kernel can do all of it"] : host.inability),
  ];
}

/** Stands in for name servers that must not be asked. */
const askNobody: Resolver = async (name) => {
  throw new Error(`${name} was not looked up (--offline)`);
};

/** A name that was not looked up is nothing wrong with the file. */
function isNotAsked(problem: Problem, { unresolved }: Loaded): boolean {
  return unresolved.some(
    ({ peer, name }) =>
      problem.path === `peers.${peer}.remote` && problem.sentence.startsWith(`${name} does not resolve`),
  );
}
