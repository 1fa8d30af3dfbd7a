import type { IkeMessage } from "./esp-trace.ts";

/** How often a CREATE_CHILD_SA request met one of the other end's that had not been answered yet; repeats are not counted. */
export function crossings(ike: readonly IkeMessage[]): number {
  const asked = new Map<string, IkeMessage>();
  let crossed = 0;
  for (const message of ike) {
    const [exchange, kind, id] = message.name.split(" ");
    if (exchange !== "CREATE_CHILD_SA") continue;
    const key = `${message.initiatorSpi} ${kind === "request" ? message.source : message.destination} ${id}`;
    if (kind === "response") asked.delete(key);
    else if (!asked.has(key)) {
      const met = [...asked.values()].some(({ source, at }) => source !== message.source && at > message.at - 1000);
      if (met) crossed += 1;
      asked.set(key, message);
    }
  }
  return crossed;
}
