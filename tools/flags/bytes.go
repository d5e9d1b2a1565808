package flags

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
)

// byteUnits of Mesos' text for amounts of memory and disk.
var byteUnits = []struct {
	suffix string
	bytes  int64
}{{"TB", 1 << 40}, {"GB", 1 << 30}, {"MB", 1 << 20}, {"KB", 1 << 10}, {"B", 1}}

// bytesValue is a pflag value that reads "4KB", "1MB" or a number of bytes.
type bytesValue[T int | int64] struct{ p *T }

// BytesVar defines a flag for an amount of memory or disk in bytes.
func BytesVar[T int | int64](fs *pflag.FlagSet, p *T, name string, value T, usage string) {
	*p = value
	fs.Var(bytesValue[T]{p}, name, usage)
}

// Set implements pflag.Value.
func (b bytesValue[T]) Set(text string) error {
	number, unit := text, int64(1)
	for _, u := range byteUnits {
		if n, ok := strings.CutSuffix(text, u.suffix); ok {
			number, unit = n, u.bytes
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > (1<<62)/unit {
		return fmt.Errorf("got %q, want an amount such as 4096, 4KB or 1MB", text)
	}
	*b.p = T(n * unit)
	return nil
}

// String prints the largest unit that divides the amount.
func (b bytesValue[T]) String() string {
	if b.p == nil {
		return "0B" // pflag asks the zero value
	}
	for _, u := range byteUnits {
		if n := int64(*b.p); n != 0 && n%u.bytes == 0 {
			return strconv.FormatInt(n/u.bytes, 10) + u.suffix
		}
	}
	return "0B"
}

// Type implements pflag.Value.
func (bytesValue[T]) Type() string { return "bytes" }
