/** What is spoken over the control socket: JSON-RPC 2.0, one message a line. */

/** Where the daemon listens unless told otherwise. */
export const defaultSocketPath = "/run/underlock/control.sock";

/** A request may be this long, in octets. */
export const maxRequestLength = 65_536;
/** An answer may be this long: the status of ten thousand peers. */
export const maxAnswerLength = 256 * 1024 * 1024;
/** Connections at the same time. */
export const maxClients = 64;
/** A subscriber that leaves this many octets unread is dropped. */
export const maxBacklog = 4 * 1024 * 1024;

/** JSON-RPC 2.0 5.1, and ours above zero. */
export const errorCodes = {
  parse: -32700,
  invalidRequest: -32600,
  unknownMethod: -32601,
  invalidParams: -32602,
  internal: -32603,
  unknownPeer: 1,
  failed: 2,
  configuration: 3,
  tooManyClients: 4,
} as const;

/** A method refused; `message` is a sentence for the operator. */
export class ControlError extends Error {
  readonly code: number;
  readonly data: unknown;

  constructor(code: number, message: string, data?: unknown) {
    super(message);
    this.name = "ControlError";
    this.code = code;
    this.data = data;
  }
}

export interface ControlRequest {
  /** Undefined: a notification, which gets no answer. */
  readonly id: string | number | null | undefined;
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
}

/** Parses one line; throws ControlError where it is no request. */
export function parseRequest(line: string): ControlRequest {
  const value = parseJson(line);
  if (!isRecord(value)) throw new ControlError(errorCodes.invalidRequest, "a request is one JSON object");
  if (value.jsonrpc !== "2.0") throw new ControlError(errorCodes.invalidRequest, '"jsonrpc" must be "2.0"');
  const { id, method, params } = value;
  if (id !== undefined && id !== null && typeof id !== "string" && typeof id !== "number")
    throw new ControlError(errorCodes.invalidRequest, '"id" must be a string, a number or null');
  if (typeof method !== "string") throw new ControlError(errorCodes.invalidRequest, '"method" must be a string');
  if (params !== undefined && !isRecord(params))
    throw new ControlError(errorCodes.invalidParams, '"params" must be an object: parameters go by name');
  return { id, method, params: params ?? {} };
}

/** An answer or a notification as the client reads it. */
export type ControlAnswer =
  | { readonly kind: "result"; readonly result: unknown }
  | { readonly kind: "error"; readonly code: number; readonly message: string; readonly data: unknown }
  | { readonly kind: "notification"; readonly method: string; readonly params: unknown };

/** Parses one line from the daemon; undefined where it is none of the three. */
export function parseAnswer(line: string): ControlAnswer | undefined {
  const value = parseJson(line);
  if (!isRecord(value)) return undefined;
  if (typeof value.method === "string") return { kind: "notification", method: value.method, params: value.params };
  const error = value.error;
  if (isRecord(error) && typeof error.code === "number" && typeof error.message === "string")
    return { kind: "error", code: error.code, message: error.message, data: error.data };
  return "result" in value ? { kind: "result", result: value.result } : undefined;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw new ControlError(errorCodes.parse, "this line is no JSON");
  }
}
