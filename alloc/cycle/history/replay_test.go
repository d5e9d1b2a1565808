package history_test

import (
	"path/filepath"
	"testing"

	"github.com/caprock/caprock/alloc/cycle"
	"github.com/caprock/caprock/alloc/cycle/history"
)

// Every history recorded from Mesos must come out the same, for one shard and
// for several.
func TestRecordedHistories(t *testing.T) {
	files, err := filepath.Glob("../testdata/histories/*/*.txt")
	if err != nil || len(files) != 347 {
		t.Fatalf("found %d histories, want 347 (%v)", len(files), err)
	}
	for _, shards := range []int{1, 4, 64} {
		different := 0
		for _, file := range files {
			h := open(t, file)
			if d := history.Replay(h, func(o *cycle.Options) { o.Shards = shards }); d != nil {
				different++
				if different <= 10 {
					t.Errorf("%s: %v", file, d)
				}
			}
		}
		t.Logf("%d shards: %d same, %d different", shards, len(files)-different, different)
	}
}

// The reference must give the recorded answers as well, or it is none.
func TestRecordedHistoriesByReference(t *testing.T) {
	files, err := filepath.Glob("../testdata/histories/*/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	different := 0
	for _, file := range files {
		h := open(t, file)
		if d := history.ReplayWith(h, history.NewPlayerOf(h.Counts, nil, newReference)); d != nil {
			if different++; different <= 8 {
				t.Errorf("%s: %v", file, d)
			}
		}
	}
	t.Logf("%d of %d different", different, len(files))
}
