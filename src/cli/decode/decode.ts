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
import { fragmentsMissing, UnreadLinks } from "./unread.ts";

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
  const unread = new UnreadLinks();
  const damage: string[] = [];
  const output = new Output();
  for await (const packet of packetsOf(
    file,
    (sentence) => damage.push(sentence),
    () => output.flush(),
  )) {
    packets += 1;
    unread.look(packet);
    for (const decoded of decoder.decode(packet)) {
      count += 1;
      if (ladder !== undefined) ladder.add(decoded);
      else if (options.json === true) output.add(JSON.stringify(jsonOf(decoded)));
      else output.add(textOf(decoded, options.brief === true).join("\n"));
    }
    if (output.isFull) await output.flush();
  }
  await output.flush();
  if (ladder !== undefined) await draw(file, ladder, options);
  damage.push(...unread.sentences(file), ...fragmentsMissing(file, decoder.incomplete));
  for (const sentence of damage) process.stderr.write(`underlock: ${sentence}\n`);
  const all = packets === 1 ? "one packet" : `${packets} packets`;
  if (count === 0) throw new Failure(1, `no IKE, ESP or AH in the ${all} of ${file}`);
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

/** Octets that are written at once: a call to the system for each line takes longer than to decode it. */
const outputBlock = 65_536;

/** Lines on their way to standard output. */
class Output {
  #lines: string[] = [];
  #length = 0;

  get isFull(): boolean {
    return this.#length >= outputBlock;
  }

  add(line: string): void {
    this.#lines.push(line, "\n");
    this.#length += line.length + 1;
  }

  /** What is read from a pipe as it comes is shown as it comes: this is called before each wait for more. */
  async flush(): Promise<void> {
    if (this.#length === 0) return;
    const text = this.#lines.join("");
    this.#lines = [];
    this.#length = 0;
    await write(text);
  }
}

/** Waits where the reader is slower than the file. */
async function write(text: string): Promise<void> {
  if (!process.stdout.write(text)) await once(process.stdout, "drain");
}
