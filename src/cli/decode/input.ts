/** The packets of a file or of standard input, one after the other, and the keys to open them with. */
import { createReadStream, existsSync, readFileSync } from "node:fs";
import type { Readable } from "node:stream";
import { constants, createGunzip } from "node:zlib";
import { type CapturedPacket, CaptureError } from "../../capture/packet.ts";
import { CaptureReader } from "../../capture/reader.ts";
import { Failure } from "../../daemon/failure.ts";
import { KeyFileError } from "../../decode/keys/algorithms.ts";
import { KeyStore } from "../../decode/keys/key-store.ts";
import { addSidecar } from "../../decode/keys/sidecar.ts";
import { addWiresharkTable } from "../../decode/keys/wireshark.ts";

/** Where keys come from, as the command line says. */
export interface KeyOptions {
  readonly keys?: readonly string[] | undefined;
  readonly psk?: readonly string[] | undefined;
  readonly dhPrivate?: readonly string[] | undefined;
}

/** What was wrong with a capture that could be read up to there. */
export type OnDamage = (sentence: string) => void;

/** Compressed files are unpacked as they are read. A damaged end is told, what came before it stands. `beforeWait` runs when more has to be read. */
export async function* packetsOf(
  file: string,
  onDamage: OnDamage,
  beforeWait: () => Promise<void> = () => Promise.resolve(),
): AsyncGenerator<CapturedPacket> {
  const reader = new CaptureReader();
  let any = false;
  try {
    for await (const chunk of chunksOf(file)) {
      for (const packet of reader.push(chunk)) {
        any = true;
        yield packet;
      }
      await beforeWait();
    }
    for (const packet of reader.end()) {
      any = true;
      yield packet;
    }
  } catch (error) {
    if (error instanceof CaptureError && any) onDamage(`${file}: ${error.message}`);
    else if (error instanceof CaptureError) throw new Failure(2, `${file}: ${error.message}`);
    else if (isSystemError(error)) throw new Failure(2, `cannot read ${file}: ${error.code}`);
    else throw error;
  }
}

/** The keys that were named, and those beside the capture. Throws {@link Failure}. */
export function keysFor(file: string | undefined, options: KeyOptions): KeyStore {
  const store = new KeyStore();
  const beside = file === undefined ? undefined : `${file}.keys.json`;
  const found = beside !== undefined && existsSync(beside) ? [beside] : [];
  for (const path of options.keys ?? []) {
    const before = store.size;
    const leftOut = addAndTell(path, store);
    if (store.size === before && leftOut === 0)
      process.stderr.write(`underlock: ${path} has no keys that are known here\n`);
  }
  for (const path of found) addAndTell(path, store);
  for (const text of options.psk ?? []) store.preSharedKeys.push(Buffer.from(text, "utf8"));
  for (const value of options.dhPrivate ?? []) {
    if (!/^(?:[0-9a-f]{2})+$/i.test(value)) throw new Failure(2, "--dh-private takes hex digits, two an octet");
    store.privateValues.push(Buffer.from(value, "hex"));
  }
  return store;
}

/** Adds the keys of a file, and says which SAs were left out; returns how many. */
function addAndTell(path: string, store: KeyStore): number {
  addKeyFile(path, store);
  const leftOut = store.leftOut.splice(0);
  for (const sentence of leftOut) process.stderr.write(`underlock: ${path}: ${sentence}: its packets stay closed\n`);
  return leftOut.length;
}

function addKeyFile(path: string, store: KeyStore): void {
  try {
    const content = readFileSync(path, "utf8");
    if (/^\s*[{[]/.test(content)) addSidecar(JSON.parse(content), store);
    else addWiresharkTable(content, store);
  } catch (error) {
    if (isSystemError(error)) throw new Failure(2, `cannot read the keys in ${path}: ${error.code}`);
    if (error instanceof KeyFileError || error instanceof SyntaxError)
      throw new Failure(2, `${path}: ${error.message}`);
    throw error;
  }
}

async function* chunksOf(file: string): AsyncGenerator<Buffer> {
  const raw: Readable = file === "-" ? process.stdin : createReadStream(file, { highWaterMark: 256 * 1024 });
  const iterator = raw[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  const first = await iterator.next();
  if (first.done === true) return;
  const rest = (async function* () {
    yield first.value;
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) yield next.value;
  })();
  if (first.value[0] !== 0x1f || first.value[1] !== 0x8b) {
    yield* rest;
    return;
  }
  const { Readable: Stream } = await import("node:stream");
  // What comes before the end of a file that was cut is given out like that of one that was not.
  const unpacked = Stream.from(rest).pipe(createGunzip({ finishFlush: constants.Z_SYNC_FLUSH }));
  try {
    for await (const chunk of unpacked) yield chunk as Buffer;
  } catch (error) {
    if (!isSystemError(error) || !error.code?.startsWith("Z_")) throw error;
    throw new CaptureError(`what is compressed in it is damaged (${error.code})`);
  }
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).code === "string";
}
