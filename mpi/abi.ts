/**
 * The binary interfaces of MPI: what handles are, and which values they have.
 *
 * Until MPI 5, the standard left handles to each implementation: MPICH and its relatives (Intel
 * MPI, MVAPICH, Cray) use 32-bit numbers, Open MPI uses the addresses of its own global variables.
 * The interface that MPI 5 standardizes uses small numbers as wide as a pointer.
 *
 * Sources: `mpi.h` of MPICH 4.2; `mpi-forum/mpi-abi-stubs`; Open MPI 5.0.
 *
 * @module
 */

export type Abi = "mpich" | "openmpi" | "standard";

/** A handle: a 32-bit number in MPICH's interface, otherwise as wide as a pointer. */
export type Handle = number | bigint;

export interface Handles {
  /** All ranks. */
  readonly world: Handle;
  readonly float32: Handle;
  readonly float64: Handle;
  readonly int32: Handle;
  readonly byte: Handle;
  readonly sum: Handle;
  readonly max: Handle;
  /** Makes functions return error codes instead of ending the process. */
  readonly errorsReturn: Handle;
  /** Passed in place of a send buffer: the receive buffer has the input. */
  readonly inPlace: bigint;
}

const fixedHandles: Readonly<Record<Exclude<Abi, "openmpi">, Handles>> = {
  mpich: {
    world: 0x44000000,
    float32: 0x4c00040a,
    float64: 0x4c00080b,
    int32: 0x4c000439,
    byte: 0x4c00010d,
    sum: 0x58000003,
    max: 0x58000001,
    errorsReturn: 0x54000001,
    inPlace: -1n,
  },
  standard: {
    world: 0x101n,
    float32: 0x210n,
    float64: 0x214n,
    int32: 0x250n,
    byte: 0x247n,
    sum: 0x21n,
    max: 0x23n,
    errorsReturn: 0x142n,
    inPlace: 1n,
  },
};

/** Open MPI's global variables whose addresses are handles. */
const openMpiNames = {
  world: "ompi_mpi_comm_world",
  float32: "ompi_mpi_float",
  float64: "ompi_mpi_double",
  int32: "ompi_mpi_int32_t",
  byte: "ompi_mpi_byte",
  sum: "ompi_mpi_op_sum",
  max: "ompi_mpi_op_max",
  errorsReturn: "ompi_mpi_errors_return",
} as const satisfies Record<Exclude<keyof Handles, "inPlace">, string>;

/**
 * The handles of a library.
 *
 * @param path The library: Open MPI's handles are addresses in it.
 */
export function handlesOf(abi: Abi, path: string): Handles {
  if (abi !== "openmpi") return fixedHandles[abi];
  const address = (name: string): bigint => {
    // The value of a static of type "pointer" is the variable's address, not its content.
    const { symbols } = Deno.dlopen(path, { variable: { name, type: "pointer" } });
    return Deno.UnsafePointer.value(symbols.variable);
  };
  return {
    world: address(openMpiNames.world),
    float32: address(openMpiNames.float32),
    float64: address(openMpiNames.float64),
    int32: address(openMpiNames.int32),
    byte: address(openMpiNames.byte),
    sum: address(openMpiNames.sum),
    max: address(openMpiNames.max),
    errorsReturn: address(openMpiNames.errorsReturn),
    inPlace: 1n,
  };
}

/** A function that returns an error code, 0 for success. Addresses are `bigint`. */
type Call<Parameters extends readonly unknown[]> = (...values: Parameters) => number;
type Bytes = Uint8Array<ArrayBuffer>;

export interface Functions {
  readonly MPI_Init_thread: Call<[argc: bigint, argv: bigint, level: number, provided: Bytes]>;
  readonly MPI_Finalize: Call<[]>;
  readonly MPI_Abort: Call<[world: Handle, code: number]>;
  readonly MPI_Comm_rank: Call<[world: Handle, rank: Bytes]>;
  readonly MPI_Comm_size: Call<[world: Handle, size: Bytes]>;
  readonly MPI_Comm_set_errhandler: Call<[world: Handle, handler: Handle]>;
  readonly MPI_Error_string: Call<[code: number, text: Bytes, length: Bytes]>;
  readonly MPI_Get_processor_name: Call<[name: Bytes, length: Bytes]>;
  readonly MPI_Barrier: Call<[world: Handle]>;
  readonly MPI_Bcast: Call<
    [address: bigint, count: number, type: Handle, root: number, world: Handle]
  >;
  readonly MPI_Allreduce: Call<
    [send: bigint, receive: bigint, count: number, type: Handle, operation: Handle, world: Handle]
  >;
  readonly MPI_Reduce_scatter_block: Call<
    [send: bigint, receive: bigint, count: number, type: Handle, operation: Handle, world: Handle]
  >;
  readonly MPI_Allgather: Call<
    [
      send: bigint,
      sendCount: number,
      sendType: Handle,
      receive: bigint,
      receiveCount: number,
      receiveType: Handle,
      world: Handle,
    ]
  >;
}

export function signaturesOf(abi: Abi): Record<keyof Functions, Deno.ForeignFunction> {
  const handle = abi === "mpich" ? "i32" : "isize";
  const address = "isize";
  const call = (...parameters: Deno.NativeType[]): Deno.ForeignFunction => ({
    parameters,
    result: "i32",
  });
  return {
    MPI_Init_thread: call(address, address, "i32", "buffer"),
    MPI_Finalize: call(),
    MPI_Abort: call(handle, "i32"),
    MPI_Comm_rank: call(handle, "buffer"),
    MPI_Comm_size: call(handle, "buffer"),
    MPI_Comm_set_errhandler: call(handle, handle),
    MPI_Error_string: call("i32", "buffer", "buffer"),
    MPI_Get_processor_name: call("buffer", "buffer"),
    MPI_Barrier: call(handle),
    MPI_Bcast: call(address, "i32", handle, "i32", handle),
    MPI_Allreduce: call(address, address, "i32", handle, handle, handle),
    MPI_Reduce_scatter_block: call(address, address, "i32", handle, handle, handle),
    MPI_Allgather: call(address, "i32", handle, address, "i32", handle, handle),
  };
}
