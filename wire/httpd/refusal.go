package httpd

import "fmt"

// Refusal is an answer that says no: the status and one line of text that names
// what was got and what was wanted. It is an error, so functions that examine a
// request return it and Ctx.ReplyError sends it.
type Refusal struct {
	Status int
	Text   string
}

// Error implements error.
func (r *Refusal) Error() string { return fmt.Sprintf("%d: %s", r.Status, r.Text) }

// Refusef makes a Refusal.
func Refusef(status int, format string, args ...any) *Refusal {
	return &Refusal{Status: status, Text: fmt.Sprintf(format, args...)}
}
