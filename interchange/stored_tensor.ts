/** Tensors in files, whose numbers are read on demand. @module */

import { type ElementType, readableTypes } from "./element_types.ts";
import { malformed, type Source } from "./source.ts";

/** Where a tensor lies in a file. */
export interface TensorPlace {
  /** The file. */
  readonly source: Source;
  /** The name in the file. */
  readonly name: string;
  /** How its numbers are stored. */
  readonly type: ElementType;
  /** Length of each axis. */
  readonly shape: readonly number[];
  /** Offset of its first byte. */
  readonly offset: number;
  /** The bytes. */
  readonly length: number;
}

/** A tensor in a file; its numbers are read on demand, and not kept. */
export class StoredTensor {
  /** The name in the file. */
  readonly name: string;
  /** How its numbers are stored. */
  readonly type: ElementType;
  /** Length of each axis; empty for a scalar. */
  readonly shape: readonly number[];
  readonly #place: TensorPlace;

  /** Describes a tensor; reads nothing. */
  constructor(place: TensorPlace) {
    this.#place = place;
    this.name = place.name;
    this.type = place.type;
    this.shape = place.shape;
  }

  /** The bytes as they are stored, row-major. */
  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    const { source, offset, length } = this.#place;
    return await source.read(offset, length);
  }

  /**
   * Rows along the first axis, as a tensor of their own.
   *
   * @param first The first of them.
   * @param count Their number.
   */
  rows(first: number, count: number): StoredTensor {
    const { shape, offset, length } = this.#place;
    const rowBytes = length / shape[0]!;
    return new StoredTensor({
      ...this.#place,
      shape: shape.with(0, count),
      offset: offset + first * rowBytes,
      length: count * rowBytes,
    });
  }

  /**
   * Its numbers in float32, row-major.
   *
   * @throws {SyntaxError} If the type is known by name only.
   */
  async float32(): Promise<Float32Array<ArrayBuffer>> {
    const { name, type } = this;
    if (type.unpack === undefined) {
      const wanted = `${name} to be of a type that is read (${readableTypes.join(", ")})`;
      throw malformed(this.#place.source.name, wanted, type.name);
    }
    return type.unpack(await this.bytes());
  }
}
