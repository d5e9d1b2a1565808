// Package features keeps the list of what Apache Mesos gives its users, and how
// much of each item Caprock has. features.tsv is the list; docs/features.md is
// written from it:
//
//	go run ./tools/conform features
//
// An item is done if a test shows it, and the list names that test; it is partial
// if a part lacks, or the test, and the list says which; all others are not there yet. The tests of this package
// hold the page against the list, and the list against the tests that exist.
// Whether a named test really shows what it is named for is for people to judge.
package features
