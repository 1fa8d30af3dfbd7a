/** `rekey`: asks the daemon, which begins at once and goes on trying by itself. */
import { askDaemon } from "./daemon-call.ts";
import { printJson, printLine } from "./print.ts";

/** Throws Failure where the peer is unknown or not up. */
export async function rekeyPeer(
  peer: string,
  options: { readonly socket: string; readonly ike?: boolean; readonly json?: boolean },
): Promise<void> {
  const what = options.ike === true ? "ike" : "children";
  const answer = await askDaemon(options.socket, "rekey", { peer, what });
  if (options.json === true) printJson(answer);
  else printLine(`${peer}: ${what === "ike" ? "IKE SA" : "Child SAs"} being rekeyed`);
}
