package flags

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
)

// byteUnits of Mesos' text for amounts of memory.
var byteUnits = []struct {
	suffix string
	bytes  int64
}{{"TB", 1 << 40}, {"GB", 1 << 30}, {"MB", 1 << 20}, {"KB", 1 << 10}, {"B", 1}}

// bytesValue is a pflag value that reads "4KB", "1MB" or a number of bytes.
type bytesValue int

// BytesVar defines a flag for an amount of memory in bytes.
func BytesVar(fs *pflag.FlagSet, p *int, name string, value int, usage string) {
	*p = value
	fs.Var((*bytesValue)(p), name, usage)
}

// Set implements pflag.Value.
func (b *bytesValue) Set(text string) error {
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
	*b = bytesValue(n * unit)
	return nil
}

// String prints the largest unit that divides the amount.
func (b *bytesValue) String() string {
	for _, u := range byteUnits {
		if n := int64(*b); n != 0 && n%u.bytes == 0 {
			return strconv.FormatInt(n/u.bytes, 10) + u.suffix
		}
	}
	return "0B"
}

// Type implements pflag.Value.
func (*bytesValue) Type() string { return "bytes" }
