/** `underlock explain`, from a capture. */

import { Failure } from "../../daemon/failure.ts";
import { Decoder } from "../../decode/decoder.ts";
import { Conversations } from "../../explain/conversation.ts";
import { explain, explanationText } from "../../explain/explain.ts";
import { printJson, printLine } from "../print.ts";
import { type KeyOptions, keysFor, packetsOf } from "./input.ts";
import { fragmentsMissing, UnreadLinks } from "./unread.ts";

/** Throws {@link Failure}: 1 where the capture holds no IKE message that can be read. */
export async function explainCapture(
  file: string,
  options: KeyOptions & { readonly json?: boolean | undefined },
): Promise<void> {
  const decoder = new Decoder(keysFor(file, options));
  const conversations = new Conversations();
  const damage: string[] = [];
  const unread = new UnreadLinks();
  let malformed = 0;
  for await (const packet of packetsOf(file, (sentence) => damage.push(sentence))) {
    unread.look(packet);
    for (const decoded of decoder.decode(packet)) {
      conversations.add(decoded);
      if (decoded.kind === "ike" && decoded.message === undefined) malformed += 1;
    }
  }
  const explanations = explain(conversations.all());
  damage.push(...unread.sentences(file), ...fragmentsMissing(file, decoder.incomplete));
  for (const sentence of damage) process.stderr.write(`underlock: ${sentence}\n`);
  if (explanations.length === 0) {
    throw new Failure(
      1,
      `no IKE message that can be read in ${file}${malformed > 0 ? `; ${malformed} malformed (see underlock decode)` : ""}`,
    );
  }
  if (options.json === true) printJson({ explanations, malformed });
  else {
    for (const explanation of explanations) for (const line of explanationText(explanation)) printLine(line);
    if (malformed > 0)
      printLine(`${malformed} more message${malformed === 1 ? " is" : "s are"} malformed (see underlock decode)`);
  }
}
