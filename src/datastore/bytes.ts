/** Small readers for the fixed-width fields of bolt pages and etcd records. */

/** A little-endian u64 as a number. Above 2^53 it is no longer exact, but still above every bound it is checked against. */
export function u64(view: DataView, offset: number): number {
  return view.getUint32(offset + 4, true) * 0x1_0000_0000 + view.getUint32(offset, true);
}

/** A big-endian u64 as a number (etcd writes revisions, indexes and terms so). */
export function u64BigEndian(view: DataView, offset: number): number {
  return view.getUint32(offset) * 0x1_0000_0000 + view.getUint32(offset + 4);
}

/** A DataView over exactly the bytes of an array, wherever it lies in its buffer. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * Byte order of two runs, as Go's bytes.Compare: below, at or above zero. Six positional numbers, against the house rule: it runs
 * once for every key of the database and must not allocate.
 */
export function compareAt(
  left: DataView,
  leftStart: number,
  leftLength: number,
  right: DataView,
  rightStart: number,
  rightLength: number,
): number {
  const common = Math.min(leftLength, rightLength);
  let at = 0;
  for (; at + 4 <= common; at += 4) {
    const difference = left.getUint32(leftStart + at) - right.getUint32(rightStart + at);
    if (difference !== 0) return difference;
  }
  for (; at < common; at += 1) {
    const difference = left.getUint8(leftStart + at) - right.getUint8(rightStart + at);
    if (difference !== 0) return difference;
  }
  return leftLength - rightLength;
}
