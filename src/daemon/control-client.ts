/** The commands' end of the control socket. */
import net from "node:net";
import { ControlError, maxAnswerLength, parseAnswer } from "./control-protocol.ts";
import { LineReader } from "./line-reader.ts";

/** Nobody answers on the control socket; `message` says what to do. */
export class NoDaemonError extends Error {
  override readonly name = "NoDaemonError";
}

/** Calls one method. Throws NoDaemonError where no daemon listens, ControlError where it refuses. */
export async function callDaemon(
  path: string,
  method: string,
  params: Readonly<Record<string, unknown>> = {},
): Promise<unknown> {
  const socket = await connect(path);
  try {
    socket.write(`${JSON.stringify({ jsonrpc: "2.0", id: 1, method, params })}\n`);
    return await firstAnswer(socket, path);
  } finally {
    socket.destroy();
  }
}

/** Whether a daemon listens on `path`. */
export async function daemonRuns(path: string): Promise<boolean> {
  try {
    (await connect(path)).destroy();
    return true;
  } catch (error) {
    if (error instanceof NoDaemonError) return false;
    throw error;
  }
}

async function connect(path: string): Promise<net.Socket> {
  const socket = net.connect(path);
  return await new Promise((resolve, reject) => {
    socket.once("connect", () => resolve(socket));
    socket.once("error", (error) => reject(connectError(path, error)));
  });
}

function connectError(path: string, error: Error): Error {
  const code = "code" in error ? String(error.code) : error.message;
  if (code === "ENOENT" || code === "ECONNREFUSED")
    return new NoDaemonError(
      `no underlock daemon answers on ${path}: start one with "underlock run", or name its socket with --socket`,
    );
  if (code === "EACCES" || code === "EPERM") return new Error(`${path} may not be opened by this user: run as root`);
  return new Error(`${path} cannot be opened: ${code}`);
}

async function firstAnswer(socket: net.Socket, path: string): Promise<unknown> {
  const reader = new LineReader(maxAnswerLength);
  for await (const chunk of socket) {
    for (const event of reader.push(Buffer.from(chunk))) {
      if (event.kind === "too-long") throw new Error(`the daemon's answer has more than ${maxAnswerLength} octets`);
      const answer = parseAnswer(event.text);
      if (answer?.kind === "result") return answer.result;
      if (answer?.kind === "error") throw new ControlError(answer.code, answer.message, answer.data);
    }
  }
  throw new Error(`the daemon on ${path} hung up without an answer`);
}
