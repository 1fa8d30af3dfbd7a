import { simulatedBed } from "../../conformance/kernel/simulated-bed.ts";
import { kernelConformance } from "../../conformance/kernel/suite.ts";

const bed = simulatedBed();

kernelConformance("simulated", () => bed);
