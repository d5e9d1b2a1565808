// Package check runs the checks of tasks: it connects, gets, or starts a command,
// once per core.Check, and reports what came of it as core.Checked.
//
// When a check runs, what its result means and who is told is decided in agent/core.
// A run that is cancelled reports nothing. One goroutine per run under way is all
// there is; a task whose next check is still to come costs nothing here.
package check
