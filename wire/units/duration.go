package units

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// units of Mesos' duration text, longest suffix first so that "ms" is not read
// as "s" with a stray m.
var units = []struct {
	suffix string
	nanos  float64
}{
	{"weeks", 7 * 24 * float64(time.Hour)},
	{"days", 24 * float64(time.Hour)},
	{"hrs", float64(time.Hour)},
	{"mins", float64(time.Minute)},
	{"secs", float64(time.Second)},
	{"ms", float64(time.Millisecond)},
	{"us", float64(time.Microsecond)},
	{"ns", 1},
}

// ParseDuration reads Mesos' form ("15secs", "1.5mins", "2weeks") and Go's
// ("1m30s"). Negative durations are refused: no option has a use for one.
func ParseDuration(text string) (time.Duration, error) {
	for _, u := range units {
		number, ok := strings.CutSuffix(text, u.suffix)
		if !ok {
			continue
		}
		v, err := strconv.ParseFloat(number, 64)
		if err != nil {
			break
		}
		if v < 0 || math.IsNaN(v) || v*u.nanos >= math.MaxInt64 {
			return 0, fmt.Errorf("got duration %q, want one from 0 to 292 years", text)
		}
		return time.Duration(math.Round(v * u.nanos)), nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("got %q, want a duration such as 500ms, 15secs, 10mins, 1hrs, 2weeks or 1m30s", text)
	}
	if d < 0 {
		return 0, fmt.Errorf("got duration %q, want one from 0 to 292 years", text)
	}
	return d, nil
}

// FormatDuration prints d in Mesos' form, in the largest unit that divides it.
func FormatDuration(d time.Duration) string {
	if d == 0 {
		return "0ns"
	}
	for _, u := range units {
		if n := time.Duration(u.nanos); d%n == 0 {
			return strconv.FormatInt(int64(d/n), 10) + u.suffix
		}
	}
	return d.String()
}
