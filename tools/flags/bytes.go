package flags

import (
	"fmt"

	"github.com/spf13/pflag"

	"github.com/caprock/caprock/wire/units"
)

// bytesValue is a pflag value that reads "4KB", "1MB" or a number of bytes.
type bytesValue[T int | int64] struct{ p *T }

// BytesVar defines a flag for an amount of memory or disk in bytes. The usage says what 0 means
// if that is the default.
func BytesVar[T int | int64](fs *pflag.FlagSet, p *T, name string, value T, usage string) {
	*p = value
	f := fs.VarPF(bytesValue[T]{p}, name, "", usage)
	if value == 0 {
		f.DefValue = ""
	}
}

// Set implements pflag.Value.
func (b bytesValue[T]) Set(text string) error {
	n, err := units.ParseBytes(text)
	if err == nil && int64(T(n)) != n {
		err = fmt.Errorf("got %q, which is too large here", text)
	}
	if err == nil {
		*b.p = T(n)
	}
	return err
}

// String prints the largest unit that divides the amount.
func (b bytesValue[T]) String() string {
	if b.p == nil {
		return units.FormatBytes(0) // pflag asks the zero value
	}
	return units.FormatBytes(int64(*b.p))
}

// Type implements pflag.Value.
func (bytesValue[T]) Type() string { return "bytes" }
