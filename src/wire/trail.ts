/**
 * Where in the nested structures a reader or writer stands. Entering and leaving are two stores, so that the hot path
 * builds no strings; the text is made only when an error needs it.
 */
export class Trail {
  private readonly labels: string[] = [];
  private readonly ordinals: number[] = [];
  private depth = 0;

  /** Enters a structure; `ordinal` counts from 1, 0 means that it has no number. */
  enter(label: string, ordinal: number): void {
    this.labels[this.depth] = label;
    this.ordinals[this.depth] = ordinal;
    this.depth++;
  }

  /** Leaves the structure entered last. */
  leave(): void {
    this.depth--;
  }

  /** Forgets everything: a writer that threw is used again. */
  reset(): void {
    this.depth = 0;
  }

  /** Such as `SA/proposal 2/transform 1`; empty at the top. */
  toString(): string {
    return this.labels
      .slice(0, this.depth)
      .map((label, i) => (this.ordinals[i] ? `${label} ${this.ordinals[i]}` : label))
      .join("/");
  }
}
