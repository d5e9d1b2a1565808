package drf

// Quantity vectors are []int64 in milli-units, one element per dimension of
// Names. Zero means "none of it".

// Grow returns v extended with zeros to length n.
func Grow(v []int64, n int) []int64 {
	for len(v) < n {
		v = append(v, 0)
	}
	return v
}

// AddTo adds v to dst, element by element. len(dst) ≥ len(v).
func AddTo(dst, v []int64) {
	dst = dst[:len(v)]
	for i, x := range v {
		dst[i] += x
	}
}

// SubFrom takes v from dst, element by element; results may be negative.
func SubFrom(dst, v []int64) {
	dst = dst[:len(v)]
	for i, x := range v {
		dst[i] -= x
	}
}

// SubClamped takes v from dst and keeps every element at zero or above, as
// quantities without debts do.
func SubClamped(dst, v []int64) {
	dst = dst[:len(v)]
	for i, x := range v {
		if dst[i] -= x; dst[i] < 0 {
			dst[i] = 0
		}
	}
}

// IsZero says whether every element is zero.
func IsZero(v []int64) bool {
	for _, x := range v {
		if x != 0 {
			return false
		}
	}
	return true
}

// Covers says whether a ≥ b in every dimension.
func Covers(a, b []int64) bool {
	a = a[:len(b)]
	for i, x := range b {
		if a[i] < x {
			return false
		}
	}
	return true
}

// float converts milli-units to the double Mesos would hold: whole units plus
// thousandths, each exact, added once. Shares must round the way Mesos' do,
// because equal shares are decided by the number of services.
func float(milli int64) float64 {
	units, rest := milli/1000, milli%1000
	if rest == 0 {
		return float64(units)
	}
	return float64(units) + float64(rest)/1000
}
