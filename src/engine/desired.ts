export * from "../sa/desired.ts";
