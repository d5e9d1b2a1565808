package resource

import (
	"math"
	"strconv"
)

// milliPerUnit is the fixed-point scale: Mesos keeps three decimals of every scalar.
const milliPerUnit = 1000

// milliFromFloat converts a scalar to milli-units, rounding halves away from zero. ok is
// false for what has no such value: NaN, infinities and amounts beyond int64.
func milliFromFloat(v float64) (milli int64, ok bool) {
	scaled := math.Round(v * milliPerUnit)
	// The negated form also catches NaN. 2^63 itself is not an int64.
	if !(scaled > math.MinInt64 && scaled < math.MaxInt64) {
		return 0, false
	}
	return int64(scaled), true
}

// MilliFromFloat converts a scalar value as it stands in a message to milli-units, rounding
// to three decimals as Mesos does. ok is false for NaN, infinities and what exceeds int64.
func MilliFromFloat(v float64) (milli int64, ok bool) { return milliFromFloat(v) }

// FloatFromMilli converts milli-units to the float64 that Mesos would put into a message:
// whole part and fraction are divided separately, so 100 is exactly the literal 0.1.
func FloatFromMilli(milli int64) float64 {
	return float64(milli/milliPerUnit) + float64(milli%milliPerUnit)/milliPerUnit
}

// addMilli adds without wrapping: sums beyond int64 stick to its ends. No real cluster gets
// there, but a value that a client made up must not turn negative.
func addMilli(a, b int64) int64 {
	sum := a + b
	if a > 0 && b > 0 && sum < 0 {
		return math.MaxInt64
	}
	if a < 0 && b < 0 && sum >= 0 {
		return math.MinInt64
	}
	return sum
}

// appendMilli appends milli-units in the shortest decimal form: 1500 is "1.5", 2000 is "2".
func appendMilli(b []byte, milli int64) []byte {
	magnitude := uint64(milli)
	if milli < 0 {
		b = append(b, '-')
		magnitude = -magnitude
	}
	b = strconv.AppendUint(b, magnitude/milliPerUnit, 10)
	fraction := magnitude % milliPerUnit
	if fraction == 0 {
		return b
	}
	b = append(b, '.', byte('0'+fraction/100))
	if fraction%100 != 0 {
		b = append(b, byte('0'+fraction/10%10))
	}
	if fraction%10 != 0 {
		b = append(b, byte('0'+fraction%10))
	}
	return b
}

// FormatMilli formats milli-units in the shortest decimal form: 1500 is "1.5", 2000 is "2".
func FormatMilli(milli int64) string { return string(appendMilli(nil, milli)) }
