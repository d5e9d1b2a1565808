package journal

import (
	"fmt"
	"testing"

	"github.com/caprock/caprock/store/kv"
)

// BenchmarkAppend is the sustained rate on the real disk: batches of the given
// size, pipelined. ns/op is per record.
func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{1, 10, 100, 1000} {
		b.Run(fmt.Sprintf("records=%d", size), func(b *testing.B) {
			db, err := kv.Open(b.TempDir(), kv.Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer db.Close()
			j, err := Open(db, Options{})
			if err != nil {
				b.Fatal(err)
			}
			value := make([]byte, 200)
			var key [24]byte
			b.ReportAllocs()
			b.ResetTimer()
			for done := 0; done < b.N; done += size {
				batch := j.NewBatch(size * 240)
				for i := range size {
					batch.Set(fmt.Appendf(key[:0], "task/%08d", (done+i)%1_000_000), value)
				}
				if _, err := j.Append(batch, nil); err != nil {
					b.Fatal(err)
				}
			}
			if err := j.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}
