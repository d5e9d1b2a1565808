package record

import (
	"bytes"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/caprock/caprock/wire/mesos"
)

// What a batch tells is what was added to it, whatever the agents are called.
func TestOfferBatchTellsWhatWasAdded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := "cpus"
		lists := [][]*mesos.Resource{nil, {{Name: &name}}, {{Name: &name}}, {{Name: &name}, {Name: &name}}}
		var w OfferBatchWriter
		for range 2 {
			var want, got []string
			kinds := map[string]bool{}
			w.Start()
			for range rapid.IntRange(0, 20).Draw(t, "offers") {
				agent := rapid.OneOf(rapid.String(), rapid.StringMatching(`cluster-S[0-9]{1,3}`)).Draw(t, "agent")
				role, list := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "role"), rapid.IntRange(0, len(lists)-1).Draw(t, "list")
				w.Add(agent, role, lists[list])
				want = append(want, fmt.Sprintf("%q %s %d", agent, role, len(lists[list])))
				kinds[fmt.Sprint(role, list)] = true
			}
			b := w.Batch(5, "m", "f", 1)
			if len(b.Terms) != len(kinds) {
				t.Fatalf("got %d terms, want %d", len(b.Terms), len(kinds))
			}
			if err := b.Each(func(number uint64, agent []byte, terms *OfferBatch_Terms) {
				if number != uint64(5+len(got)) {
					t.Errorf("got number %d, want %d", number, 5+len(got))
				}
				got = append(got, fmt.Sprintf("%q %s %d", agent, terms.GetRole(), len(terms.GetResources())))
			}); err != nil {
				t.Fatal(err)
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("got  %v\nwant %v", got, want)
			}
		}
	})
}

// Batches that cannot be read are refused when they are decoded.
func TestMalformedOfferBatchIsRefused(t *testing.T) {
	for _, offers := range []string{"\x00", "\x00\x00", "\x01\x00\x00", "\x00\x01\x00", "\x00\x00\x02a", "\x00\x00\x01a\x00\x02\x00", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"} {
		b := sampleBatch()
		b.Offers = []byte(offers)
		if _, err := Decode(mustEncode(Put(OfferBatchKey(7), b))); err == nil {
			t.Errorf("offers %q were accepted", offers)
		}
	}
	if _, err := Decode(mustEncode(Put(OfferBatchKey(8), sampleBatch()))); err == nil {
		t.Error("a batch under the key of another one was accepted")
	}
}

// An agent of a usual name costs a handful of bytes.
func TestOfferBatchIsSmall(t *testing.T) {
	var w OfferBatchWriter
	w.Start()
	for i := range 100 {
		w.Add(fmt.Sprintf("6c1b6d0e-8f0c-4d57-9c1a-2f8a3f3d5e11-S%d", 10000+i*371), "*", nil)
	}
	if n := len(w.Batch(1, "m", "f", 1).Offers); n > 100*9 {
		t.Errorf("got %d bytes for 100 offers, want at most 900", n)
	}
	if n := testing.AllocsPerRun(100, func() { w.Add("6c1b6d0e-8f0c-4d57-9c1a-2f8a3f3d5e11-S1", "*", nil) }); n != 0 {
		t.Errorf("adding an offer allocates %v times", n)
	}
	if !bytes.Contains(w.bytes, []byte("6c1b6d0e")) {
		t.Error("the first id is not there")
	}
}
