/** One file into a zip archive, as K3s compresses a snapshot. */
import { crc32, deflateRawSync } from "node:zlib";

/** The bytes of a zip that holds `content` under `name`. */
export function zipOf(name: string, content: Uint8Array): Buffer {
  const packed = deflateRawSync(content);
  const label = Buffer.from(name);
  const common = Buffer.alloc(26);
  common.writeUInt16LE(20, 0); // version needed
  common.writeUInt16LE(8, 4); // deflate
  common.writeUInt32LE(crc32(content), 10);
  common.writeUInt32LE(packed.length, 14);
  common.writeUInt32LE(content.length, 18);
  common.writeUInt16LE(label.length, 22);
  const local = Buffer.concat([Buffer.from("PK\u0003\u0004"), common, label, packed]);
  const central = Buffer.concat([
    Buffer.from("PK\u0001\u0002\u0014\u0003"),
    common,
    Buffer.alloc(14),
    label,
  ]);
  central.writeUInt32LE(0o100600 * 65_536, 38); // external attributes: the mode
  const end = Buffer.alloc(22);
  end.write("PK\u0005\u0006", "latin1");
  end.writeUInt16LE(1, 8);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(local.length, 16);
  return Buffer.concat([local, central, end]);
}
