/** `redirect`: asks the daemon and says what it came to. */
import type { RedirectAnswer } from "../daemon/redirect-callers.ts";
import { askDaemon } from "./daemon-call.ts";
import { printJson, printLine } from "./print.ts";

/** Throws Failure where there is no such peer, or the gateway is none. */
export async function redirectCallers(
  peer: string,
  gateway: string | undefined,
  options: { readonly socket: string; readonly json?: boolean },
): Promise<void> {
  const answer = await askDaemon(options.socket, "redirect", { peer, to: gateway ?? null });
  if (options.json === true) return printJson(answer);
  const { to, ikeSas } = answer as RedirectAnswer;
  const left = `${ikeSas} IKE ${ikeSas === 1 ? "SA stands" : "SAs stand"} here now`;
  printLine(to === null ? `callers of ${peer} may stay; ${left}` : `callers of ${peer} are sent to ${to}; ${left}`);
}
