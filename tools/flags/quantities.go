package flags

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/caprock/caprock/wire/units"
)

// textValue is a flag whose text is parsed by a function.
type textValue struct {
	text, kind string
	set        func(string) error
}

func (v *textValue) String() string { return v.text }
func (v *textValue) Type() string   { return v.kind }

func (v *textValue) Set(text string) error {
	err := v.set(text)
	if err == nil {
		v.text = text
	}
	return err
}

// RateVar defines a flag in Mesos' form of a rate, such as 1/10mins, and stores the
// time between two events; empty, the default, is no limit and stores 0.
func RateVar(fs *pflag.FlagSet, p *time.Duration, name, usage string) {
	fs.Var(&textValue{kind: "rate", set: func(text string) (err error) {
		*p, err = ParseRate(text)
		return err
	}}, name, usage)
}

// ParseRate reads a rate such as 1/10mins, or 2/1hrs, as the time per event.
func ParseRate(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	number, per, _ := strings.Cut(text, "/")
	n, err := strconv.ParseUint(strings.TrimSpace(number), 10, 31)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("got rate %q, want a number per time, such as 1/10mins", text)
	}
	d, err := units.ParseDuration(strings.TrimSpace(per))
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("got rate %q, want a number per time, such as 1/10mins", text)
	}
	return max(1, d/time.Duration(n)), nil
}

// WeightsVar defines a flag of weights such as role=2,other=0.5.
func WeightsVar(fs *pflag.FlagSet, p *map[string]float64, name, usage string) {
	fs.Var(&textValue{kind: "weights", set: func(text string) error {
		weights := map[string]float64{}
		for pair := range strings.SplitSeq(text, ",") {
			role, number, ok := strings.Cut(pair, "=")
			w, err := strconv.ParseFloat(number, 64)
			if role = strings.TrimSpace(role); !ok || err != nil || role == "" || !(w > 0) {
				return fmt.Errorf("got %q, want role=weight pairs with commas between, such as a=2,b=0.5", text)
			}
			weights[role] = w
		}
		*p = weights
		return nil
	}}, name, usage)
}
