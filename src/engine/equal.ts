/** Whether two pieces of configuration say the same: plain data, octets compared without regard to where they lie. */
export function equalData(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (a instanceof Uint8Array || b instanceof Uint8Array) {
    return a instanceof Uint8Array && b instanceof Uint8Array && Buffer.compare(a, b) === 0;
  }
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const one = Object.entries(a).filter(([, value]) => value !== undefined);
  const other = new Map(Object.entries(b).filter(([, value]) => value !== undefined));
  return one.length === other.size && one.every(([key, value]) => equalData(value, other.get(key)));
}
