package devcluster

import (
	"testing"

	"pgregory.net/rapid"
)

func TestSharesAreEqualAndInMesosText(t *testing.T) {
	m := Machine{CPUsMilli: 2000, MemMiB: 23000, DiskMiB: 70001}
	for i, want := range []string{
		"cpus:0.666;mem:7666;disk:23333;ports:[31000-31332]",
		"cpus:0.666;mem:7666;disk:23333;ports:[31333-31666]",
		"cpus:0.666;mem:7666;disk:23333;ports:[31667-32000]",
	} {
		if got := m.Share(i, 3); got != want {
			t.Errorf("share %d of 3: got %s, want %s", i, got, want)
		}
	}
	if got, want := m.Share(0, 1), "cpus:2.000;mem:23000;disk:70001;ports:[31000-32000]"; got != want {
		t.Errorf("the whole machine: got %s, want %s", got, want)
	}
}

// A small machine keeps half for itself, a large one a fixed reserve, and never
// is more given away than is there.
func TestReserve(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		total := rapid.Int64Range(0, 1<<40).Draw(t, "total")
		reserve := rapid.Int64Range(1, 1<<20).Draw(t, "reserve")
		got := setAside(total, reserve)
		if got < 0 || got > total || total >= 2*reserve && got != total-reserve || total < 2*reserve && got != total/2 {
			t.Fatalf("of %d with reserve %d: gave %d", total, reserve, got)
		}
	})
}
