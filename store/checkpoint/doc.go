// Package checkpoint keeps what a node agent must remember over kill -9, reboot
// and loss of power.
//
// Three shapes, each on top of the one before:
//
//   - Save and Load: one message in one file. A save writes a temporary file,
//     syncs it, keeps the present version as ".prev", renames and syncs the
//     directory, so that a reader finds the old version or the new one, whole.
//   - Log: an append-only file of framed records. A tail that a crash tore is
//     recognised by length and checksum; one damaged record in the middle is
//     skipped and counted, the ones after it are read.
//   - Store: a keyed state made of a snapshot and the log of what changed since.
//     A commit is one append and one sync, however many keys it changes, and is
//     applied as a whole or not at all.
//
// Every byte on disk is covered by a CRC-32C and carries a format version. What
// the keys and values mean is the caller's business; nothing here depends on the
// agent.
//
// An error of a write or a sync is final for the Log or Store that met it: the
// kernel may have dropped the dirty pages, so trying again could report success
// for data that is not there. Callers stop instead.
//
// Nothing here is safe for concurrent use.
package checkpoint
