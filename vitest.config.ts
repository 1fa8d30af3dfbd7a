import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: [
      // A busy machine may take ten times as long as a quiet one.
      { test: { name: "unit", include: ["test/unit/**/*.test.ts"], pool: "forks", testTimeout: 60_000 } },
      {
        test: {
          name: "simulation",
          include: ["test/simulation/**/*.test.ts"],
          pool: "forks",
        },
      },
      {
        test: {
          name: "interop",
          include: ["test/interop/**/*.test.ts"],
          pool: "forks",
          globalSetup: "test/interop/lab/global-setup.ts",
          // One kernel, one processor: one scenario at a time, and no new process per file.
          fileParallelism: false,
          isolate: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
