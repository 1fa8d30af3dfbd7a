import { check, field, rest, u8, u16 } from "../../codec.ts";
import { payloadType } from "../registry/message.ts";
import { type PayloadOf, payload } from "./description.ts";

/** Bits of a fragment's flags. */
export const fragmentFlag = { last: 0x01 } as const;

function numberProblem({ fragmentNumber }: { fragmentNumber: number }): string | undefined {
  return fragmentNumber === 0 ? "fragment number is 0, possible are 1 to 255" : undefined;
}

/**
 * A piece of a whole message, header included ([MS-IKEE] 2.2.3.1, which is Cisco's too): the only payload of a message
 * that has the cookies of the whole one. Fragment numbers count from 1.
 */
export const fragment = payload(
  "FRAGMENT",
  payloadType.FRAGMENT,
  field("fragmentId", u16),
  field("fragmentNumber", u8),
  field("fragmentFlags", u8),
  check(numberProblem),
  field("data", rest(1)),
);

/** Fragment payload. */
export type FragmentPayload = PayloadOf<typeof fragment>;
