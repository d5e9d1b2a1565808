package flags

import (
	"testing"
	"time"

	"github.com/spf13/pflag"
)

func TestRates(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"": 0, "1/10mins": 10 * time.Minute, "2/1hrs": 30 * time.Minute, "1/1ns": 1, "3/1ns": 1,
		"1": -1, "0/1mins": -1, "1/": -1, "1/0secs": -1, "-1/1mins": -1, "a/1mins": -1, "1/-1mins": -1,
	} {
		got, err := ParseRate(text)
		if want == -1 && err == nil || want >= 0 && (err != nil || got != want) {
			t.Errorf("%q: got %v, %v, want %v", text, got, err, want)
		}
	}
}

// A rate that is read is a time between events, whatever the text.
func FuzzParseRate(f *testing.F) {
	for _, text := range []string{"", "1/10mins", "2147483647/1ns", "2147483648/1secs", "1/292yrs", "1/15250weeks", "0/1secs", "1/-1secs", "1//1secs", "+1/1secs", "1e3/1secs", " 1 / 1secs ", "1/NaNsecs", "1/1e300secs"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := ParseRate(text)
		if err == nil && (d < 0 || d == 0 && text != "") {
			t.Errorf("%q is read as %v", text, d)
		}
	})
}

func TestWeights(t *testing.T) {
	var weights map[string]float64
	for text, want := range map[string]int{"a=2": 1, "a=2,b=0.5": 2, "a": 0, "a=": 0, "=1": 0, "a=0": 0, "a=-1": 0, "a=x": 0, "a=NaN": 0, "": 0} {
		fs := pflag.NewFlagSet("alloc", pflag.ContinueOnError)
		WeightsVar(fs, &weights, "weights", "")
		weights = nil
		if err := fs.Set("weights", text); (err == nil) != (want > 0) || len(weights) != want {
			t.Errorf("%q: got %v, %v, want %d weights", text, weights, err, want)
		}
	}
}
