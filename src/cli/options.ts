/** Options that several commands share. */
import { Option } from "commander";
import { defaultSocketPath } from "../daemon/control-protocol.ts";

/** Where the file is unless told otherwise. */
export const defaultConfigPath = "/etc/underlock/underlock.yaml";

export function configOption(): Option {
  return new Option("-c, --config <file>", "the configuration file").default(defaultConfigPath);
}

export function socketOption(): Option {
  return new Option("-s, --socket <path>", "the daemon's control socket").default(defaultSocketPath);
}

export function jsonOption(): Option {
  return new Option("--json", "print JSON, for programs");
}
