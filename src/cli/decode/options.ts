import { Option } from "commander";

/** Options of every command that opens captures. */
export function keyOptions(): Option[] {
  return [
    new Option(
      "-k, --keys <files...>",
      "keys: JSON as beside the captures, or Wireshark's ikev2_decryption_table, ikev1_decryption_table, esp_sa",
    ),
    // Not `<text...>`, which would take the capture's name for a key.
    new Option(
      "--psk <text>",
      "a pre-shared key, as often as there are keys: derives the keys of IKEv1 and verifies AUTH, with --dh-private",
    ).argParser((text, before: readonly string[] | undefined) => [...(before ?? []), text]),
    new Option("--dh-private <hex...>", "private values of key exchanges, of either end, from which keys are derived"),
  ];
}
