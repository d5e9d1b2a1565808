package core

import "fmt"

// fault is what is wrong with what a client asked for, in words for its log: the
// texts begin like sentences, as those of Mesos do, and tests of clients know some
// of them.
type fault struct{ error }

// Unwrap gives the cause that the text was made from, if any.
func (f fault) Unwrap() error { return f.error }

func faultf(format string, args ...any) error { return fault{fmt.Errorf(format, args...)} }
