import { Command, Option } from "commander";
import { keyOptions } from "../decode/options.ts";

/** `underlock decode`: what a capture holds of IKE, ESP and AH. */
export function decodeCommand(): Command {
  const command = new Command("decode")
    .description(
      "read IKE, ESP and AH in a capture (pcap, pcapng, snoop, a hex dump), and open what there are keys for",
    )
    .argument("<file>", "the capture, compressed or not; - for standard input")
    .option("-b, --brief", "one line for each message")
    .addOption(
      new Option("--json", "one JSON value a line for each message, for programs").conflicts([
        "brief",
        "ladder",
        "svg",
        "html",
      ]),
    )
    .option("--ladder", "draw the exchange as a sequence diagram")
    .option("--svg <file>", "write the diagram as SVG")
    .option("--html <file>", "write the diagram as a page that needs nothing else");
  for (const option of keyOptions()) command.addOption(option);
  return command.action(async (file: string, options: object) => {
    const { decode } = await import("../decode/decode.ts");
    await decode(file, options);
  });
}
