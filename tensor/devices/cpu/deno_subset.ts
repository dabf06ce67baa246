/** The part of Deno that the CPU device uses. Browsers have neither it nor its types. @module */

/** The type of a C function, for `Deno.dlopen`. */
export interface ForeignFunction {
  readonly name?: string;
  readonly parameters: readonly ("i32" | "f32" | "usize")[];
  readonly result: "void" | "i32" | "pointer";
  /** Whether the library may lack it; its symbol is then `null`. */
  readonly optional?: boolean;
}

export interface ForeignLibrary<Name extends string> {
  readonly symbols: Readonly<Record<Name, ((...values: number[]) => unknown) | null>>;
  close(): void;
}

export interface DenoSubset {
  readonly build: { readonly os: string };
  readonly permissions: { querySync(descriptor: { name: "ffi" }): { readonly state: string } };
  dlopen<Name extends string>(
    path: string,
    functions: Readonly<Record<Name, ForeignFunction>>,
  ): ForeignLibrary<Name>;
  readonly UnsafePointer: {
    of(value: Uint8Array): unknown;
    value(pointer: unknown): bigint;
  };
  readonly UnsafePointerView: {
    new (pointer: never): { getInt32(byteOffset: number): number };
    getCString(pointer: unknown): string;
  };
}

export function deno(): DenoSubset | undefined {
  return Reflect.get(globalThis, "Deno");
}
