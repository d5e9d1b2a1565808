package flags

import (
	"errors"
	"fmt"

	"github.com/spf13/pflag"
)

// wants says what a flag of a type takes, for the types whose own errors only tell how
// reading failed.
var wants = map[string]string{
	"int": "a whole number", "int64": "a whole number", "uint64": "a whole number, not negative", "uint16": "a whole number from 0 to 65535",
	"float64": "a number", "bool": "true or false", "duration": "a duration such as 500ms, 30s or 5m",
	"ints": "whole numbers with commas between them", "intSlice": "whole numbers with commas between them",
}

// ExplainValue says of a flag's bad value what was got and what is wanted. Other errors
// stay as they are.
func ExplainValue(err error) error {
	bad, ok := errors.AsType[*pflag.InvalidValueError](err)
	if !ok {
		return err
	}
	name := bad.GetFlag().Name
	want, ok := wants[bad.GetFlag().Value.Type()]
	if _, ours := bad.GetFlag().Value.(*Duration); !ok || ours {
		return fmt.Errorf("--%s: %w", name, errors.Unwrap(bad))
	}
	return fmt.Errorf("--%s: got %q, want %s", name, bad.GetValue(), want)
}
