// Package resource is the arithmetic of what agents have and tasks use: cpus, mem, ports,
// disks, reservations, persistent volumes. Everything that offers, accounts, checks or
// prints resources goes through it, in the allocator, the agents and the tools.
//
// # The model
//
// A Resource is one entry: a value and a *Kind. The value is a scalar in int64 milli-units
// (Mesos keeps three decimals, so 0.1 cpus is exactly 100), a coalesced list of uint64
// ranges, or a sorted set of words. The Kind is everything else: name, type, reservation
// stack, disk, revocable, shared, provider, allocation role.
//
// Kinds are interned: equal metadata is the same pointer, so "may these two entries be
// added?" is a pointer comparison. The intern table holds its kinds weakly; a kind that no
// entry uses any more is collected and its slot freed, so names, labels and roles invented
// by clients cost memory only while something refers to them (see intern.go).
//
// Some metadata takes no part in comparisons (a volume's mount point, the principal who
// created it, the order of labels). Two kinds that differ only in those have the same
// class, and the class pointer is what the arithmetic compares.
//
// A Resources is a slice of entries in which everything that can be merged is merged and
// nothing is zero. Resources and their values are immutable by convention: operations
// return new slices, which may share values with the old ones. The exception says so in
// its name: AddInPlace.
//
// # The rules, which are those of Apache Mesos
//
//   - Entries merge when their classes are equal, unless they are exclusive: MOUNT and BLOCK
//     disks, RAW disks with an id, persistent volumes. Exclusive entries are subtracted and
//     contained only whole, with equal size.
//   - A shared volume carries a count of its copies; adding the same volume again adds a copy.
//   - Contains: every entry on the right must fit into one entry on the left. Persistent volumes
//     are used up while checking, other entries are not.
//   - An entry that would become zero or negative by subtraction vanishes.
//
// Where Mesos has slips, this package is stricter or tidier: overlapping ranges are refused in any order
// (Mesos sees only some), a DiskInfo needs a SCALAR, reservations of type UNKNOWN are refused in every position,
// labels are compared as multisets, ranges are always joined and sets sorted, and changing
// allocation or reservations merges what has become mergeable.
//
// # What is where
//
// kind.go, kindkey.go and intern.go hold metadata; resource.go one entry; resources.go the sets;
// decode.go and encode.go the three JSON/protobuf formats of reservations; validate.go and
// setrules.go what is refused; parse.go and attributes.go the flag syntax; quantities.go and
// limits.go the stripped amounts that quota and fair share work with; conversion.go what RESERVE
// and its relatives do. The short text form of the test histories is in the subpackage notation.
//
// The package is pure: no clock, no I/O, no goroutines of its own, and no result depends on map
// order. All functions may be called concurrently.
package resource
