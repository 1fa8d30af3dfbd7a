export * from "../sa/log-record.ts";
