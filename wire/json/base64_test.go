package json

import "testing"

// As in Mesos padding may be missing or wrong, and white space may stand between.
func TestBase64IsReadLiberally(t *testing.T) {
	for text, want := range map[string]string{
		`"YWJj"`: "abc", `"YWI="`: "ab", `"YQ=="`: "a", `""`: "", `"="`: "",
		`"YQ"`: "a", `"YQ="`: "a", `"YWI"`: "ab", `"YWI=YWI="`: "ab", `"YWJjZ"`: "abc", `"Y"`: "",
		`"YW\nJj\r\n"`: "abc", `" Y W I "`: "ab",
	} {
		d := NewDecoder([]byte(text))
		got := d.Bytes()
		if err := d.Finish(); err != nil || got == nil || string(got) != want {
			t.Errorf("%s: got %q, %v, want %q", text, got, err, want)
		}
	}
}
