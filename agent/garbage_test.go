package agent

import (
	"testing"

	"github.com/caprock/caprock/agent/core"
)

func TestGarbageIsTakenOnceAndOldestFirst(t *testing.T) {
	var g garbage
	for i := range int64(4) {
		g.add(core.Discard{EndedAt: i})
	}
	if got := g.due(2); len(got) != 2 || got[0].EndedAt != 0 || got[1].EndedAt != 1 {
		t.Fatalf("due before 2: got %v", got)
	}
	if got := g.due(2); len(got) != 0 {
		t.Fatalf("due again: got %v", got)
	}
	g.add(core.Discard{EndedAt: 9})
	if got := g.due(9); len(got) != 2 {
		t.Fatalf("due before 9: got %v", got)
	}
}
