package core

import (
	"maps"
	"slices"
	"testing"

	"github.com/caprock/caprock/agent/record"
)

// sampleDisk is what an agent with a task of each kind has written.
func sampleDisk(t testing.TB) map[string][]byte {
	w := newWorld(t)
	w.connect()
	w.launchCommand()
	w.launchExecutor("group")
	w.launchExecutor("custom")
	w.launchCommand()
	w.changeVolume("v0")
	w.muteOperations = true
	for range 200 {
		for len(w.inbox) > 0 {
			w.tell(-1)
		}
		for len(w.launching) > 0 {
			w.startOne(0, false)
		}
		for _, id := range slices.Sorted(maps.Keys(w.executors)) {
			if w.executors[id].token == 0 {
				w.subscribe(w.executors[id])
			}
		}
		w.ack("cmd0")
		w.flush()
	}
	w.end(w.core.frameworks["F"].tasks["cmd0"].proc.id, 0)
	for range 5 {
		for len(w.inbox) > 0 {
			w.tell(-1)
		}
		w.ack("cmd0")
		w.flush()
	}
	return w.disk
}

// Whatever a record says, an agent starts on it: what makes no sense is left out.
func FuzzLoad(f *testing.F) {
	disk := sampleDisk(f)
	keys := slices.Sorted(maps.Keys(disk))
	for i, k := range keys {
		f.Add(uint8(i), disk[k])
		f.Add(uint8(i), []byte{})
		f.Add(uint8((i+1)%len(keys)), disk[k])
	}
	f.Fuzz(func(t *testing.T, which uint8, value []byte) {
		c := New(testOptions(9))
		victim := keys[int(which)%len(keys)]
		for _, k := range keys {
			v := disk[k]
			if k == victim {
				v = value
			}
			if c.Load(k, v) != nil {
				return
			}
		}
		refs, _ := c.Assemble()
		facts := map[string]Fact{}
		for i, r := range refs {
			facts[r.ID] = []Fact{{Alive: true, Pid: 1}, {Absent: true}, {Known: true}, {}}[i%4]
		}
		now := Time{Wall: 2e18, Mono: 1}
		if err := c.Recover(now, facts); err != nil {
			return // what is left does not go together
		}
		c.Take()
		for _, cmd := range []Command{Connected{}, Tick{}, Leave{Message: "m"}} {
			now.Mono += 100 * second
			c.Step(now, cmd)
			c.View()
			c.Take()
		}
	})
}

func TestEveryKindOfRecordIsLoaded(t *testing.T) {
	disk := sampleDisk(t)
	kinds := map[string]bool{}
	for k := range disk {
		if record.New(k) == nil {
			t.Errorf("record %q is of no kind", k)
		}
		kinds[k[:4]] = true
	}
	if len(kinds) != 9 {
		t.Errorf("the sample has records of %d kinds, want all 9: %v", len(kinds), kinds)
	}
	c := New(testOptions(9))
	if err := c.Load("future/x", []byte("?")); err == nil {
		t.Error("a record of an unknown kind was ignored, want an error")
	}
}
