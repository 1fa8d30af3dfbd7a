import { beforeEach, describe } from "vitest";
import { ahAroundEsp } from "./ah-around-esp.ts";
import type { Bed } from "./bed.ts";
import { compression } from "./compression.ts";
import { events } from "./events.ts";
import { icmpErrors } from "./icmp-errors.ts";
import { migration } from "./migration.ts";
import { packets } from "./packets.ts";
import { policyRequests } from "./policy-requests.ts";
import { saRequests } from "./sa-requests.ts";
import { tunnels } from "./tunnels.ts";

/**
 * The one suite that every kernel of ours passes: the same requests, packets, answers, error numbers and events.
 * Where two kernels differ, Linux is right.
 */
export function kernelConformance(name: string, bed: () => Bed): void {
  describe(`kernel conformance: ${name}`, () => {
    beforeEach(async () => {
      await bed().reset();
    });
    describe("requests about SAs", () => saRequests(bed));
    describe("requests about policies and routes", () => policyRequests(bed));
    describe("packets", () => packets(bed));
    describe("tunnels and encapsulation", () => tunnels(bed));
    describe("compression", () => compression(bed));
    describe("AH around ESP", () => ahAroundEsp(bed));
    describe("SAs that move", () => migration(bed));
    describe("ICMP errors of the host itself", () => icmpErrors(bed));
    describe("events", () => events(bed));
  });
}
