package flags

import (
	"time"

	"github.com/caprock/caprock/wire/units"
)

// Duration is a pflag value that reads Mesos' form ("15secs", "1.5mins") and Go's ("1m30s").
type Duration time.Duration

// Set implements pflag.Value.
func (d *Duration) Set(text string) error {
	v, err := units.ParseDuration(text)
	if err == nil {
		*d = Duration(v)
	}
	return err
}

func (d *Duration) String() string { return units.FormatDuration(time.Duration(*d)) }

// Type implements pflag.Value; it is what --help shows as the argument.
func (*Duration) Type() string { return "duration" }
