import { Command } from "commander";
import { jsonOption } from "../options.ts";

/** `underlock vectors`: this build against test vectors that others wrote. */
export function vectorsCommand(): Command {
  const command = new Command("vectors")
    .description("run test vectors of RFCs, NIST, Wycheproof and others through the code that the daemon uses")
    .argument("[files...]", "JSON files in any of the known layouts; those that come with underlock unless given")
    .option("-f, --filter <text>", "only vectors with this in their algorithm, name or source")
    .option("--markdown", "print the totals of each folder as a Markdown table")
    .addOption(jsonOption())
    .action(async (files: string[], options: { filter?: string; json?: boolean; markdown?: boolean }) => {
      const { runVectors } = await import("../vectors/run.ts");
      await runVectors(files, options);
    });
  return command.addCommand(deriveCommand().copyInheritedSettings(command).exitOverride());
}

/** `underlock vectors derive`: the keys that follow from given secrets. */
function deriveCommand(): Command {
  return new Command("derive")
    .description("derive keys by hand, to compare with another implementation's; octets are given in hex")
    .requiredOption("--ni <hex>", "the initiator's nonce")
    .requiredOption("--nr <hex>", "the responder's nonce")
    .requiredOption("--spi-i <hex>", "the initiator's SPI or cookie")
    .requiredOption("--spi-r <hex>", "the responder's SPI or cookie")
    .requiredOption("--shared <hex>", "the shared secret g^ir")
    .requiredOption("--ike <proposal>", "the algorithms of the IKE SA, such as aes256-sha256")
    .option("--esp <proposal>", "those of the Child SA, for KEYMAT")
    .option("--child-ni <hex>", "the initiator's nonce of CREATE_CHILD_SA or Quick Mode")
    .option("--child-nr <hex>", "the responder's")
    .option("--child-shared <hex>", "the shared secret of its own key exchange")
    .option("--old-sk-d <hex>", "IKEv2: SK_d of the IKE SA that is rekeyed")
    .option("--ikev1", "SKEYID_*, IV and KEYMAT of IKEv1 instead of IKEv2's")
    .option("--psk <text>", "IKEv1: the pre-shared key")
    .option("--psk-hex <hex>", "IKEv1: the pre-shared key in hex")
    .option("--public-key-encryption", "IKEv1: SKEYID of authentication with public key encryption")
    .option("--public-i <hex>", "IKEv1: the initiator's public value, for the IV")
    .option("--public-r <hex>", "IKEv1: the responder's")
    .option("--esp-spi-i <hex>", "IKEv1: the SPI that the initiator chose, for KEYMAT")
    .option("--esp-spi-r <hex>", "IKEv1: the responder's")
    .option("--last-block <hex>", "IKEv1: the last block of phase 1, for the IV of a later exchange")
    .option("--message-id <hex>", "IKEv1: that exchange's message ID")
    .addOption(jsonOption())
    .action(async (_options: object, command: Command) => {
      const { runDerive } = await import("../vectors/derive.ts");
      // An option that both commands have is read by the outer one.
      runDerive(command.optsWithGlobals());
    });
}
