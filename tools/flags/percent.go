package flags

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
)

// percentValue is a pflag value that reads "50%".
type percentValue float64

// PercentVar defines a flag for a percentage above 0% and up to 100%. As with
// Mesos' flags its % must be there: 0.5 could mean a half.
func PercentVar(fs *pflag.FlagSet, p *float64, name string, value float64, usage string) {
	*p = value
	fs.Var((*percentValue)(p), name, usage)
}

// Set implements pflag.Value.
func (v *percentValue) Set(text string) error {
	number, ok := strings.CutSuffix(text, "%")
	x, err := strconv.ParseFloat(number, 64)
	switch {
	case err == nil && !ok:
		return fmt.Errorf("got %q without %%, want a percentage such as 50%%", text)
	case err != nil || !(x > 0 && x <= 100):
		return fmt.Errorf("got %q, want a percentage above 0%% and up to 100%%, such as 50%%", text)
	}
	*v = percentValue(x)
	return nil
}

func (v *percentValue) String() string { return strconv.FormatFloat(float64(*v), 'f', -1, 64) + "%" }

// Type implements pflag.Value.
func (*percentValue) Type() string { return "percentage" }
