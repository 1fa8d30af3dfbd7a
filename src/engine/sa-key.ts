import type { SaId } from "../kernel/port.ts";

/** What an SA is known by in the engine's tables. */
export function saKey(id: SaId): string {
  return `${id.protocol} ${id.spi} ${id.destination}`;
}
