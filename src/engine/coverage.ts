/** Which of one IKE SA's children another carries. */
import type { IkeSa } from "../ikev2/ike-sa.ts";

/** The names of the children of `sa` that `main` does not carry. */
export function missingOn(main: IkeSa, sa: IkeSa): string[] {
  const carried = new Set([...main.children.values()].map((child) => child.desired.name));
  return [...sa.children.values()].map((child) => child.desired.name).filter((name) => !carried.has(name));
}

/** Whether `main` carries all that `sa` does, in both directions. */
export function covers(main: IkeSa, sa: IkeSa): boolean {
  return missingOn(main, sa).length === 0 && [...main.children.values()].every((child) => main.children.sendsOn(child));
}
