package alloc

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"github.com/caprock/caprock/wire/clock"
)

// How much garbage the service lets gather beside what is alive. Go's own rule, as
// much again, means many short collections in a small cluster, each of which calls
// feel, and twice the memory in a large one.
const (
	heapRoom    = 192 << 20 // bytes
	leastRoom   = 20        // percent of what is alive; less would make collections too frequent
	mostRoom    = 400
	loadingRoom = 300
	roomEvery   = time.Second
)

// operatorTunesHeap says that the operator has set Go's own knobs, which then hold.
func operatorTunesHeap() bool { return os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" }

// tuneHeap keeps the room for garbage as above until ctx ends.
func tuneHeap(ctx context.Context, c clock.Clock) {
	if operatorTunesHeap() {
		return
	}
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	timer := c.NewTimer(0)
	defer timer.Stop()
	before, now := 0, 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C():
		}
		metrics.Read(live)
		if now = roomFor(live[0].Value.Uint64()); now < before*9/10 || now > before*11/10 {
			debug.SetGCPercent(now)
			before = now
		}
		timer.Reset(roomEvery)
	}
}

// roomFor is the room for garbage in percent of what is alive.
func roomFor(live uint64) int {
	return int(min(mostRoom, max(leastRoom, heapRoom*100/max(live, 1))))
}

// whileLoading does something that allocates much that stays. Collections in between
// find little to free.
func whileLoading(do func()) {
	if !operatorTunesHeap() {
		defer debug.SetGCPercent(debug.SetGCPercent(loadingRoom))
	}
	do()
}
