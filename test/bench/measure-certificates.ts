/** How long a hub with two hundred gateways takes to read its file, its authorities and their certificates. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { makeAuthority, makeHost } from "../../src/cli/pki/make.ts";
import { CredentialFiles } from "../../src/config/credential-files.ts";
import { loadConfiguration } from "../../src/config/load.ts";
import { validatePath } from "../../src/credentials/path/validate.ts";
import { TrustStore } from "../../src/credentials/trust-store.ts";

/** What was measured. */
export interface CertificateFigures {
  readonly gateways: number;
  /** Own CPU time of reading the configuration with what it names, and of validating each gateway's path of four. */
  readonly loadMilliseconds: readonly number[];
}

const gateways = 200;

/** Makes an authority of three levels and the gateways with `underlock pki`, then loads them `rounds` times. */
export async function measureCertificates(folder: string, rounds: number): Promise<CertificateFigures> {
  const dir = join(folder, "certificates");
  const usual = { dir, key: "ecdsa-p256", days: 30 } as const;
  await mkdir(dir, { recursive: true });
  await makeAuthority("ca", usual);
  await makeAuthority("region", { ...usual, by: "ca" });
  await makeAuthority("site", { ...usual, by: "region" });
  const names = Array.from({ length: gateways }, (_, index) => `gw-${index}.example`);
  for (const name of ["hub.example", ...names]) await makeHost([name], { ...usual, ca: "site" });
  const file = join(dir, "hub.yaml");
  await writeFile(file, configuration(names));
  const loadMilliseconds: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const begun = process.cpuUsage();
    await load(file, dir, names);
    const { user, system } = process.cpuUsage(begun);
    loadMilliseconds.push((user + system) / 1000);
  }
  return { gateways, loadMilliseconds };
}

async function load(file: string, dir: string, names: readonly string[]): Promise<void> {
  const { desired, problems } = await loadConfiguration(file, { resolve: nobody });
  const faults = problems.filter(({ severity }) => severity === "error");
  if (desired.peers.length !== names.length || faults.length > 0)
    throw new Error(`the bench's own file does not load: ${JSON.stringify(faults[0])}`);
  const files = new CredentialFiles(dir);
  const anchors = await files.certificates("ca.pem");
  if ("wrong" in anchors) throw new Error(anchors.wrong);
  const trust = new TrustStore({ anchors: anchors.value });
  for (const name of names) {
    const chain = await files.certificates(`${name}.pem`);
    if ("wrong" in chain) throw new Error(chain.wrong);
    const [leaf, ...intermediates] = chain.value;
    const outcome = validatePath({ leaf, intermediates, trust, at: Date.now() });
    if (outcome.kind !== "valid" || outcome.path.length !== 4) throw new Error(`the path of ${name} does not hold`);
  }
}

/** Every remote is an address. */
const nobody = async (): Promise<never> => {
  throw new Error("there are no names to look up");
};

/** One peer a gateway, whose certificate is read from a file as its message would bring it. */
function configuration(names: readonly string[]): string {
  const peers = names.map((name, index) => {
    const address = `198.51.${100 + (index >> 8)}.${index & 0xff}`;
    const auth = "{ key: hub.example.key, certificate: hub.example.pem, trust: ca.pem }";
    return `  p${index}: { remote: ${address}, id: ${name}, auth: ${auth}, protect: [gre] }`;
  });
  return `local: { id: hub.example, address: 192.0.2.1 }\npeers:\n${peers.join("\n")}\n`;
}
