/** The daemon's end of the control socket. */
import { chmod, lstat, mkdir, unlink } from "node:fs/promises";
import net from "node:net";
import { dirname } from "node:path";
import {
  ControlError,
  errorCodes,
  maxBacklog,
  maxClients,
  maxRequestLength,
  parseRequest,
} from "./control-protocol.ts";
import { LineReader } from "./line-reader.ts";

/** One method; throws ControlError to refuse. */
export type ControlMethod = (params: Readonly<Record<string, unknown>>, client: ControlClient) => unknown;

/** A connected program, as methods see it. */
export interface ControlClient {
  notify(method: string, params: unknown): void;
  onClose(listener: () => void): void;
}

/** The control socket cannot be had; `message` says why and what to do. */
export class ControlSocketError extends Error {
  override readonly name = "ControlSocketError";
}

/** Listens on `path` (mode 0600); throws ControlSocketError where another daemon does so already. */
export async function openControlServer(
  path: string,
  methods: ReadonlyMap<string, ControlMethod>,
): Promise<{ close(): Promise<void> }> {
  await clearPath(path);
  const clients = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    if (clients.size >= maxClients) {
      socket.on("error", () => socket.destroy());
      socket.end(errorLine(null, new ControlError(errorCodes.tooManyClients, `more than ${maxClients} clients`)));
      return;
    }
    clients.add(socket);
    socket.on("close", () => clients.delete(socket));
    serve(socket, methods);
  });
  await listen(server, path);
  return {
    async close() {
      for (const socket of clients) socket.destroySoon();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

async function clearPath(path: string): Promise<void> {
  const length = Buffer.byteLength(path);
  // A longer one is cut off in silence, and may then be another daemon's.
  if (length > maxPathLength)
    throw new ControlSocketError(
      `the control socket's path ${path} has ${length} octets, and ${maxPathLength} are possible: choose a shorter one with --socket`,
    );
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o755 });
    if (!(await lstat(path)).isSocket())
      throw new ControlSocketError(`${path} stands where the control socket belongs, but is no socket: move it away`);
  } catch (error) {
    const code = errnoOf(error);
    if (code === "ENOENT") return;
    if (code === undefined) throw error;
    throw new ControlSocketError(
      `the control socket ${path} cannot be made (${code}): run as root, or choose another place with --socket`,
    );
  }
  if (await answers(path))
    throw new ControlSocketError(
      `an underlock daemon already runs and answers on ${path}: stop it first, or choose another socket with --socket`,
    );
  await unlink(path);
}

/** Whether a process listens there: a socket file outlives the daemon that was killed. */
async function answers(path: string): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = net.connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", (error) => resolve(errnoOf(error) !== "ECONNREFUSED" && errnoOf(error) !== "ENOENT"));
  });
}

async function listen(server: net.Server, path: string): Promise<void> {
  // The socket file is made inside listen(): nobody may connect between that and a later chmod.
  const umask = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error) =>
        reject(new ControlSocketError(`the control socket ${path} cannot be made: ${errnoOf(error) ?? error.message}`)),
      );
      server.listen(path, resolve);
    });
  } finally {
    process.umask(umask);
  }
  // Where no descriptor is left to accept a connection with, that connection is lost and no more.
  server.on("error", () => undefined);
  await chmod(path, 0o600);
}

function serve(socket: net.Socket, methods: ReadonlyMap<string, ControlMethod>): void {
  const reader = new LineReader(maxRequestLength);
  const closeListeners: (() => void)[] = [];
  let pending = 0;
  const client: ControlClient = {
    notify(method, params) {
      // A subscriber that does not read must not fill the daemon's memory.
      if (socket.writableLength > maxBacklog) socket.destroy();
      else if (socket.writable) socket.write(`${JSON.stringify({ jsonrpc: "2.0", method, params })}\n`);
    },
    onClose: (listener) => closeListeners.push(listener),
  };
  socket.on("error", () => socket.destroy());
  socket.on("close", () => {
    for (const listener of closeListeners) listener();
  });
  socket.on("data", (chunk) => {
    for (const event of reader.push(chunk)) {
      if (event.kind === "too-long") {
        const fault = new ControlError(errorCodes.invalidRequest, `a request has at most ${maxRequestLength} octets`);
        socket.end(errorLine(null, fault));
        socket.removeAllListeners("data");
        socket.resume();
        return;
      }
      if (pending >= maxPending) {
        socket.destroy();
        return;
      }
      pending += 1;
      void answer(event.text, methods, client).then((line) => {
        pending -= 1;
        if (line !== undefined && socket.writable) socket.write(line);
      });
    }
  });
}

async function answer(
  text: string,
  methods: ReadonlyMap<string, ControlMethod>,
  client: ControlClient,
): Promise<string | undefined> {
  let id: string | number | null = null;
  try {
    const request = parseRequest(text);
    id = request.id ?? null;
    const method = methods.get(request.method);
    if (method === undefined) {
      const known = [...methods.keys()].join(", ");
      throw new ControlError(errorCodes.unknownMethod, `no method "${request.method}"; there are: ${known}`);
    }
    const result: unknown = await method(request.params, client);
    return request.id === undefined ? undefined : `${JSON.stringify({ jsonrpc: "2.0", id, result: result ?? null })}\n`;
  } catch (error) {
    if (error instanceof ControlError) return errorLine(id, error);
    const message = error instanceof Error ? error.message : String(error);
    return errorLine(id, new ControlError(errorCodes.internal, message));
  }
}

function errorLine(id: string | number | null, { code, message, data }: ControlError): string {
  const error = data === undefined ? { code, message } : { code, message, data };
  return `${JSON.stringify({ jsonrpc: "2.0", id, error })}\n`;
}

function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** Requests of one client that are not answered yet. */
const maxPending = 64;

/** sockaddr_un has 108 octets, the last of them zero (unix(7)). */
const maxPathLength = 107;
