/** Keys in Wireshark's formats, for the operator who asked for them: off unless `run --export-keys` says where. */
import { appendFileSync, chmodSync, mkdirSync } from "node:fs";
import type { Kernel, KernelAnswer, KernelEvent, KernelRequest, SaInstall } from "../kernel/port.ts";
import type { Log } from "../observe/log.ts";
import { espSaLine, ikeSaLine, isakmpSaLine } from "../observe/wireshark-keys.ts";
import type { KeyWitness } from "../sa/key-witness.ts";
import { Failure } from "./failure.ts";

/** The files are those that Wireshark reads from its profile's folder. */
const files = { ike: "ikev2_decryption_table", isakmp: "ikev1_decryption_table", esp: "esp_sa" } as const;

/** Writes a line for each IKE SA and each ESP SA that comes up. */
export class KeyExport {
  /** For the engine. */
  readonly witness: KeyWitness;
  readonly #folder: string;
  readonly #log: Log;

  private constructor(folder: string, log: Log) {
    this.#folder = folder;
    this.#log = log;
    this.witness = (keys) =>
      keys.version === 2
        ? this.#append(files.ike, ikeSaLine(keys), "an IKE SA")
        : this.#append(files.isakmp, isakmpSaLine(keys), "an ISAKMP SA");
  }

  /** Throws {@link Failure} where the folder cannot be written to. Says loudly what is being done. */
  static into(folder: string, log: Log): KeyExport {
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      for (const name of Object.values(files)) {
        appendFileSync(`${folder}/${name}`, "", { mode: 0o600 });
        // What was there before may have been readable to others.
        chmodSync(`${folder}/${name}`, 0o600);
      }
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? "failed";
      throw new Failure(2, `cannot export keys into ${folder}: ${code}`);
    }
    log.say(
      "warn",
      "keys-exported",
      `EVERY KEY IS WRITTEN IN CLEAR to ${folder} (--export-keys): whoever reads it reads all traffic`,
    );
    return new KeyExport(folder, log);
  }

  /** The kernel, with the keys of what is installed in it written down. */
  kernel(kernel: Kernel): Kernel {
    return new WatchedKernel(kernel, (sa) => {
      const line = espSaLine(sa);
      if (line !== undefined) this.#append(files.esp, line, "a Child SA");
    });
  }

  #append(name: string, line: string, what: string): void {
    try {
      appendFileSync(`${this.#folder}/${name}`, `${line}\n`, { mode: 0o600 });
      this.#log.say("warn", "keys-exported", `the keys of ${what} were written in clear to ${this.#folder}/${name}`);
    } catch (error) {
      // A full disk must not bring down tunnels.
      const code = (error as NodeJS.ErrnoException).code ?? "failed";
      this.#log.say(
        "error",
        "keys-exported",
        `the keys of ${what} could not be written to ${this.#folder}/${name}: ${code}`,
      );
    }
  }
}

class WatchedKernel implements Kernel {
  readonly #kernel: Kernel;
  readonly #installed: (sa: SaInstall) => void;

  constructor(kernel: Kernel, installed: (sa: SaInstall) => void) {
    this.#kernel = kernel;
    this.#installed = installed;
  }

  request(request: KernelRequest): KernelAnswer | Promise<KernelAnswer> {
    if (request.kind === "installSa") this.#installed(request.sa);
    return this.#kernel.request(request);
  }

  onEvent(listener: (event: KernelEvent) => void): void {
    this.#kernel.onEvent(listener);
  }

  close(): void {
    this.#kernel.close();
  }
}
