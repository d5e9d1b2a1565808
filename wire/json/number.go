package json

import (
	"math"
	"strconv"
	"unsafe"
)

// AppendInt appends v in decimal.
func AppendInt(b []byte, v int64) []byte { return strconv.AppendInt(b, v, 10) }

// AppendUint appends v in decimal.
func AppendUint(b []byte, v uint64) []byte { return strconv.AppendUint(b, v, 10) }

// AppendDouble appends v the way Mesos prints it: the shortest digits that read back
// as v, always with a point or an exponent (0.0, 5.0, 0.1, 1e22, 1.5e-7), plain for
// magnitudes from 1e-6 up to 1e21. Infinities are the strings that reading accepts;
// NaN, which JSON cannot hold and no message should, is null.
func AppendDouble(b []byte, v float64) []byte {
	// Nearly all doubles on this wire are resources, which have three decimals at most.
	if milli := math.Round(v * 1000); math.Abs(milli) < 1e15 && milli/1000 == v && milli != 0 {
		return appendMilli(b, int64(milli))
	}
	switch {
	case v == 0:
		if math.Signbit(v) {
			return append(b, "-0.0"...)
		}
		return append(b, "0.0"...)
	case math.IsNaN(v):
		return append(b, "null"...)
	case math.IsInf(v, 1):
		return append(b, `"Infinity"`...)
	case math.IsInf(v, -1):
		return append(b, `"-Infinity"`...)
	}
	if abs := math.Abs(v); abs >= 1e-6 && abs < 1e21 {
		start := len(b)
		b = strconv.AppendFloat(b, v, 'f', -1, 64)
		for _, c := range b[start:] {
			if c == '.' {
				return b
			}
		}
		return append(b, '.', '0')
	}
	return appendExponent(b, v)
}

// appendMilli appends milli/1000 with at least one and at most three decimals.
func appendMilli(b []byte, milli int64) []byte {
	if milli < 0 {
		b, milli = append(b, '-'), -milli
	}
	whole, rest := milli/1000, milli%1000
	b = strconv.AppendInt(b, whole, 10)
	b = append(b, '.', byte('0'+rest/100))
	if rest%100 == 0 {
		return b
	}
	b = append(b, byte('0'+rest/10%10))
	if rest%10 == 0 {
		return b
	}
	return append(b, byte('0'+rest%10))
}

// appendExponent appends 1e22 or 1.5e-7: no plus sign, no leading zeros in the exponent.
func appendExponent(b []byte, v float64) []byte {
	var scratch [32]byte
	s := strconv.AppendFloat(scratch[:0], v, 'e', -1, 64)
	for i, c := range s {
		if c != 'e' {
			continue
		}
		b = append(append(b, s[:i]...), 'e')
		exp := s[i+1:]
		if exp[0] == '-' {
			b = append(b, '-')
		}
		exp = exp[1:]
		for len(exp) > 1 && exp[0] == '0' {
			exp = exp[1:]
		}
		return append(b, exp...)
	}
	return append(b, s...)
}

// scanNumber returns the index after the JSON number at s[i:], or i if there is none,
// and whether it has neither fraction nor exponent.
func scanNumber(s []byte, i int) (end int, integer bool) {
	start := i
	if i < len(s) && s[i] == '-' {
		i++
	}
	first := i
	i = scanDigits(s, i)
	if i == first || (s[first] == '0' && i > first+1) {
		return start, false
	}
	integer = true
	if i < len(s) && s[i] == '.' {
		integer = false
		from := i + 1
		if i = scanDigits(s, from); i == from {
			return start, false
		}
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		integer = false
		i++
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		from := i
		if i = scanDigits(s, from); i == from {
			return start, false
		}
	}
	return i, integer
}

func scanDigits(s []byte, i int) int {
	for i < len(s) && s[i]-'0' <= 9 {
		i++
	}
	return i
}

func parseDouble(tok []byte) (float64, bool) {
	v, err := strconv.ParseFloat(unsafe.String(unsafe.SliceData(tok), len(tok)), 64)
	return v, err == nil
}

// parseInt reads a signed integer of the given width. Like Mesos it takes 1.0, 1e3 and
// even 1.9, cutting towards zero; unlike Mesos it refuses what does not fit.
func parseInt(tok []byte, integer bool, bits int) (int64, bool) {
	if integer {
		v, err := strconv.ParseInt(unsafe.String(unsafe.SliceData(tok), len(tok)), 10, bits)
		return v, err == nil
	}
	f, ok := parseDouble(tok)
	f = math.Trunc(f)
	limit := math.Ldexp(1, bits-1)
	return int64(f), ok && f >= -limit && f < limit
}

// parseUint is parseInt for unsigned fields. A negative integer wraps around in 64
// bits, as in Mesos, whose clients read a file at -1 to learn its size; in fewer it
// does not fit, but -0 does.
func parseUint(tok []byte, integer bool, bits int) (uint64, bool) {
	if integer && tok[0] == '-' && bits == 64 {
		v, err := strconv.ParseInt(unsafe.String(unsafe.SliceData(tok), len(tok)), 10, bits)
		return uint64(v), err == nil
	}
	if integer && tok[0] != '-' {
		v, err := strconv.ParseUint(unsafe.String(unsafe.SliceData(tok), len(tok)), 10, bits)
		return v, err == nil
	}
	f, ok := parseDouble(tok)
	f = math.Trunc(f)
	return uint64(f), ok && f >= 0 && f < math.Ldexp(1, bits)
}
