import type { Step } from "./codec.ts";

/** The octet of the header that holds both halves of the version (RFC 2408 3.1, RFC 7296 3.1). */
export const versions: Step<{ readonly majorVersion: number; readonly minorVersion: number }> = {
  read(r, into) {
    const both = r.u8("version");
    into.majorVersion = both >>> 4;
    into.minorVersion = both & 0x0f;
  },
  write(w, from) {
    const major = from.majorVersion as number;
    const minor = from.minorVersion as number;
    if (major > 15 || minor > 15) w.fail(`version is ${major}.${minor}, possible are 0 to 15 each`);
    w.u8((major << 4) | minor, "version");
  },
};
