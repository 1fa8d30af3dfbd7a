/** A file that is in none of the layouts known, or not as its layout has it. */
export class LayoutError extends Error {
  override readonly name = "LayoutError";
}
