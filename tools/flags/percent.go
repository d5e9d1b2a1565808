package flags

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
)

// percentValue is a pflag value that reads "50%" or "50".
type percentValue float64

// PercentVar defines a flag for a percentage.
func PercentVar(fs *pflag.FlagSet, p *float64, name string, value float64, usage string) {
	*p = value
	fs.Var((*percentValue)(p), name, usage)
}

// Set implements pflag.Value.
func (v *percentValue) Set(text string) error {
	x, err := strconv.ParseFloat(strings.TrimSuffix(text, "%"), 64)
	if err != nil || !(x >= 0 && x <= 100) {
		return fmt.Errorf("got %q, want a percentage such as 50%%", text)
	}
	*v = percentValue(x)
	return nil
}

func (v *percentValue) String() string { return strconv.FormatFloat(float64(*v), 'f', -1, 64) + "%" }

// Type implements pflag.Value.
func (*percentValue) Type() string { return "percentage" }
