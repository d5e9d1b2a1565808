package checkpoint

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// text is a Message whose encoding is its text after a mark.
type text struct{ value string }

func (m *text) MarshalVT() ([]byte, error) { return []byte("=" + m.value), nil }

func (m *text) UnmarshalVT(b []byte) error {
	if len(b) == 0 || b[0] != '=' {
		return errors.New("not a text")
	}
	m.value = string(b[1:])
	return nil
}

func label(v string) *text { return &text{v} }

func TestSaveKeepsThePreviousVersion(t *testing.T) {
	path := filepath.Join(t.TempDir(), "agent")
	var got text
	if _, err := Load(OS, path, &got); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("Load of nothing: got %v, want fs.ErrNotExist", err)
	}
	for _, v := range []string{"one", "two", "three"} {
		if err := Save(OS, path, label(v)); err != nil {
			t.Fatal(err)
		}
	}
	expectLoad(t, path, Current, "three")

	damage := map[string]func([]byte) []byte{
		"empty":     func([]byte) []byte { return nil },
		"cut":       func(b []byte) []byte { return b[:len(b)-1] },
		"bit flip":  func(b []byte) []byte { b[len(b)-2] ^= 4; return b },
		"longer":    func(b []byte) []byte { return append(b, 0) },
		"no header": func(b []byte) []byte { return b[4:] },
		"zeros":     func(b []byte) []byte { return make([]byte, len(b)) },
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range damage {
		if err := os.WriteFile(path, f(append([]byte(nil), whole...)), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) { expectLoad(t, path, Previous, "two") })
	}
	if err := os.WriteFile(path+prevSuffix, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(OS, path, &got); !errors.Is(err, ErrDamaged) {
		t.Fatalf("both copies damaged: got %v, want ErrDamaged", err)
	}
}

func expectLoad(t *testing.T, path string, want Version, value string) {
	t.Helper()
	var m text
	v, err := Load(OS, path, &m)
	if err != nil || v != want || m.value != value {
		t.Fatalf("Load: got %q (%v, %v), want %q (%v)", m.value, v, err, value, want)
	}
}

// A power loss at any operation of a Save leaves the old or the new version.
func TestSaveSurvivesPowerLoss(t *testing.T) {
	for seed := range uint64(400) {
		fsys := newCrashFS(seed)
		for _, v := range []string{"one", "two"} {
			if err := Save(fsys, "d/a", label(v)); err != nil {
				t.Fatal(err)
			}
		}
		fsys.failAfter = int(seed % 9)
		err := Save(fsys, "d/a", label("three"))
		after := fsys.crash()
		var m text
		if _, lerr := Load(after, "d/a", &m); lerr != nil {
			t.Fatalf("seed %d: %v", seed, lerr)
		}
		if v := m.value; v != "three" && (err == nil || v != "two") {
			t.Fatalf("seed %d: got %q after a save that returned %v", seed, v, err)
		}
	}
}

func TestLogReadsAroundDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	l, err := CreateLog(OS, path)
	if err != nil {
		t.Fatal(err)
	}
	var ends []int64
	for i := range 5 {
		if err := l.Append(fmt.Appendf(nil, "record %d", i)); err != nil {
			t.Fatal(err)
		}
		ends = append(ends, l.Size())
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	expect := func(name string, data []byte, want string, damage LogDamage) {
		t.Helper()
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		got := ""
		d, err := ReadLog(OS, path, func(p []byte) error { got += string(p[len(p)-1:]); return nil })
		if err != nil || got != want || d != damage {
			t.Errorf("%s: got %q %+v (%v), want %q %+v", name, got, d, err, want, damage)
		}
	}
	expect("whole", whole, "01234", LogDamage{})
	for cut := ends[3] + 1; cut < ends[4]; cut++ {
		expect(fmt.Sprintf("cut at %d", cut), whole[:cut], "0123", LogDamage{TornBytes: int(cut - ends[3])})
	}
	expect("only part of the header", whole[:5], "", LogDamage{TornBytes: 5})
	flipped := append([]byte(nil), whole...)
	flipped[ends[1]+frameHeader] ^= 1
	expect("bit flip inside", flipped, "0134", LogDamage{Skipped: 1})
	zeroTail := append(append([]byte(nil), whole...), make([]byte, 100)...)
	expect("zeros after the end", zeroTail, "01234", LogDamage{TornBytes: 100})
}

