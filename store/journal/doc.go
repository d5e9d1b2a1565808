// Package journal is the ordered log of what was decided: batches of keyed
// records, committed one after another, each all or nothing.
//
// Its user hands over a batch and a callback and goes on working; when the
// batch is on the disk the callback runs. The promise in one sentence: the
// callbacks run in the order of the appends, each after its batch and every
// earlier one is durable.
//
//	Append ─► queue ─► committer: write to the log ─► completer: wait, done(nil)
//
// Two goroutines make the pipeline. The committer writes batch N+1 to the
// store's log while the completer still waits for the disk to finish N, and
// everything written meanwhile shares the next fsync. One fsync costs as much
// as a thousand records, so a busy user sees its batches grow and the cost of
// each record fall. The queue is bounded: when the disk cannot keep up, Append
// blocks and the user's own inbox pushes back on its clients.
//
// A disk error is final. Batches whose callbacks have not run get the error
// instead, nothing more is accepted, and Failed tells the owner to end the
// process: after a failed fsync nobody knows what the disk holds, so nothing
// may be answered any more. A new process reads what is there.
//
// The journal keeps two numbers of its own, below every record key: the
// sequence number of the last batch, and the term, which grows by one each
// time the journal is opened. Whoever acts on behalf of an older term can be
// told apart from the owner of this one.
//
// Recovery reads the state that lives, not the history that led to it: Load
// walks keys and values in key order. A replicated journal would ship the same
// batches.
package journal
