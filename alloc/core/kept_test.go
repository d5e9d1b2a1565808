package core

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/caprock/caprock/store/record"
)

// keepWorld has a subscribed framework, f1, and little room to keep things.
func keepWorld(t testing.TB) (*world, *worldFramework) {
	w := newWorld(t)
	w.quiet = true
	w.opts.MaxKeptBytes, w.opts.MaxKeptValueBytes = 40, 20
	w.start()
	if _, err := w.execute("subscribe f1 failover=1000"); err != nil {
		t.Fatal(err)
	}
	return w, w.frameworks["f1"]
}

// keep makes a call and returns its status and version, 0 if it has none.
func (w *world) keep(f *worldFramework, cmd Keep) (status int, version uint64) {
	w.t.Helper()
	cmd.Framework, cmd.Reply = f.id, 1
	if cmd.StreamID == "" {
		cmd.StreamID = f.streamID
	}
	w.step(&cmd)
	for _, e := range w.out.Effects {
		switch e := e.(type) {
		case *Reply:
			return e.Status, 0
		case *Answered:
			v, _ := e.Value.(*record.KeptValue)
			return e.Status, v.GetVersion()
		}
	}
	w.t.Fatalf("%+v was not answered", cmd)
	return 0, 0
}

func TestFrameworksKeepValues(t *testing.T) {
	w, f := keepWorld(t)
	status, first := w.keep(f, Keep{Key: "a", Value: []byte("one")})
	if status != 201 || first == 0 {
		t.Fatalf("the first value: status %d, version %d", status, first)
	}
	status, second := w.keep(f, Keep{Key: "a", Value: []byte("two"), IfVersion: &first})
	if status != 200 || second <= first {
		t.Fatalf("its successor: status %d, version %d after %d", status, second, first)
	}
	for _, c := range []struct {
		what string
		cmd  Keep
		want int
	}{
		{"an old version", Keep{Key: "a", IfVersion: &first}, 412},
		{"a version of nothing", Keep{Key: "b", IfVersion: &first}, 412},
		{"presence of nothing", Keep{Key: "b", IfPresent: true}, 412},
		{"absence of something", Keep{Key: "a", IfAbsent: true}, 412},
		{"a deletion of an old version", Keep{Key: "a", Delete: true, IfVersion: &first}, 412},
		{"a deletion of nothing", Keep{Key: "b", Delete: true}, 404},
		{"a long value", Keep{Key: "a", Value: make([]byte, 21)}, 413},
		{"another's stream", Keep{Key: "a", StreamID: "other"}, 400},
		{"another's principal", Keep{Key: "a", Principal: "other"}, 400},
	} {
		if got, _ := w.keep(f, c.cmd); got != c.want {
			t.Errorf("%s: got status %d, want %d", c.what, got, c.want)
		}
		if len(w.out.Records) != 0 {
			t.Errorf("%s changed %v", c.what, w.out.Records)
		}
	}

	// 40 bytes are room for a (4), b (21) and no more than 15 others.
	if status, _ := w.keep(f, Keep{Key: "b", Value: make([]byte, 20), IfAbsent: true}); status != 201 {
		t.Fatalf("within the bound: status %d", status)
	}
	if status, _ := w.keep(f, Keep{Key: "c", Value: make([]byte, 15)}); status != 507 {
		t.Fatalf("a byte beyond the bound: status %d", status)
	}
	if status, _ := w.keep(f, Keep{Key: "c", Value: make([]byte, 14)}); status != 201 {
		t.Fatalf("just within the bound: status %d", status)
	}

	w.start()
	if got := w.core.kept[f.id].Value("a"); string(got.GetValue()) != "two" || got.GetVersion() != second {
		t.Fatalf("after a restart a is %v", got)
	}
	if w.core.kept[f.id].Bytes != 40 {
		t.Fatalf("after a restart %d bytes are counted", w.core.kept[f.id].Bytes)
	}
	if status, _ := w.keep(f, Keep{Key: "a", Value: nil}); status != 403 {
		t.Fatalf("a scheduler that has not come back yet: status %d", status)
	}
	w.subscribe(f, nil)
	status, third := w.keep(f, Keep{Key: "a", Delete: true, IfVersion: &second})
	if status != 204 || third != 0 {
		t.Fatalf("deletion: status %d, version %d", status, third)
	}
	if _, again := w.keep(f, Keep{Key: "a"}); again <= second {
		t.Fatalf("a new value of the key has version %d, the old one had %d", again, second)
	}
	if _, err := w.execute(`operator {"type":"TEARDOWN","teardown":{"framework_id":{"value":"` + f.id + `"}}}`); err != nil {
		t.Fatal(err)
	}
	if w.core.kept[f.id] != nil {
		t.Fatalf("after the framework's end it keeps %v", w.core.kept[f.id])
	}
	for key := range w.journal {
		if record.Kind(key[0]) == record.KindKeptValue {
			t.Fatalf("after the framework's end the journal holds %q", key)
		}
	}
}

func TestKeptKeysAreChecked(t *testing.T) {
	for key, fine := range map[string]bool{
		"a": true, "a/b": true, "schlüssel": true, strings.Repeat("k", 256): true,
		"": false, "a\x00": false, "a\nb": false, "\xff": false, strings.Repeat("k", 257): false,
	} {
		if err := ValidateKeptKey(key); (err == nil) != fine {
			t.Errorf("%q: %v", key, err)
		}
	}
}

// Any history of calls and restarts leaves what a map would hold, and readers see
// it, and nothing else.
func TestKeptValuesAreAMap(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w, f := keepWorld(t)
		want, seen := map[string][]byte{}, &Kept{}
		w.onStep = func() {
			for _, ch := range w.out.Changed {
				if ch.ID.Kind == record.KindKeptValue {
					seen, _ = ch.Entity.(*Kept)
				}
			}
		}
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			key := fmt.Sprint(rapid.IntRange(0, 4).Draw(rt, "key"))
			value := make([]byte, rapid.IntRange(0, 22).Draw(rt, "bytes"))
			switch rapid.IntRange(0, 9).Draw(rt, "what") {
			case 0:
				w.start()
				w.subscribe(f, nil)
			case 1, 2:
				if status, _ := w.keep(f, Keep{Key: key, Delete: true}); (status == 204) != (want[key] != nil) {
					rt.Fatalf("deletion of %q, which has %v: status %d", key, want[key], status)
				}
				delete(want, key)
			default:
				if status, _ := w.keep(f, Keep{Key: key, Value: value}); status < 300 {
					want[key] = value
				}
			}
			total := 0
			for key, value := range want {
				total += len(key) + len(value)
				if got := seen.Value(key); got == nil || !bytes.Equal(got.GetValue(), value) {
					rt.Fatalf("%q is %v, want %d bytes", key, got, len(value))
				}
			}
			if len(want) > 0 && (len(seen.Values) != len(want) || seen.Bytes != total) || len(want) == 0 && seen != nil && len(seen.Values) > 0 {
				rt.Fatalf("readers see %v, want %v", seen, want)
			}
			if total > w.opts.MaxKeptBytes {
				rt.Fatalf("%d bytes are kept", total)
			}
		}
	})
}
