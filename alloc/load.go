package alloc

import (
	"runtime"
	"sync"

	"github.com/caprock/caprock/alloc/core"
	"github.com/caprock/caprock/store/journal"
	"github.com/caprock/caprock/store/record"
)

// chunk is a piece of the journal on its way from the disk to the core: raw
// when a decoder gets it, decoded when ready has a token. Its memory is used again.
type chunk struct {
	raw     []byte // keys and values, one after the other
	ends    []int  // of each key and each value in raw
	records []loaded
	err     error
	ready   chan struct{}
}

// loaded is a decoded record.
type loaded struct {
	id    record.ID
	value record.Value
}

// chunkRecords balances hand-overs against memory in flight.
const chunkRecords = 512

// loadRecords gives every record of the journal to the core, in key order, and
// says how many there were. Decoding is most of the work, so it happens beside
// the core's own: one goroutine reads, some decode, this one loads.
func loadRecords(j *journal.Journal, c *core.Core) (int, error) {
	decoders := max(1, runtime.NumCPU()-1)
	todo, ordered := make(chan *chunk), make(chan *chunk, 2*decoders)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range decoders {
		wg.Go(func() {
			decoder := record.NewDecoder()
			for piece := range todo {
				piece.decode(decoder)
			}
		})
	}
	var readErr error
	spare := make(chan *chunk, cap(ordered)+decoders+2) // all there can be
	wg.Go(func() {
		defer close(ordered)
		defer close(todo)
		readErr = readChunks(j, spare, func(piece *chunk) bool {
			select {
			case ordered <- piece:
			case <-stop:
				return false
			}
			todo <- piece
			return true
		})
	})
	n, err := 0, error(nil)
	for piece := range ordered {
		<-piece.ready
		if err == nil {
			if err = piece.load(c); err != nil {
				close(stop)
			}
			n += len(piece.records)
		}
		select {
		case spare <- piece:
		default:
		}
	}
	wg.Wait()
	if err == nil {
		err = readErr
	}
	return n, err
}

// emptyChunk is a spare one, or a new one.
func emptyChunk(spare <-chan *chunk) *chunk {
	select {
	case p := <-spare:
		clear(p.records) // the core has what it needs of them
		p.raw, p.ends, p.records = p.raw[:0], p.ends[:0], p.records[:0]
		return p
	default:
		return &chunk{ready: make(chan struct{}, 1)}
	}
}

// readChunks copies the journal into chunks until give refuses one.
func readChunks(j *journal.Journal, spare <-chan *chunk, give func(*chunk) bool) error {
	piece := emptyChunk(spare)
	refused := false
	err := j.Load(func(key, value []byte) error {
		piece.raw = append(piece.raw, key...)
		piece.ends = append(piece.ends, len(piece.raw))
		piece.raw = append(piece.raw, value...)
		piece.ends = append(piece.ends, len(piece.raw))
		if len(piece.ends) < 2*chunkRecords {
			return nil
		}
		if !give(piece) {
			refused = true
			return journal.ErrClosed
		}
		piece = emptyChunk(spare)
		return nil
	})
	switch {
	case refused:
		return nil
	case err != nil:
		return err
	}
	give(piece)
	return nil
}

func (p *chunk) decode(d *record.Decoder) {
	defer func() { p.ready <- struct{}{} }()
	start := 0
	for i := 0; i < len(p.ends); i += 2 {
		key, value := p.raw[start:p.ends[i]], p.raw[p.ends[i]:p.ends[i+1]]
		start = p.ends[i+1]
		id, v, err := d.Decode(key, value)
		if err != nil {
			p.err = err
			return
		}
		p.records = append(p.records, loaded{id, v})
	}
}

// load gives the records to the core, and only then reports what could not be
// decoded, so that errors come in the order of the journal.
func (p *chunk) load(c *core.Core) error {
	for i := range p.records {
		if err := c.LoadValue(p.records[i].id, p.records[i].value); err != nil {
			return err
		}
	}
	return p.err
}
