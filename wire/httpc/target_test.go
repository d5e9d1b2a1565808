package httpc

import "testing"

func TestBaseURLCompletesWhatPeopleType(t *testing.T) {
	for text, want := range map[string]string{
		"http://10.0.0.1:5050":      "http://10.0.0.1:5050",
		"http://10.0.0.1:5050/":     "http://10.0.0.1:5050",
		"https://alloc":             "https://alloc",
		"http://gate/clusters/one/": "http://gate/clusters/one",
		"127.0.0.1:5050":            "http://127.0.0.1:5050",
		"alloc:5050":                "http://alloc:5050",
		"[::1]:5050":                "http://[::1]:5050",
	} {
		if got, err := BaseURL(text); err != nil || got != want {
			t.Errorf("%q: got %q and %v, want %q", text, got, err, want)
		}
	}
	for _, text := range []string{"", "alloc", ":5050", "http://", "zk://a:1", "http://a:1?b=c", "http://a:1#b", "a b:1"} {
		if got, err := BaseURL(text); err == nil {
			t.Errorf("%q: got %q, want an error", text, got)
		}
	}
}
