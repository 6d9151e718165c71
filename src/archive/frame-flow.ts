/**
 * Work on a byte stream in parallel, with the results in order: a few jobs run
 * at once, as many as `inFlight`, and none is started that nobody waits for.
 */

/** What one job yields: bytes, and the failure that follows them, if any. */
export interface JobResult {
  readonly pieces: readonly Uint8Array[];
  readonly failure?: unknown;
}

export interface JobSource {
  /** Starts the next job; undefined when there are no more. A rejection ends the flow after the jobs before it. */
  next(): Promise<{ readonly result: Promise<JobResult> } | undefined>;
  /** Called once when the reader of the flow goes away or the flow fails. */
  stop(reason: unknown): Promise<void>;
}

/**
 * The results of the jobs as a stream. Everything that came before a failure is
 * delivered before the failure is: `controller.error` discards a stream's own
 * queue, hence none is used (high-water mark 0); the window of jobs is the queue.
 */
export function orderedStream(source: JobSource, inFlight: number): ReadableStream<Uint8Array> {
  const window = new JobWindow(source, inFlight);
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const piece = await window.nextPiece();
        if (piece === undefined) controller.close();
        else controller.enqueue(piece);
      },
      cancel: (reason) => window.stop(reason),
    },
    { highWaterMark: 0 },
  );
}

class JobWindow {
  readonly #source: JobSource;
  readonly #inFlight: number;
  readonly #started: Promise<JobResult>[] = [];
  #ready: Uint8Array[] = [];
  #failure: { readonly reason: unknown } | undefined;
  #filling: Promise<void> | undefined;
  #finished = false;
  /** Tells the one waiting reader that a job was started or that there are no more. */
  #wake: () => void = () => undefined;

  constructor(source: JobSource, inFlight: number) {
    this.#source = source;
    this.#inFlight = inFlight;
  }

  async nextPiece(): Promise<Uint8Array | undefined> {
    for (;;) {
      const piece = this.#ready.shift();
      if (piece !== undefined) return piece;
      if (this.#failure !== undefined) throw this.#failure.reason;
      this.#fill();
      const head = this.#started[0];
      if (head !== undefined) await this.#receive(head);
      else if (this.#finished && this.#filling === undefined) return undefined;
      // Not for the whole window: a slow input must not hold back what is done.
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  async stop(reason: unknown): Promise<void> {
    this.#finished = true;
    await this.#source.stop(reason);
    await Promise.allSettled(this.#started);
  }

  async #receive(head: Promise<JobResult>): Promise<void> {
    try {
      const { pieces, failure } = await head;
      this.#ready = pieces.filter((piece) => piece.length > 0);
      if (failure !== undefined) this.#failure = { reason: failure };
    } catch (error) {
      this.#failure = { reason: error };
    }
    if (this.#failure === undefined) {
      void this.#started.shift();
      this.#fill();
      return;
    }
    // The failure is the answer; that the input also fails to stop would only hide it.
    await this.stop(this.#failure.reason).catch(() => undefined);
  }

  #fill(): void {
    if (this.#filling !== undefined || this.#finished) return;
    this.#filling = this.#startJobs().finally(() => {
      this.#filling = undefined;
      this.#wake();
    });
  }

  async #startJobs(): Promise<void> {
    while (!this.#finished && this.#started.length < this.#inFlight) {
      try {
        const job = await this.#source.next();
        if (job === undefined) this.#finished = true;
        else this.#push(job.result);
      } catch (error) {
        this.#finished = true;
        // A rejection, not a `failure`: a stream may fail with undefined as the reason.
        this.#push(Promise.reject(error));
      }
    }
  }

  #push(result: Promise<JobResult>): void {
    // Awaited in its turn; without this a job failing early would count as an unhandled rejection.
    result.catch(() => undefined);
    this.#started.push(result);
    this.#wake();
  }
}

/** Makes a TransformStream of a function from stream to stream, with its back pressure kept. */
export function transformOf(
  convert: (input: ReadableStream<Uint8Array>) => ReadableStream<Uint8Array>,
): TransformStream<Uint8Array, Uint8Array> {
  const entrance = new TransformStream<Uint8Array, Uint8Array>();
  return { writable: entrance.writable, readable: convert(entrance.readable) };
}
