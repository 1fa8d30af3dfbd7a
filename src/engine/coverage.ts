/** Which of one IKE SA's children another carries. */
import type { AnyIkeSa } from "../sa/any-ike-sa.ts";

/** The names of the children of `sa` that `main` does not carry. */
export function missingOn(main: AnyIkeSa, sa: AnyIkeSa): string[] {
  const carried = new Set<string>();
  for (const child of main.children.values()) {
    if (main.children.state(child)?.kind !== "Deleting") carried.add(child.desired.name);
  }
  return [...sa.children.values()].map((child) => child.desired.name).filter((name) => !carried.has(name));
}

/** Whether `main` carries all that `sa` does, in both directions. */
export function covers(main: AnyIkeSa, sa: AnyIkeSa): boolean {
  if (missingOn(main, sa).length > 0) return false;
  const sending = new Set<string>();
  for (const child of main.children.values()) if (main.children.sendsOn(child)) sending.add(child.desired.name);
  return [...sa.children.values()].every(({ desired }) => sending.has(desired.name));
}
