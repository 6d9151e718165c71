/** Giving memory back at once: the runtime's collector lets hundreds of megabytes gather first. */

/** Detaches buffers that these pieces alone use. Whoever still holds one of them finds it empty. */
export function release(pieces: readonly Uint8Array[]): void {
  for (const { buffer, byteLength } of pieces) {
    // A view of a part does not own its buffer (node:crypto cuts small results from a shared pool).
    const whole = byteLength > 0 && buffer.byteLength === byteLength;
    if (whole && buffer instanceof ArrayBuffer) buffer.transfer(0);
  }
}
