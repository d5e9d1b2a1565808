// Package record defines what the allocator service keeps: one message per kind
// of entity (record.proto), the key each entity lives under (key.go), and the
// encoding of both (codec.go).
//
// A record is keyed state, not an event. It says everything durable about one
// entity, or that the entity is gone. The journal stores key → value, so what a
// restart reads is what lives, and a batch of records can be applied twice
// without harm. Replicas receive the same batches.
//
// Keys sort in dependency order: whoever loads them in key order meets a
// framework and an agent before the tasks that name them.
//
// Offers (Kind.Volatile) are the exception to durability: losing one breaks no
// promise, since a restarted allocator withdraws all offers anyway. The offers that
// a cycle makes to a framework are one record (OfferBatch), which is deleted with the
// last of them: that an offer of a batch was used is not written down. They are
// journalled with the cycle that makes them, and a journal may be told to leave
// them out.
//
// The package knows no policy: which transition is legal is alloc/core's
// business. Decoding is total: any two byte strings give a record or an error.
package record
