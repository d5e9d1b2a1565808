package history_test

import (
	"path/filepath"
	"testing"

	"github.com/caprock/caprock/alloc/cycle/history"
)

// An allocator that is replaced by its restored snapshot after every cycle gives
// the recorded answers too.
func TestRecordedHistoriesWithRestores(t *testing.T) {
	files, err := filepath.Glob("../testdata/histories/*/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	different := 0
	for _, file := range files {
		h := open(t, file)
		p := history.NewPlayer(h.Counts, nil)
		p.AfterCycle = func(p *history.Player) {
			if err := p.Restart(16); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
		}
		if d := history.ReplayWith(h, p); d != nil {
			if different++; different <= 10 {
				t.Errorf("%s: %v", file, d)
			}
		}
	}
	t.Logf("%d of %d different", different, len(files))
}
