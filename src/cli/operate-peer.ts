/** `up` and `down`: asks the daemon and says how it ended. */
import type { OperatorAnswer } from "../daemon/operator.ts";
import { askDaemon } from "./daemon-call.ts";
import { printJson, printLine } from "./print.ts";

/** Throws Failure with the reason where the peer did not come up or go down within `wait` seconds. */
export async function operatePeer(
  kind: "up" | "down",
  peer: string,
  options: { readonly socket: string; readonly wait: number; readonly json?: boolean },
): Promise<void> {
  const answer = await askDaemon(options.socket, kind, { peer, waitMilliseconds: options.wait * 1000 });
  if (options.json === true) {
    printJson(answer);
    return;
  }
  const { children } = answer as OperatorAnswer;
  const list = children.map((child) => `${child.name} ${child.state}`).join(", ");
  printLine(`${peer} is ${kind}${list === "" ? "" : ` (${list})`}`);
}
