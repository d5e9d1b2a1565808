package journal

import (
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caprock/caprock/store/kv"
)

// crashOnce runs batches into a journal, takes the power away at a moment of
// its own choosing, and says how many answered batches the next process does
// not find. It fails the test if what is found is no prefix of what was
// appended, or if a batch is found in part.
func crashOnce(t *testing.T, seed uint64, noSync bool) (answered, lost int) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 7))
	fs := kv.NewCrashableFS()
	db, err := kv.Open("d", kv.Options{FS: fs.MemFS, NoSync: noSync, MemTableBytes: 64 << 10})
	if err != nil {
		t.Fatal(err)
	}
	j, err := Open(db, Options{QueueBatches: 1 + rng.IntN(16)})
	if err != nil {
		t.Fatal(err)
	}
	const recordsPerBatch = 5
	total := 20 + rng.IntN(200)
	crashAt := int64(rng.IntN(total))
	var durable atomic.Int64 // number of batches answered
	var after kv.CrashableFS
	var before int64
	crashed := make(chan struct{})
	go func() {
		defer close(crashed)
		for deadline := time.Now().Add(time.Minute); durable.Load() < crashAt && time.Now().Before(deadline); {
		}
		before = durable.Load()
		after = fs.Crash([]int{0, 50}[rng.IntN(2)], seed)
	}()
	for i := range total {
		b := j.NewBatch(0)
		for k := range recordsPerBatch {
			b.Set(fmt.Appendf(nil, "%05d/%d", i, k), make([]byte, 100))
		}
		if _, err := j.Append(b, func(err error) {
			if err == nil {
				durable.Add(1)
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
	<-crashed
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	_ = db.Close()

	db, err = kv.Open("d", kv.Options{FS: after.MemFS})
	if err != nil {
		t.Fatalf("seed %d: reopening after the power loss: %v", seed, err)
	}
	defer db.Close()
	j, err = Open(db, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	found := 0
	if err := j.Load(func(key, _ []byte) error {
		if want := fmt.Sprintf("%05d/%d", found/recordsPerBatch, found%recordsPerBatch); string(key) != want {
			return fmt.Errorf("found %s where %s belongs", key, want)
		}
		found++
		return nil
	}); err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	if found%recordsPerBatch != 0 {
		t.Fatalf("seed %d: the last batch survived in part: %d records", seed, found)
	}
	return int(before), max(0, int(before)-found/recordsPerBatch)
}

func TestPowerLossLosesNothingThatWasAnswered(t *testing.T) {
	cycles := 400
	if testing.Short() {
		cycles = 40
	}
	answered := 0
	for seed := range uint64(cycles) {
		n, lost := crashOnce(t, seed, false)
		if lost > 0 {
			t.Fatalf("seed %d: %d of %d answered batches are gone", seed, lost, n)
		}
		answered += n
	}
	t.Logf("%d power losses, %d answered batches, 0 lost", cycles, answered)
}

// The control: without syncs the same checker must see losses.
func TestPowerLossWithoutSyncIsNoticed(t *testing.T) {
	answered, lost := 0, 0
	for seed := range uint64(10) {
		n, l := crashOnce(t, seed, true)
		answered, lost = answered+n, lost+l
	}
	if lost == 0 {
		t.Fatalf("nothing of %d unsynced batches was lost: the checker cannot fail", answered)
	}
	t.Logf("without syncs %d of %d answered batches are gone", lost, answered)
}
