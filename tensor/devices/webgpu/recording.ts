/** What is recorded and not yet submitted. @module */

/** A command encoder that is made when it is needed, with a compute pass that stays open. */
export class Recording {
  readonly #gpu: GPUDevice;
  #encoder: GPUCommandEncoder | null = null;
  #pass: GPUComputePassEncoder | null = null;
  #pipeline: GPUComputePipeline | null = null;
  readonly #offset = new Uint32Array(1);
  #serial = 1;

  /** Begins with nothing recorded. */
  constructor(gpu: GPUDevice) {
    this.#gpu = gpu;
  }

  /** The number of this recording. Everything recorded under a smaller one has been submitted. */
  get serial(): number {
    return this.#serial;
  }

  /** Whether nothing has been recorded. */
  get isEmpty(): boolean {
    return this.#encoder === null;
  }

  /**
   * Records a dispatch.
   *
   * @param argumentOffset The byte offset of its arguments, if it has any.
   * @param timestamps Where to write when it begins and ends: this takes a pass of its own.
   */
  dispatch(
    pipeline: GPUComputePipeline,
    group: GPUBindGroup,
    argumentOffset: number | null,
    x: number,
    y: number,
    z: number,
    timestamps: GPUComputePassTimestampWrites | null = null,
  ): void {
    if (timestamps !== null) this.#openTimedPass(timestamps);
    const pass = this.#pass ??= this.#openEncoder().beginComputePass();
    if (pipeline !== this.#pipeline) pass.setPipeline(pipeline);
    this.#pipeline = pipeline;
    if (argumentOffset === null) {
      pass.setBindGroup(0, group);
    } else {
      this.#offset[0] = argumentOffset;
      pass.setBindGroup(0, group, this.#offset, 0, 1);
    }
    pass.dispatchWorkgroups(x, y, z);
    if (timestamps !== null) this.#endPass();
  }

  #openTimedPass(timestampWrites: GPUComputePassTimestampWrites): void {
    this.#endPass();
    this.#pass = this.#openEncoder().beginComputePass({ timestampWrites });
  }

  /** Has the first `count` timestamps of a set written to a buffer, as nanoseconds in 64 bits. */
  resolve(set: GPUQuerySet, count: number, to: GPUBuffer): void {
    this.#endPass();
    this.#openEncoder().resolveQuerySet(set, 0, count, to, 0);
  }

  /** Records a copy between buffers; sizes and offsets in bytes. */
  copy(from: GPUBuffer, fromOffset: number, to: GPUBuffer, toOffset: number, bytes: number): void {
    this.#endPass();
    this.#openEncoder().copyBufferToBuffer(from, fromOffset, to, toOffset, bytes);
  }

  /** Ends the recording and begins the next one. */
  finish(): GPUCommandBuffer {
    this.#endPass();
    const commands = this.#openEncoder().finish();
    this.#encoder = null;
    this.#serial++;
    return commands;
  }

  #openEncoder(): GPUCommandEncoder {
    return this.#encoder ??= this.#gpu.createCommandEncoder({ label: `recording ${this.#serial}` });
  }

  #endPass(): void {
    this.#pass?.end();
    this.#pass = null;
    this.#pipeline = null;
  }
}
