// Package kv is the ordered key-value store everything durable goes through:
// Pebble, opened the way this program needs it and nothing more.
//
// It adds six things to Pebble. A directory has one opener, and a second one
// is told who holds it. The on-disk format is named explicitly, so that a
// newer library never upgrades a store behind the operator's back. Applying a
// batch and waiting until it is durable are two calls, so that the next batch
// can be applied while the disk is busy with this one. Logs overwrite what was
// written before, from the first ones on (logfiles.go; "reserve.wal" in the directory, as
// large as a memtable, is for this). Flushes and compactions pause while there is time
// (tablefiles.go). And an error from the
// disk is final: it is reported once through [DB.Failed], every later wait
// returns it, and the owner is expected to end the process, because a store
// whose fsync failed cannot say what it holds.
//
// What it does not do: it knows nothing about records (store/record) nor about
// the order in which batches are answered (store/journal).
//
// For tests, [NewCrashableFS] gives a file system in memory that forgets what
// was not synced when it is "crashed".
package kv
