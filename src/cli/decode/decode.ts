/** `underlock decode`. */
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { Failure } from "../../daemon/failure.ts";
import { Decoder } from "../../decode/decoder.ts";
import { LadderBuilder } from "../../decode/ladder/arrows.ts";
import { ladderHtml } from "../../decode/ladder/html.ts";
import { ladderSvg } from "../../decode/ladder/svg.ts";
import { ladderText } from "../../decode/ladder/text.ts";
import { jsonOf, textOf } from "../../decode/text.ts";
import { type KeyOptions, keysFor, packetsOf } from "./input.ts";

/** What the command line says. */
export interface DecodeOptions extends KeyOptions {
  readonly json?: boolean | undefined;
  readonly brief?: boolean | undefined;
  readonly ladder?: boolean | undefined;
  readonly svg?: string | undefined;
  readonly html?: string | undefined;
}

/** Prints as it reads, so that any size goes through. Throws {@link Failure}. */
export async function decode(file: string, options: DecodeOptions): Promise<void> {
  const decoder = new Decoder(keysFor(file, options));
  const drawn = options.ladder === true || options.svg !== undefined || options.html !== undefined;
  const ladder = drawn ? new LadderBuilder() : undefined;
  let count = 0;
  let packets = 0;
  const damage: string[] = [];
  for await (const packet of packetsOf(file, (sentence) => damage.push(sentence))) {
    packets += 1;
    for (const decoded of decoder.decode(packet)) {
      count += 1;
      if (ladder !== undefined) ladder.add(decoded);
      else if (options.json === true) await write(`${JSON.stringify(jsonOf(decoded))}\n`);
      else await write(`${textOf(decoded, options.brief === true).join("\n")}\n`);
    }
  }
  if (ladder !== undefined) await draw(file, ladder, options);
  for (const sentence of damage) process.stderr.write(`underlock: ${sentence}\n`);
  if (count === 0) throw new Failure(1, `no IKE, ESP or AH in the ${packets} packets of ${file}`);
}

async function draw(file: string, builder: LadderBuilder, options: DecodeOptions): Promise<void> {
  const ladder = builder.finish();
  if (options.svg !== undefined) save(options.svg, `${ladderSvg(ladder)}\n`);
  if (options.html !== undefined) save(options.html, ladderHtml(file.split("/").at(-1) ?? file, ladder));
  if (options.ladder === true) await write(`${ladderText(ladder).join("\n")}\n`);
}

function save(path: string, content: string): void {
  try {
    writeFileSync(path, content);
  } catch (error) {
    throw new Failure(1, `cannot write ${path}: ${(error as NodeJS.ErrnoException).code ?? "failed"}`);
  }
}

/** Waits where the reader is slower than the file. */
async function write(text: string): Promise<void> {
  if (!process.stdout.write(text)) await once(process.stdout, "drain");
}
