// Package shard holds what the allocator knows about agents: tables with one
// row per agent and the bitmaps that index them.
//
// Every agent has a slot, a small number given out lowest first. The slots are
// dealt over a power of two of shards in blocks of 64; a shard is a set of
// parallel arrays, its indices and one lock. The split bounds how long a reader
// of totals or of one agent can be in the way; it never shows in a result.
//
// A row keeps unreserved, non-revocable, unshared scalars without disk or
// provider ("plain" scalars, which is nearly everything nearly always) as
// int64 milli-units, one element per dimension of drf.Names, and the rest
// (ranges, sets, reservations, volumes, revocable resources) as
// resource.Resources, whose values are immutable and so can be handed around
// by reference. Rows are stored agent by agent, not dimension by dimension:
// the cycle visits agents in a random order and wants one cache line for each.
//
// Indices are of two kinds. What is persistent or sparse is a roaring bitmap of
// slots: attribute values, roles with reservations, GPUs, revocable and shared
// resources, maintenance, deactivation, hosts that are not on the white list.
// What the cycle combines in every run is a dense mask, expanded from those
// when they change: rows in use, rows with something available, rows that may
// be offered, rows known to be of no use to anybody who takes part, rows known to
// be below every minimum, whoever takes part.
//
// Ownership: one goroutine changes the tables (the allocator's loop), under the
// lock of the shard; it reads without it. Anybody else reads through Usage,
// which takes the locks one at a time. Nothing is called while a
// lock is held. A roaring bitmap is never handed to another goroutine.
package shard
