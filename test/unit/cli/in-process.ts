import { vi } from "vitest";
import { buildProgram } from "../../../src/cli/program.ts";
import { runProgram } from "../../../src/cli/run-program.ts";
import type { Ended } from "./command.ts";

/** Runs `underlock` with these words in this process: the same program, without a second or two for its start. */
export async function called(words: readonly string[]): Promise<Ended> {
  const said = { stdout: "", stderr: "" };
  const spies = (["stdout", "stderr"] as const).map((stream) =>
    vi.spyOn(process[stream], "write").mockImplementation((chunk: string | Uint8Array) => {
      said[stream] += Buffer.from(chunk as Uint8Array).toString();
      return true;
    }),
  );
  try {
    const status = await runProgram(buildProgram(), words);
    return { status, ...said };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}
