// Written by scripts/write-kernel.ts from assembly/: do not edit.

/** WebAssembly, in base64. */
export const KERNEL_BYTES = [
  'AGFzbQEAAAABBQFgAAF/AwMCAAAFAwEABwYPAn8AQYCACAt/AEGAgBALBzoFCklOUFVUX1NJWkUDAAdpbnB1dEF0AAELT1VUUFVUX1NJWkUD',
  'AQhvdXRwdXRBdAAABm1lbW9yeQIACg4CBgBBkIgICwUAQYAICw==',
].join('');
