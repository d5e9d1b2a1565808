// Package features keeps what Apache Mesos gives its users and how much of it
// Caprock has, as lists from which pages of docs are written:
//
//	go run ./tools/conform features
//
// features.tsv, Mesos' features, is docs/features.md. An item is done if a test shows
// it, and the list names that test; it is partial if a part lacks, or the test, and the
// list says which; all others are not there yet.
//
// rules.tsv, the rules by which Mesos refuses input, mesos_tests.tsv, Mesos' own
// tests of its master and APIs, and reasons.tsv, the reasons of tasks' statuses, are
// docs/conformance.md, with the flags of the master from tools/flags. Each line names the tests of ours that show it, or says why it does
// not apply or that it is missing.
//
// The tests of this package hold the pages against the lists, and the lists against
// the tests and the cases of tables that exist. Whether a named test really shows what
// it is named for is for people to judge.
package features
