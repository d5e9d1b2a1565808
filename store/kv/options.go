package kv

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/caprock/caprock/wire/clock"
)

// formatVersion is the on-disk format of new and existing stores. Raising it
// is one-way: older programs refuse the store afterwards. WAL sync chunks let
// recovery tell a torn tail (power loss) from damage in the middle.
const formatVersion = pebble.FormatWALSyncChunks

// Options tune a store. The zero value is usable; EnsureDefaults fills it in.
type Options struct {
	// FS is the file system; default the operating system's.
	FS vfs.FS

	// MemTableBytes is the size of one memtable; default 16 MiB. Up to
	// memTables of them live at a time. Larger ones make fewer, larger flushes
	// and a longer write-ahead log to replay at start.
	MemTableBytes int

	// CacheBytes bounds the block cache; default 8 MiB. The state of a cluster
	// lives in the allocator's own tables, the store is read at start only, so
	// a large cache buys nothing.
	CacheBytes int64

	// MaxOpenFiles bounds open table files; default 256.
	MaxOpenFiles int

	// NoSync leaves durability to luck: batches count as durable once they are
	// handed to the operating system. Only for throw-away stores, and for
	// tests that prove that their checker notices the difference.
	NoSync bool

	// Clock paces background work; default the machine's.
	Clock clock.Clock

	// Logger receives warnings and the library's notices; default
	// slog.Default().
	Logger *slog.Logger
}

// tableSyncBytes of a table go to the disk at a time while it is being written, so that
// the log's next sync finds no long queue there.
const tableSyncBytes = 128 << 10

// memTables is how many memtables may wait for a flush before writers stall.
const memTables = 4

// EnsureDefaults replaces zero fields by their defaults.
func (o *Options) EnsureDefaults() {
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.MemTableBytes == 0 {
		o.MemTableBytes = 16 << 20
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = 8 << 20
	}
	if o.MaxOpenFiles == 0 {
		o.MaxOpenFiles = 256
	}
	if o.Clock == nil {
		o.Clock = clock.Real()
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
}

// Validate reports every fault of the options at once.
func (o *Options) Validate() error {
	var faults []error
	if o.MemTableBytes < 64<<10 {
		faults = append(faults, fmt.Errorf("MemTableBytes is %d, wanted at least %d", o.MemTableBytes, 64<<10))
	}
	if o.CacheBytes < 0 {
		faults = append(faults, fmt.Errorf("CacheBytes is %d, wanted 0 or more", o.CacheBytes))
	}
	if o.MaxOpenFiles < 16 {
		faults = append(faults, fmt.Errorf("MaxOpenFiles is %d, wanted at least 16", o.MaxOpenFiles))
	}
	return errors.Join(faults...)
}

// String prints the options one per word, for the start-up log line.
func (o *Options) String() string {
	return fmt.Sprintf("format=%d mem_table=%d cache=%d open_files=%d no_sync=%t",
		formatVersion, o.MemTableBytes, o.CacheBytes, o.MaxOpenFiles, o.NoSync)
}

func (o *Options) pebble(d *DB) *pebble.Options {
	return &pebble.Options{
		FS:                          d.tables,
		FormatMajorVersion:          formatVersion,
		MemTableSize:                uint64(o.MemTableBytes),
		MemTableStopWritesThreshold: memTables,
		CacheSize:                   o.CacheBytes,
		MaxOpenFiles:                o.MaxOpenFiles,
		BytesPerSync:                tableSyncBytes,
		// Records are rewritten in place and the store is small next to the
		// log: more than two compactions at once would only take CPU from
		// the allocator.
		CompactionConcurrencyRange: func() (int, int) { return 1, 2 },
		Logger:                     pebbleLogger{d},
		EventListener: &pebble.EventListener{
			BackgroundError: func(err error) { d.fail(fmt.Errorf("background write: %w", err)) },
			DataCorruption: func(info pebble.DataCorruptionInfo) {
				d.fail(fmt.Errorf("data corruption: %s", info.String()))
			},
			DiskSlow: func(info pebble.DiskSlowInfo) {
				d.log.Warn("disk is slow", "detail", info.String())
			},
		},
	}
}
