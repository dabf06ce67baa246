/** What the CPU device uses of Deno. In a browser there is none, and its types are not there. @module */

/** A C function's type, as `Deno.dlopen` takes it. */
export interface ForeignFunction {
  readonly name?: string;
  readonly parameters: readonly ("i32" | "f32" | "usize")[];
  readonly result: "void" | "i32" | "pointer";
  /** Whether the library may lack it; its symbol is `null` then. */
  readonly optional?: boolean;
}

/** A library that was opened. */
export interface ForeignLibrary<Name extends string> {
  readonly symbols: Readonly<Record<Name, ((...values: number[]) => unknown) | null>>;
  close(): void;
}

/** The part of the `Deno` namespace that is used. */
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
  readonly UnsafePointerView: { getCString(pointer: unknown): string };
}

/** Deno, where this is Deno. */
export function deno(): DenoSubset | undefined {
  return Reflect.get(globalThis, "Deno");
}
