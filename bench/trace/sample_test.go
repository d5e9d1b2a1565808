package trace

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// put writes a table, compressed as its name says.
func put(t testing.TB, dir, name string, lines ...string) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	var w io.WriteCloser = f
	switch filepath.Ext(name) {
	case ".gz":
		w = gzip.NewWriter(f)
	case ".zst":
		if w, err = zstd.NewWriter(f); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := io.WriteString(w, strings.Join(lines, "\n")+"\n"); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if w != io.WriteCloser(f) {
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// googleInstance is a line of instance_events of what matters here; the rest is made up.
func googleInstance(micros int64, kind any, collection, index int, cpus, mem float64) string {
	return fmt.Sprintf(`%d,%v,%d,2,0,0,103,0,%d,17,-1,%g,%g,"[{""name"":""a,b""}]"`, micros, kind, collection, index, cpus, mem)
}

// googleSample makes a cell of so many machines and jobs from a seed: each job has three
// instances that run a minute.
func googleSample(t testing.TB, seed uint64, machines, jobs int) string {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 1))
	dir := t.TempDir()
	var ms, cs, is []string
	ms = append(ms, strings.Join(machineEvents, ","))
	for i := range machines {
		ms = append(ms, fmt.Sprintf("0,%d,ADD,s%d,%g,%g,p,0", 1000+i, i/20, []float64{.25, .5, 1}[r.IntN(3)], []float64{.5, 1}[r.IntN(2)]))
	}
	for j := range jobs {
		at := int64(r.IntN(3600)) * 1e6
		cs = append(cs, fmt.Sprintf("%d,0,%d,2,0,0,103,0,user-%d,name,logical,0,,0,0,0,0", at, j, j%3))
		for i := range 3 {
			is = append(is, googleInstance(at, 0, j, i, .1, .05), googleInstance(at+2e6, 3, j, i, .1, .05), googleInstance(at+62e6, 6, j, i, .1, .05))
		}
	}
	// Nobody promises an order.
	r.Shuffle(len(is), func(i, j int) { is[i], is[j] = is[j], is[i] })
	put(t, dir, "machine_events.csv.gz", ms...)
	put(t, dir, "collection_events-000000000000.csv.zst", cs...)
	put(t, dir, "instance_events-000000000000.csv", is[:len(is)/2]...)
	put(t, dir, "instance_events-000000000001.csv.gz", is[len(is)/2:]...)
	return dir
}

// truncate cuts a file's last bytes off, as a broken download.
func truncate(name string) error {
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	return os.Truncate(name, info.Size()-10)
}
