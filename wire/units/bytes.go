package units

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// byteUnits are each 1,024 of the one below, as in Mesos. "B" comes last, since
// every other suffix ends in it.
var byteUnits = []struct {
	suffix string
	bytes  int64
}{{"TB", 1 << 40}, {"GB", 1 << 30}, {"MB", 1 << 20}, {"KB", 1 << 10}, {"B", 1}}

// ParseBytes reads a whole number and a unit, as in "64KB"; a number alone is one of
// bytes, which Mesos would refuse.
func ParseBytes(text string) (int64, error) {
	number, unit := text, int64(1)
	for _, u := range byteUnits {
		if n, ok := strings.CutSuffix(text, u.suffix); ok {
			number, unit = n, u.bytes
			break
		}
	}
	n, err := strconv.ParseUint(number, 10, 63)
	if err != nil || n > math.MaxInt64/uint64(unit) {
		return 0, fmt.Errorf("got %q, want an amount such as 4096, 4KB, 10MB or 2GB", text)
	}
	return int64(n) * unit, nil
}

// FormatBytes prints n in the largest unit that divides it.
func FormatBytes(n int64) string {
	for _, u := range byteUnits {
		if n != 0 && n%u.bytes == 0 {
			return strconv.FormatInt(n/u.bytes, 10) + u.suffix
		}
	}
	return strconv.FormatInt(n, 10) + "B"
}
