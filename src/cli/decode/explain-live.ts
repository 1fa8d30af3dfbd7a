/** `underlock explain --live`: the latest exchanges of a peer, from the running daemon. */
import type { ExchangeReport } from "../../daemon/recent-exchanges.ts";
import type { StatusReport } from "../../daemon/status-report.ts";
import { Decoder } from "../../decode/decoder.ts";
import { Conversations } from "../../explain/conversation.ts";
import { explain, explanationText } from "../../explain/explain.ts";
import { askDaemon } from "../daemon-call.ts";
import { printJson, printLine } from "../print.ts";
import { type KeyOptions, keysFor } from "./input.ts";
import { writeTrace } from "./trace.ts";

/** What was said on the wire, and what the daemon makes of it. Throws Failure where it knows no such peer. */
export async function explainLive(
  peer: string,
  options: KeyOptions & { readonly socket: string; readonly json?: boolean; readonly write?: string },
): Promise<void> {
  // The daemon's answers have the daemon's types: both are one program.
  const exchanges = (await askDaemon(options.socket, "exchanges", { peer })) as readonly ExchangeReport[];
  const status = (await askDaemon(options.socket, "status")) as StatusReport;
  const report = status.peers.find(({ name }) => name === peer);
  if (options.write !== undefined) writeTrace(options.write, exchanges);
  const decoder = new Decoder(keysFor(undefined, options));
  const conversations = new Conversations();
  for (const [index, exchange] of exchanges.entries()) {
    for (const decoded of decoder.decodeMessage(
      index + 1,
      exchange.at / 1000,
      exchange,
      Buffer.from(exchange.octets, "hex"),
    )) {
      conversations.add(decoded);
    }
  }
  const explanations = explain(conversations.all());
  if (options.json === true) {
    printJson({ peer, state: report?.state, reason: report?.reason, explanations });
    return;
  }
  printLine(
    `${peer}: ${report?.state ?? "not known"}${report?.reason === undefined ? "" : `, since ${report.reason.sentence}`}`,
  );
  if (explanations.length === 0) printLine("  No message was sent or received lately.");
  for (const explanation of explanations) for (const line of explanationText(explanation)) printLine(line);
}
