/** Calls the daemon for a command; its refusals become failures of the command. */
import { callDaemon, NoDaemonError } from "../daemon/control-client.ts";
import { ControlError, errorCodes } from "../daemon/control-protocol.ts";
import { Failure } from "../daemon/failure.ts";

/** The method's result; throws Failure: 2 where the name or the file is wrong, else 1. */
export async function askDaemon(
  socket: string,
  method: string,
  params: Readonly<Record<string, unknown>> = {},
): Promise<unknown> {
  try {
    return await callDaemon(socket, method, params);
  } catch (error) {
    if (error instanceof NoDaemonError) throw new Failure(1, error.message);
    if (!(error instanceof ControlError)) throw error;
    const usage = error.code === errorCodes.unknownPeer || error.code === errorCodes.configuration;
    const details = Array.isArray(error.data) ? error.data.map(String) : [];
    throw new Failure(usage ? 2 : 1, error.message, details);
  }
}