// model is what a Store should hold: the state after each commit.
type model struct {
	acked, pending map[string]string
}

func openModel(fsys FS) (*Store, map[string]string, Recovery, error) {
	state := map[string]string{}
	s, rec, err := OpenStore(fsys, "d", func(r Record) error {
		if r.Value == nil {
			delete(state, r.Key)
		} else {
			state[r.Key] = string(r.Value)
		}
		return nil
	})
	return s, state, rec, err
}

func records(state map[string]string) func(yield func(Record) bool) {
	return func(yield func(Record) bool) {
		for k, v := range state {
			if !yield(Record{Key: k, Value: []byte(v)}) {
				return
			}
		}
	}
}

// Over any history of commits, rotations and power losses the store comes back
// with every commit that returned, and of the one under way all or nothing.
func TestStoreSurvivesPowerLoss(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fsys := newCrashFS(rapid.Uint64().Draw(t, "seed"))
		m := model{acked: map[string]string{}, pending: map[string]string{}}
		for range rapid.IntRange(1, 6).Draw(t, "lives") {
			s, state, rec, err := openModel(fsys)
			if err != nil {
				t.Fatalf("open: %v (%+v)", err, rec)
			}
			if !maps.Equal(state, m.acked) && !maps.Equal(state, m.pending) {
				t.Fatalf("found %v, want %v or %v (%+v)", state, m.acked, m.pending, rec)
			}
			m.acked, m.pending = maps.Clone(state), maps.Clone(state)
			fsys.failAfter = rapid.IntRange(0, 40).Draw(t, "operations until death")
			liveUntilDeath(t, s, &m)
			fsys = fsys.crash()
		}
	})
}

func liveUntilDeath(t *rapid.T, s *Store, m *model) {
	for {
		if s.log == nil || rapid.IntRange(0, 4).Draw(t, "rotate") == 0 {
			if s.Rotate(records(m.acked)) != nil {
				return
			}
			continue
		}
		var batch []Record
		for range rapid.IntRange(1, 3).Draw(t, "records") {
			key := rapid.StringMatching(`[abc]`).Draw(t, "key")
			if rapid.Bool().Draw(t, "delete") {
				batch = append(batch, Record{Key: key})
				delete(m.pending, key)
				continue
			}
			value := rapid.StringN(0, 5, 5).Draw(t, "value")
			batch = append(batch, Record{Key: key, Value: []byte(value)})
			m.pending[key] = value
		}
		if s.Commit(batch) != nil {
			return
		}
		m.acked = maps.Clone(m.pending)
	}
}

