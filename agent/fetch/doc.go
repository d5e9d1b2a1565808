// Package fetch brings what a command's URIs name into its sandbox, before the
// command starts.
//
// Sources: plain absolute paths and file://, http:// and https://. What comes is a
// file, made executable or unpacked on demand: tar (plain, gzip, bzip2, zstd), zip,
// and single gzip files.
//
// Nothing here trusts its input. Every name is created through os.Root, so no
// archive writes outside the sandbox. Sizes and numbers are bounded. A server that
// stalls is given up. Each address that is dialled, at first and on every
// redirect, is checked after resolution: link-local addresses (where clouds serve
// their credentials) are refused, and so are the agent's own ports. Local files
// are opened with the rights of the task's user, not the agent's.
package fetch
