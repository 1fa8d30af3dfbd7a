import { policyIndexRange, reqidRange } from "./port.ts";

/** Whether an SA or template with this reqid is ours (invariant 7). */
export function isOurReqid(reqid: number): boolean {
  return reqid >= reqidRange.start && reqid < reqidRange.end;
}

/** Whether a policy is ours: by its index, or by the reqid of a template where the kernel renumbered it. */
export function isOurPolicy(index: number, templateReqids: readonly number[]): boolean {
  return (index >= policyIndexRange.start && index < policyIndexRange.end) || templateReqids.some(isOurReqid);
}
