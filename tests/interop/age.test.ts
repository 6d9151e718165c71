/** Our archives open with every age program, theirs with us; and damage is refused by all. */
import { afterAll, describe, expect, test } from "bun:test";
import { generateHybridIdentity, generateX25519Identity } from "age-encryption";
import { CHUNK_SIZE } from "../../src/archive/age-payload.ts";
import { inspectHeader, recipientOf } from "../../src/archive/age.ts";
import { CIPHER_NAMES, cipherNamed } from "../../src/archive/cipher.ts";
import { decrypted, encrypted, noise, operatorErrorOf } from "../unit/age/streams.ts";
import { AGE_PROGRAMS, keyFolder, outputOf, run } from "./programs.ts";

const SIZES = [
  0,
  1,
  CHUNK_SIZE - 1,
  CHUNK_SIZE,
  CHUNK_SIZE + 1,
  4 * CHUNK_SIZE,
  9 * CHUNK_SIZE + 5,
];

const identity = await generateX25519Identity();
const hybrid = await generateHybridIdentity();
const stranger = await generateX25519Identity();
const recipient = await recipientOf(identity);
const hybridRecipient = await recipientOf(hybrid);
const strangerRecipient = await recipientOf(stranger);
const keys = keyFolder();
const keyFile = keys.write("key.txt", `# our key\n${identity}\n`);
const hybridFile = keys.write("hybrid.txt", `${hybrid}\n`);
const SSH =
  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJSCGb2RVVJs4Cv1I0ppTBpQkCEsYCI3zUK4cA3Mt2hr operator@host";

afterAll(() => keys.remove());

function same(one: Uint8Array, two: Uint8Array): boolean {
  return Buffer.from(one).equals(two);
}

for (const { title, path, postQuantum } of AGE_PROGRAMS) {
  describe(title, () => {
    test("opens what we encrypt, at every boundary size and with every cipher", async () => {
      for (const name of CIPHER_NAMES) {
        const cipher = await cipherNamed(name);
        if (cipher === undefined) continue;
        for (const size of SIZES) {
          const file = await encrypted(noise(size), [strangerRecipient, recipient], { cipher });
          expect(same(outputOf(path, ["-d", "-i", keyFile], file), noise(size))).toBe(true);
        }
      }
    });

    test("makes files that we open, at every boundary size and with every cipher", async () => {
      for (const name of CIPHER_NAMES) {
        const cipher = await cipherNamed(name);
        if (cipher === undefined) continue;
        for (const size of SIZES) {
          const file = outputOf(path, ["-r", recipient], noise(size));
          expect(same(await decrypted(file, [stranger, identity], { cipher }), noise(size))).toBe(
            true,
          );
        }
      }
    });

    test("makes files for an SSH key too, which we open with the native key", async () => {
      const file = outputOf(path, ["-r", SSH, "-r", recipient], noise(1000));
      expect(inspectHeader(file).stanzaTypes).toContain("ssh-ed25519");
      expect(same(await decrypted(file, [identity]), noise(1000))).toBe(true);
    });

    test("refuses the damaged archives that we refuse", async () => {
      const file = await encrypted(noise(3 * CHUNK_SIZE), [recipient]);
      const start = inspectHeader(file).headerSize + 16;
      const altered = Uint8Array.from(file);
      altered[start + CHUNK_SIZE + 100] = (altered[start + CHUNK_SIZE + 100] ?? 0) ^ 1;
      const cases = [
        altered,
        file.subarray(0, file.length - 1),
        file.subarray(0, start + CHUNK_SIZE + 16),
        file.subarray(0, 100),
        Buffer.concat([file, new Uint8Array(1)]),
        Buffer.concat([file, file]),
      ];
      for (const damaged of cases) {
        expect((await operatorErrorOf(() => decrypted(damaged, [identity]))).exit).toBe(
          "verifyFailed",
        );
        const { code } = run(path, ["-d", "-i", keyFile], damaged);
        expect(code === 0 || code === null).toBe(false);
      }
    });

    test("makes an armored file, which we name as such", async () => {
      const file = outputOf(path, ["-a", "-r", recipient], noise(10));
      expect((await operatorErrorOf(() => decrypted(file, [identity]))).code).toBe("AGE_ARMORED");
    });

    if (postQuantum) {
      test("agrees with us on post-quantum keys, both ways", async () => {
        for (const size of SIZES) {
          const ours = await encrypted(noise(size), [hybridRecipient]);
          expect(same(outputOf(path, ["-d", "-i", hybridFile], ours), noise(size))).toBe(true);
          const theirs = outputOf(path, ["-r", hybridRecipient], noise(size));
          expect(same(await decrypted(theirs, [hybrid]), noise(size))).toBe(true);
        }
      });

      test("refuses the mix of recipients that we refuse", async () => {
        const { code, stderr } = run(path, ["-r", recipient, "-r", hybridRecipient], noise(1));
        expect(code).toBe(1);
        expect(stderr).toContain("mix");
        const error = await operatorErrorOf(() =>
          encrypted(noise(1), [recipient, hybridRecipient]),
        );
        expect(error.code).toBe("RECIPIENTS_MIXED");
      });
    } else {
      test("does not open post-quantum archives, as the documentation says", async () => {
        const file = await encrypted(noise(10), [hybridRecipient]);
        const { code } = run(path, ["-d", "-i", hybridFile], file);
        expect(code === 0 || code === null).toBe(false);
      });
    }
  });
}
