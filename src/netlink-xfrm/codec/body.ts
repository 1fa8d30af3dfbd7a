import { MalformedMessageError } from "../errors.ts";
import type { AttributeTable } from "./attribute.ts";
import type { Message, ReadOptions } from "./message-reader.ts";
import type { MessageWriter } from "./message-writer.ts";
import { align4 } from "./octets.ts";
import type { Struct } from "./struct.ts";

/** A message's payload: a fixed structure, then attributes; together one flat object. */
export interface Body<T extends object> {
  write(writer: MessageWriter, value: Partial<T>): void;
  read(message: Message, options?: ReadOptions): T;
}

/** Declares a payload from the parts of `T`: what `head` does not hold, `table` does. */
export function body<Head extends object, Attributes extends object>(
  head: Struct<Head>,
  table: AttributeTable<Attributes>,
): Body<Head & Attributes> {
  return {
    write(writer, value) {
      head.write(writer.octets, writer.reserve(head.size), value, head.name);
      table.write(writer, value);
    },
    read(message, options) {
      const { octets, start, end } = message;
      if (end - start < head.size) {
        throw new MalformedMessageError(head.name, start, `${head.size} octets or more`, end - start);
      }
      const value = {};
      head.readInto(octets, start, value);
      const family = head.familyAt(octets, start);
      const context = { family, keys: options?.keys === true };
      table.readInto(octets, Math.min(align4(start + head.size), end), end, context, value);
      return value as Head & Attributes;
    },
  };
}
