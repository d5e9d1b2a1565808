package kv

import (
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/caprock/caprock/wire/clock"
)

// slowFS takes a burst's time for each write.
type slowFS struct {
	vfs.FS
	clock *clock.Sim
}

type slowFile struct {
	vfs.File
	clock *clock.Sim
}

func (s slowFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := s.FS.Create(name, c)
	return slowFile{f, s.clock}, err
}

func (f slowFile) Write(p []byte) (int, error) {
	f.clock.Advance(tableBurst)
	return f.File.Write(p)
}

// table writes a table in the background, moving the clock whenever the writer pauses, and
// returns how long it took.
func (s slowFS) table(t *testing.T, files *tableFiles, writes int) time.Duration {
	t.Helper()
	began := s.clock.Monotonic()
	f, err := files.Create("1.sst", "")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		for range writes {
			if _, err := f.Write([]byte("block")); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			return s.clock.Monotonic() - began
		default:
			s.clock.AdvanceToNext()
		}
	}
	t.Fatal("the table is never written")
	return 0
}

func TestTablesAreWrittenInBurstsWhileMemtablesFillSlowly(t *testing.T) {
	s := slowFS{vfs.NewMem(), clock.NewSim(time.Unix(1e9, 0))}
	files := newTableFiles(s, s.clock)
	log := func(after time.Duration) {
		t.Helper()
		s.clock.Advance(after)
		if _, err := files.Create("1.log", ""); err != nil {
			t.Fatal(err)
		}
	}
	const writes = 10
	atOnce, paused := writes*tableBurst, writes*(tableBurst+tablePause)
	log(time.Minute)
	if got := s.table(t, files, writes); got != atOnce {
		t.Fatalf("with no log before, a table took %v, wanted %v", got, atOnce)
	}
	log(calmFill)
	if got := s.table(t, files, writes); got != paused {
		t.Fatalf("with a log after %v a table took %v, wanted %v", calmFill, got, paused)
	}
	if got, most := s.table(t, files, 1000), calmFill/pausedShare+1000*tableBurst; got > most {
		t.Fatalf("a long table took %v, wanted at most %v: half of the time for pauses", got, most)
	}
	log(0)
	log(calmFill / 2)
	if got := s.table(t, files, writes); got != atOnce {
		t.Fatalf("with a log after %v a table took %v, wanted %v", calmFill/2, got, atOnce)
	}
	log(time.Hour)
	files.hurry()
	if got := s.table(t, files, writes); got != atOnce {
		t.Fatalf("while the store closes a table took %v, wanted %v", got, atOnce)
	}
}
