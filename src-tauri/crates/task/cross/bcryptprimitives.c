/* Wine 8 has no bcryptprimitives.dll, from which Rust's standard library takes its random bytes.
 * A test stage's part, built at test time and never shipped. */
#include <windows.h>
#include <ntsecapi.h>
BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T len) { return RtlGenRandom(data, (ULONG)len); }
