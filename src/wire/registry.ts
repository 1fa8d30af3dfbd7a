/** A table of assigned numbers: names as the registry has them. */
export type Registry = Readonly<Record<string, number>>;

/**
 * A function that prints a number by its name in the table, and one that has no name as `label number`, so that what a
 * peer sends can always be shown.
 */
export function namer(label: string, table: Registry): (value: number) => string {
  const names = new Map<number, string>();
  for (const [name, value] of Object.entries(table)) names.set(value, name);
  return (value) => names.get(value) ?? `${label} ${value}`;
}
