package units

import (
	"testing"
	"time"
)

func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"15secs": 15 * time.Second, "10mins": 10 * time.Minute, "1hrs": time.Hour, "2weeks": 14 * 24 * time.Hour,
		"500ms": 500 * time.Millisecond, "3us": 3 * time.Microsecond, "0ns": 0, "1m30s": 90 * time.Second,
	} {
		got, err := ParseDuration(text)
		if err != nil || got != want {
			t.Errorf("%s: got %v, %v, want %v", text, got, err, want)
		}
		again, err := ParseDuration(FormatDuration(got))
		if err != nil || again != got {
			t.Errorf("%s: prints as %s, which reads as %v, %v", text, FormatDuration(got), again, err)
		}
	}
	for _, text := range []string{"", "5", "-1secs", "-3s", "secs", "1e30weeks", "NaNsecs", "five mins"} {
		if d, err := ParseDuration(text); err == nil {
			t.Errorf("%q was read as %v, want an error", text, d)
		}
	}
}

func TestBytes(t *testing.T) {
	for text, want := range map[string]int64{
		"0B": 0, "7B": 7, "64KB": 64 << 10, "10MB": 10 << 20, "2GB": 2 << 30, "1TB": 1 << 40, "8191PB": -1, "8388607TB": 8388607 << 40,
	} {
		got, err := ParseBytes(text)
		if want < 0 {
			if err == nil {
				t.Errorf("%q was read as %d, want an error", text, got)
			}
			continue
		}
		if err != nil || got != want {
			t.Errorf("%s: got %d, %v, want %d", text, got, err, want)
		}
		if back := FormatBytes(got); back != text {
			t.Errorf("%s is printed as %s", text, back)
		}
	}
	if got, err := ParseBytes("4096"); err != nil || got != 4096 || FormatBytes(got) != "4KB" {
		t.Errorf("4096: got %d, %v, printed as %s", got, err, FormatBytes(got))
	}
	for _, text := range []string{"", "GB", "-1MB", "1.5GB", "2gb", "2 GB", "8388608TB", "99999999999999999999"} {
		if got, err := ParseBytes(text); err == nil {
			t.Errorf("%q was read as %d, want an error", text, got)
		}
	}
}
