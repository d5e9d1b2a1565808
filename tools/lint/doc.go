// Package lint holds the house rules that a compiler does not check, as Go tests:
// which package may import which, that every package introduces itself in a doc.go, that
// the pure packages stay pure, that files stay readable, and that the top level
// of the repository is the one that was agreed.
//
// Each rule is a function from parsed source to faults, so that the tests can
// also show that it fails on a bad example.
package lint