func TestStoreFallsBackOverADamagedSnapshot(t *testing.T) {
	dir := t.TempDir()
	open := func() (*Store, map[string]string, Recovery) {
		state := map[string]string{}
		s, rec, err := OpenStore(OS, dir, func(r Record) error { state[r.Key] = string(r.Value); return nil })
		if err != nil {
			t.Fatal(err)
		}
		return s, state, rec
	}
	s, _, rec := open()
	if !rec.Fresh {
		t.Fatalf("a new store: got %+v, want Fresh", rec)
	}
	state := map[string]string{}
	for i := range 4 {
		if err := s.Rotate(records(state)); err != nil {
			t.Fatal(err)
		}
		key := fmt.Sprint("k", i)
		state[key] = "v"
		if err := s.Commit([]Record{{Key: key, Value: []byte("v")}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "snapshot-4"), []byte("CPRK"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, got, rec := open()
	if !rec.FellBack || !maps.Equal(got, state) {
		t.Fatalf("got %v %+v, want %v by the snapshot before", got, rec, state)
	}
	names, _ := OS.List(dir)
	if len(names) != 4 {
		t.Fatalf("files kept: got %v, want two generations", names)
	}
}

func FuzzDecodeBatch(f *testing.F) {
	f.Add(appendBatch(nil, records(map[string]string{"a": "b"})))
	f.Add([]byte{1, 'a', 0})
	f.Add([]byte{255, 255, 255, 255, 255, 255, 255, 255, 255, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		var back []Record
		if decodeBatch(data, func(r Record) error { back = append(back, r); return nil }) != nil {
			return
		}
		again := appendBatch(nil, func(yield func(Record) bool) {
			for _, r := range back {
				if !yield(r) {
					return
				}
			}
		})
		n := 0
		if err := decodeBatch(again, func(Record) error { n++; return nil }); err != nil || n != len(back) {
			t.Fatalf("second round: %d records (%v), want %d", n, err, len(back))
		}
	})
}

func BenchmarkCommit(b *testing.B) {
	s, _, err := OpenStore(OS, b.TempDir(), func(Record) error { return nil })
	if err != nil {
		b.Fatal(err)
	}
	if err := s.Rotate(records(nil)); err != nil {
		b.Fatal(err)
	}
	batch := []Record{{Key: "task", Value: make([]byte, 600)}}
	for b.Loop() {
		if err := s.Commit(batch); err != nil {
			b.Fatal(err)
		}
	}
}

// A state of any size has a snapshot, and one that lacks any part of it is not taken for whole.
func TestStateOfManyChunks(t *testing.T) {
	for _, size := range []int{0, chunkBytes / 2, chunkBytes, 3 * chunkBytes, MaxRecord + chunkBytes} {
		dir := t.TempDir()
		s, _, err := OpenStore(OS, dir, func(Record) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		const value = 1 << 20
		state := map[string]string{}
		for i := range (size + value - 1) / value {
			state[fmt.Sprintf("k%04d", i)] = strings.Repeat(string(rune('a'+i%26)), value)
		}
		if err := s.Rotate(records(state)); err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		found := map[string]string{}
		read := func() error {
			clear(found)
			_, _, err := OpenStore(OS, dir, func(r Record) error { found[r.Key] = string(r.Value); return nil })
			return err
		}
		if err := read(); err != nil || !maps.Equal(found, state) {
			t.Fatalf("%d bytes: %d records of %d were read, %v", size, len(found), len(state), err)
		}
		path := filepath.Join(dir, "snapshot-1")
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		// Cut between any two frames.
		for at := headerSize; at < len(whole); {
			if err := os.WriteFile(path, whole[:at], 0o600); err != nil {
				t.Fatal(err)
			}
			if err := read(); !errors.Is(err, ErrDamaged) {
				t.Errorf("%d bytes, cut at %d: got %v, want that it is damaged", len(whole), at, err)
			}
			_, n, err := nextFrame(whole[at:])
			if err != nil {
				t.Fatal(err)
			}
			at += n
		}
	}
}

// What does not fit into one record of the log is refused before anything is written.
func TestCommitThatIsTooLong(t *testing.T) {
	state := map[string]string{}
	dir := t.TempDir()
	open := func() *Store {
		s, _, err := OpenStore(OS, dir, func(r Record) error { state[r.Key] = string(r.Value); return nil })
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open()
	if err := s.Rotate(records(nil)); err != nil {
		t.Fatal(err)
	}
	half := make([]byte, MaxRecord/2)
	batch := []Record{{Key: "a", Value: half}, {Key: "b", Value: half}}
	if err := s.Commit(batch); !errors.Is(err, ErrTooLong) {
		t.Fatalf("got %v, want ErrTooLong", err)
	}
	if err := s.Rotate(slices.Values(batch)); err != nil {
		t.Fatal(err)
	}
	if err := s.Commit([]Record{{Key: "c", Value: []byte("later")}}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := open().Close(); err != nil || len(state["a"]) != len(half) || len(state["b"]) != len(half) || state["c"] != "later" {
		t.Errorf("read back %d records, %v", len(state), err)
	}
}
