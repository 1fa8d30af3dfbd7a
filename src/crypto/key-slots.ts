/**
 * Keys that stand as long as a tunnel does, side by side in a few large buffers. In a buffer of its own a key of 36 octets takes
 * 440; and within the collector's heap it would be copied about, and left behind.
 */

/** Octets of the longest key with its salt, with room to spare. */
export const slotLength = 64;

const slotsInBlock = 512;
const blocks: Buffer[] = [];
/** Slots that hold nothing. */
const free: number[] = [];

/** Copies a key of at most `slotLength` octets into a slot, and returns the slot. Throws RangeError where it is longer. */
export function takeSlot(key: Uint8Array): number {
  if (key.length > slotLength) throw new RangeError(`a key of ${key.length} octets does not fit in ${slotLength}`);
  if (free.length === 0) addBlock();
  const slot = free.pop() ?? 0;
  inSlot(slot, 0, key.length).set(key);
  return slot;
}

/** Octets `from` to `to` of what is in a slot: not a copy. */
export function inSlot(slot: number, from: number, to: number): Buffer {
  const at = (slot % slotsInBlock) * slotLength;
  return blockOf(slot).subarray(at + from, at + to);
}

/** Overwrites what is in a slot, which is another's from now on. */
export function giveSlotBack(slot: number): void {
  inSlot(slot, 0, slotLength).fill(0);
  free.push(slot);
}

function addBlock(): void {
  const first = blocks.length * slotsInBlock;
  blocks.push(Buffer.alloc(slotsInBlock * slotLength));
  for (let slot = first + slotsInBlock - 1; slot >= first; slot--) free.push(slot);
}

function blockOf(slot: number): Buffer {
  const block = blocks[Math.floor(slot / slotsInBlock)];
  if (block === undefined) throw new RangeError(`there is no slot ${slot}`);
  return block;
}
