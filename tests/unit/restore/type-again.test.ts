import { expect, test } from "bun:test";
import { restoreAgain } from "../../../src/app/type-again.ts";
import { ARCHIVE_FOLDER } from "../../../src/app/places.ts";
import type { RestoreOptions } from "../../../src/app/restore.ts";

const NOTHING: RestoreOptions = {
  archive: undefined,
  directory: ARCHIVE_FOLDER,
  workingDirectory: "/",
  dataDir: undefined,
  identityFiles: [],
  yes: true,
  plan: false,
  rollback: false,
  resume: false,
  force: false,
  keep: false,
  previous: false,
  edits: [],
  newNode: false,
};

test("a restore to be typed again is as short as it can be, and does not say yes", () => {
  expect(restoreAgain({ env: {} }, NOTHING, "--previous")).toBe(
    "railiance-cluster restore --previous",
  );
});

test("it has every flag that says what is restored, from where, and how", () => {
  const given = {
    ...NOTHING,
    directory: "/media/my usb",
    dataDir: "/srv/k3s",
    identityFiles: ["/media/my usb/key.txt"],
    force: true,
    keep: true,
    newNode: true,
    edits: [{ from: "10.0.0.1", to: "10.0.0.2" }],
  };
  expect(restoreAgain({ env: {} }, given, "--previous")).toBe(
    "railiance-cluster restore --previous --dir '/media/my usb' --force --keep --new-node --edit-address 10.0.0.1=10.0.0.2 --data-dir /srv/k3s -i '/media/my usb/key.txt'",
  );
});

test("it names the default folder where the environment names another", () => {
  const host = { env: { RAILIANCE_BACKUP_DIR: "/mnt/backup" } };
  expect(restoreAgain(host, NOTHING, "--previous")).toContain(`--dir ${ARCHIVE_FOLDER}`);
});
