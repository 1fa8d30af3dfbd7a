import { Command, InvalidArgumentError, Option } from "commander";
import { type KeyKind, keyKinds } from "../../crypto/signature/generate.ts";
import { jsonOption } from "../options.ts";
import type { MakeOptions } from "../pki/make.ts";

/** `underlock pki`: keys, an authority, certificates, requests, PKCS #12; and what a file holds. */
export function pkiCommand(): Command {
  const pki = new Command("pki")
    .description("make and show keys and certificates, for sites that have no authority of their own")
    .addHelpText("after", example);
  for (const command of [
    keyCommand(),
    authorityCommand(),
    hostCommand(),
    requestCommand(),
    signCommand(),
    pkcs12Command(),
    showCommand(),
  ])
    pki.addCommand(command.copyInheritedSettings(pki).exitOverride());
  return pki;
}

const example = `
Two gateways that know each other:
  underlock pki authority
  underlock pki host gw-a.example
  underlock pki host gw-b.example
Each gateway then gets its own .key and .pem, and both get ca.pem, but nobody gets ca.key.`;

function keyCommand(): Command {
  return new Command("key")
    .description("make a private key: NAME.key")
    .argument("<name>", "the file's name, without .key")
    .addOption(dirOption())
    .addOption(keyOption())
    .action(async (name: string, options: MakeOptions) => {
      const { makeKey } = await import("../pki/make.ts");
      await told(makeKey(name, options), options);
    });
}

function authorityCommand(): Command {
  return new Command("authority")
    .description("make an authority that signs itself, or one that another signs: NAME.key and NAME.pem")
    .argument("[name]", "the files' name", "ca")
    .addOption(dirOption())
    .addOption(keyOption())
    .addOption(daysOption(3650))
    .addOption(subjectOption())
    .addOption(new Option("--by <name>", "the authority in the same folder that signs it"))
    .addOption(new Option("--path-length <n>", "authorities that may stand below it").argParser(wholeNumber))
    .addOption(crlOption())
    .addOption(ocspOption())
    .action(async (name: string, options: MakeOptions & { by?: string; pathLength?: number }) => {
      const { makeAuthority } = await import("../pki/make.ts");
      await told(makeAuthority(name, options), options);
    });
}

function hostCommand(): Command {
  return new Command("host")
    .description("make a host's key and certificate: IDENTITY.key and IDENTITY.pem")
    .argument(
      "<identity...>",
      "host names, mail addresses and IP addresses that it may claim; the first names the files",
    )
    .addOption(dirOption())
    .addOption(caOption())
    .addOption(keyOption())
    .addOption(daysOption(730))
    .addOption(subjectOption())
    .addOption(crlOption())
    .addOption(ocspOption())
    .action(async (identities: string[], options: MakeOptions & { ca: string }) => {
      const { makeHost } = await import("../pki/make.ts");
      await told(makeHost(identities, options), options);
    });
}

function requestCommand(): Command {
  return new Command("request")
    .description("make a host's key and a request for an authority elsewhere: IDENTITY.key and IDENTITY.csr")
    .argument("<identity...>", "as for host")
    .addOption(dirOption())
    .addOption(keyOption())
    .addOption(subjectOption())
    .action(async (identities: string[], options: MakeOptions) => {
      const { makeRequest } = await import("../pki/make.ts");
      await told(makeRequest(identities, options), options);
    });
}

function signCommand(): Command {
  return new Command("sign")
    .description("sign somebody's request; look at it with show first: every name in it is granted")
    .argument("<file>", "the request")
    .addOption(dirOption())
    .addOption(caOption())
    .addOption(daysOption(730))
    .addOption(subjectOption())
    .addOption(crlOption())
    .addOption(ocspOption())
    .action(async (file: string, options: MakeOptions & { ca: string }) => {
      const { signRequest } = await import("../pki/make.ts");
      await told(signRequest(file, options), options);
    });
}

function pkcs12Command(): Command {
  return new Command("pkcs12")
    .description("put NAME.key and NAME.pem into NAME.p12, for other systems")
    .argument("<name>", "the files' name")
    .addOption(dirOption())
    .addOption(passphraseOption().makeOptionMandatory())
    .action(async (name: string, options: { dir: string; passphraseFile: string }) => {
      const { makePkcs12 } = await import("../pki/make.ts");
      await told(makePkcs12(name, options), options);
    });
}

function showCommand(): Command {
  return new Command("show")
    .description("show what a file holds, and who a peer may claim to be with it")
    .argument("<file>", "certificates, a request, a key, PKCS #12, PKCS #7, OpenSSH's keys; PEM or DER")
    .addOption(passphraseOption())
    .addOption(jsonOption())
    .action(async (file: string, options: { passphraseFile?: string; json?: boolean }) => {
      const { showFile, shownText } = await import("../pki/show.ts");
      const { readPassphrase } = await import("../pki/make.ts");
      const { printJson, printLine } = await import("../print.ts");
      const { passphraseFile } = options;
      const passphrase = passphraseFile === undefined ? undefined : await readPassphrase(passphraseFile);
      const shown = await showFile(file, passphrase, Date.now());
      if (options.json === true) printJson(shown);
      else for (const line of shown.flatMap(shownText)) printLine(line);
    });
}

async function told(making: Promise<readonly string[]>, { dir }: { readonly dir: string }): Promise<void> {
  const written = await making;
  const { printLine } = await import("../print.ts");
  for (const name of written) printLine(dir === "." ? name : `${dir}/${name}`);
}

function dirOption(): Option {
  return new Option("-d, --dir <folder>", "the folder of the files").default(".");
}

function keyOption(): Option {
  return new Option("-k, --key <kind>", "the kind of key").choices(keyKinds).default("ecdsa-p256" satisfies KeyKind);
}

function daysOption(days: number): Option {
  return new Option("--days <n>", "how long it holds").default(days).argParser(wholeNumber);
}

function subjectOption(): Option {
  return new Option("--subject <name>", 'its distinguished name, "C=CH, O=Example, CN=gw-a"; else CN=IDENTITY');
}

function caOption(): Option {
  return new Option("--ca <name>", "the authority in the same folder that signs it").default("ca");
}

function crlOption(): Option {
  return new Option("--crl <url>", "where its authority's list of revoked certificates is to be fetched");
}

function ocspOption(): Option {
  return new Option("--ocsp <url>", "where its authority answers whether it is revoked");
}

function passphraseOption(): Option {
  return new Option("--passphrase-file <file>", "its first line is the passphrase");
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!/^\d{1,5}$/.test(text)) throw new InvalidArgumentError("a whole number of at most five digits is wanted");
  return value;
}
