/** Standard output of the commands. */

/** One line of text. */
export function printLine(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** One JSON document, indented, with a newline at its end. */
export function printJson(value: unknown): void {
  printLine(JSON.stringify(value, undefined, 2));
}
