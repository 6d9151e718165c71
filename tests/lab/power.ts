/**
 * Losing power for real: the file system forgets, at one instant, everything
 * that had not reached its device, as after a power cut, and is mounted again,
 * which replays its journal.
 */
import { inside, mountImage } from "./holder.ts";

/**
 * EXT4_IOC_SHUTDOWN with GOING_FLAGS_NOLOGFLUSH (linux/ext4.h): what xfstests
 * uses to test what survives a crash. From then on nothing reaches the device.
 */
const SHUT_DOWN = `open(F, "<", $ARGV[0]) or die $!; $flags = pack("L", 2); ioctl(F, 0x8004587d, $flags) or die $!`;

/** Mounts the server's root over the build machine's. */
export async function mountRoot(holder: number, run: string): Promise<void> {
  await inside(holder, [
    "mount",
    "-t",
    "overlay",
    "overlay",
    "-o",
    `lowerdir=/,upperdir=${run}/layer/upper,workdir=${run}/layer/work`,
    `${run}/root`,
  ]);
}

/** Stops the disk, ends the machine, and mounts what is left. Throws when the disk is not a cuttable one. */
export async function withoutPower(
  holder: number,
  run: string,
  end: () => Promise<void>,
): Promise<void> {
  await inside(holder, ["perl", "-e", SHUT_DOWN, `${run}/layer`]);
  await end();
  // The loop device goes with the last mount; while it is there, mounting would give the dead file system again.
  const script = `umount ${run}/root ${run}/layer
    for attempt in $(seq 600); do [ -z "$(losetup -j ${run}/image/disk)" ] && break; sleep 0.05; done
    [ -z "$(losetup -j ${run}/image/disk)" ] || { echo "the loop device stays" >&2; exit 1; }
    ${mountImage(run)}`;
  await inside(holder, ["sh", "-ec", script]);
  await mountRoot(holder, run);
}
