/** The part of Deno that opens native libraries. Browsers have neither it nor its types. @module */

/** The type of a C function, for `Deno.dlopen`. */
export interface ForeignFunction {
  readonly name?: string;
  readonly parameters: readonly ("i32" | "f32" | "usize")[];
  readonly result: "void" | "i32" | "pointer";
  /** Whether the library may lack it; its symbol is then `null`. */
  readonly optional?: boolean;
}

export type ForeignCall = (...values: (number | bigint)[]) => unknown;

export interface ForeignLibrary<Name extends string> {
  readonly symbols: Readonly<Record<Name, ForeignCall | null>>;
  close(): void;
}

export interface DenoSubset {
  readonly build: { readonly os: string };
  readonly permissions: {
    querySync(
      descriptor: { name: "ffi" } | { name: "read"; path: URL },
    ): { readonly state: string };
  };
  dlopen<Name extends string>(
    path: string,
    functions: Readonly<Record<Name, ForeignFunction>>,
  ): ForeignLibrary<Name>;
  readonly UnsafePointer: {
    of(value: ArrayBufferView): unknown;
    value(pointer: unknown): bigint;
  };
  readonly UnsafePointerView: {
    getArrayBuffer(pointer: unknown, byteLength: number): ArrayBuffer;
    getCString(pointer: unknown): string;
  };
}

/** Why there is no library in a browser, in Node and in Bun. */
export const ONLY_DENO = "only Deno can open one";

/** Undefined outside of Deno. */
export function deno(): DenoSubset | undefined {
  return Reflect.get(globalThis, "Deno");
}

/** Opens the library at a path, or the first candidate that opens; or says why none does. */
export function openFirst<Library>(
  choice: true | string,
  candidates: readonly string[],
  open: (path: string) => Library,
): Library | string {
  const failures: string[] = [];
  for (const path of choice === true ? candidates : [choice]) {
    try {
      return open(path);
    } catch (error) {
      failures.push(`${path}: ${error instanceof Error ? error.message : error}`);
    }
  }
  return choice === true ? `none found; tried ${candidates.join(", ")}` : failures.join("; ");
}
