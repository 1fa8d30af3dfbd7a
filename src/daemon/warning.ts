/** Something the operator should know that does not stop the daemon: in the log, in `check` and in `status`. */
export interface Warning {
  /** `configuration`: part of the file is not in use. `hazard`: something on the host would defeat a lock. `kernel`: it cannot do all. */
  readonly kind: "configuration" | "hazard" | "kernel";
  /** Stable code, such as `disable_xfrm` or `unknown-key`. */
  readonly code: string;
  readonly sentence: string;
}
