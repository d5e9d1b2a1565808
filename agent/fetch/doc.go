// Package fetch brings what a command's URIs name into its sandbox, before the
// command starts.
//
// Sources: plain absolute paths and file://, http:// and https://, paths relative to
// a directory of the operator, and whatever schemes she gives programs for (Options.Plugins).
// What comes is a file, made executable or unpacked on demand: tar (plain, gzip,
// bzip2, xz, zstd), zip, and single compressed files. The fragment of a URI may name
// the file's checksum: https://host/app.tgz#sha256=9f86d0…
//
// A URI with cache=true goes through a cache per user and URI, bounded in bytes;
// several tasks that want a file at the same time wait for one transfer. What the
// cache cannot hold is fetched past it.
//
// Nothing here trusts its input. Every name is created through os.Root, so no
// archive writes outside the sandbox. Sizes, numbers and the ratio of unpacking are
// bounded, and the memory of decoders; a few archives are unpacked at a time. A server that
// brings less than a byte a second is given up. Each
// address that is dialled, at first and on every redirect, is checked after
// resolution: link-local addresses (where clouds serve their credentials) are
// refused, and so are the agent's own ports and the operator's list. Local files
// are opened, and programs run, with the rights of the task's user, not the agent's.
package fetch
