package json

import (
	stdjson "encoding/json"
	"math"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestAppendDouble(t *testing.T) {
	for want, v := range map[string]float64{
		"0.0": 0, "-0.0": math.Copysign(0, -1), "5.0": 5, "-5.0": -5, "0.1": 0.1, "0.25": 0.25, "0.001": 0.001, "-1.005": -1.005,
		"0.0001": 0.0001, "1795194514.7936285": 1795194514.7936285, "123456789012.5": 123456789012.5,
		"1000000000000.0": 1e12, "100000000000000000000.0": 1e20, "1e21": 1e21, "1.5e22": 1.5e22, "1e300": 1e300,
		"0.000001": 1e-6, "0.0000015": 1.5e-6, "1e-7": 1e-7, "1.5e-7": 1.5e-7, "5e-324": 5e-324,
		"1.7976931348623157e308": math.MaxFloat64, `"Infinity"`: math.Inf(1), `"-Infinity"`: math.Inf(-1), "null": math.NaN(),
		"999999999999.999": 999999999999.999, "9007199254740993.0": 9007199254740992 + 1,
	} {
		if v == 9007199254740992 {
			want = "9007199254740992.0"
		}
		if got := string(AppendDouble(nil, v)); got != want {
			t.Errorf("%v: got %s, want %s", v, got, want)
		}
	}
}

// The fast path for three decimals must never print other digits than the slow one.
func TestAppendDoubleIsShortest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.OneOf(
			rapid.Float64(),
			rapid.Custom(func(t *rapid.T) float64 { return float64(rapid.Int64().Draw(t, "milli")) / 1000 }),
			rapid.Custom(func(t *rapid.T) float64 { return float64(rapid.Int64Range(-1e7, 1e7).Draw(t, "micro")) / 1e6 }),
		).Draw(t, "v")
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return
		}
		text := string(AppendDouble(nil, v))
		if back, err := strconv.ParseFloat(text, 64); err != nil || math.Float64bits(back) != math.Float64bits(v) {
			t.Fatalf("%v: %s reads back as %v, %v", v, text, back, err)
		}
		if !strings.ContainsAny(text, ".e") || !stdjson.Valid([]byte(text)) {
			t.Fatalf("%v: %s is no JSON double", v, text)
		}
		shortest := len(strings.Trim(strings.Map(onlyDigits, before(strconv.FormatFloat(v, 'e', -1, 64), "e")), "0"))
		if got := len(strings.Trim(strings.Map(onlyDigits, before(text, "e")), "0")); got > shortest {
			t.Fatalf("%v: %s has %d digits, want %d", v, text, got, shortest)
		}
	})
}

func onlyDigits(r rune) rune {
	if r < '0' || r > '9' {
		return -1
	}
	return r
}

func before(s, sep string) string {
	s, _, _ = strings.Cut(s, sep)
	return s
}

func TestAppendString(t *testing.T) {
	for in, want := range map[string]string{
		"":                        `""`,
		"plain":                   `"plain"`,
		"http://x/":               `"http://x/"`,
		"a\"b\\c":                 `"a\"b\\c"`,
		"\b\f\n\r\t":              `"\b\f\n\r\t"`,
		"\x00\x01\x1f\x7f":        "\"\\u0000\\u0001\\u001F\x7f\"",
		"grüße 😀":                 `"grüße 😀"`,
		"bad\xffbyte":             `"bad` + "\uFFFD" + `byte"`,
		"cut\xe2\x82":             "\"cut\uFFFD\uFFFD\"",
		"<&>\u2028":               "\"<&>\u2028\"",
		"exactly8\"":              `"exactly8\""`,
		"sevench\n":               `"sevench\n"`,
		strings.Repeat("x", 1000): `"` + strings.Repeat("x", 1000) + `"`,
	} {
		if got := string(AppendString(nil, in)); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
}

func FuzzString(f *testing.F) {
	for _, s := range []string{"", "plain text of some length", "a\"\\\n\x00", "grüße 😀", "\xff\xc0\xaf\xed\xa0\x80", "12345678\"1234567\\"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		text := AppendString(nil, s)
		var std string
		if err := stdjson.Unmarshal(text, &std); err != nil {
			t.Fatalf("%q: %s: %v", s, text, err)
		}
		if want := strings.ToValidUTF8(s, "\uFFFD"); !utf8.ValidString(s) {
			// Runs of bad bytes: one replacement each, as encoding/json does.
			want = string([]rune(s))
			if std != want {
				t.Fatalf("%q: got %q, want %q", s, std, want)
			}
		} else if std != want {
			t.Fatalf("%q: got %q", s, std)
		}
		d := NewDecoder(text)
		if got := d.Str(); got != std || d.Finish() != nil {
			t.Fatalf("%s: got %q, %v, want %q", text, got, d.Finish(), std)
		}
	})
}

func TestSortedKeysDoesNotAllocateForSmallMaps(t *testing.T) {
	m := map[string]int{"mem": 1, "cpus": 2, "disk": 3}
	if n := testing.AllocsPerRun(100, func() {
		var keys [16]string
		if k := SortedKeys(m, keys[:0]); k[0] != "cpus" || k[2] != "mem" {
			panic("not sorted")
		}
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}
