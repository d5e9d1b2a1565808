package kv

import "fmt"

// Metrics says how the store is doing. Byte counts are since Open unless they
// are sizes.
type Metrics struct {
	DiskBytes       uint64 // size of everything the store keeps on disk
	WALBytes        uint64 // size of the live write-ahead log
	WALWrittenBytes uint64 // written to the log
	MemTableBytes   uint64 // memory of the memtables
	MemTables       int64  // memtables that exist; more than one wait for a flush
	Flushes         int64
	Compactions     int64
	CompactionDebt  uint64 // estimated bytes to compact
	Tables          int64  // table files
	CacheBytes      int64
}

// Metrics returns a snapshot of the store's metrics.
func (d *DB) Metrics() Metrics {
	m := d.peb.Metrics()
	total := m.Total()
	return Metrics{
		DiskBytes:       m.DiskSpaceUsage(),
		WALBytes:        m.WAL.Size,
		WALWrittenBytes: m.WAL.BytesWritten,
		MemTableBytes:   m.MemTable.Size,
		MemTables:       m.MemTable.Count,
		Flushes:         m.Flush.Count,
		Compactions:     m.Compact.Count,
		CompactionDebt:  m.Compact.EstimatedDebt,
		Tables:          total.TablesCount,
		CacheBytes:      m.BlockCache.Size,
	}
}

// String prints the metrics on one line.
func (m Metrics) String() string {
	return fmt.Sprintf("disk=%d wal=%d wal_written=%d memtables=%d memtable_bytes=%d flushes=%d compactions=%d debt=%d tables=%d cache=%d",
		m.DiskBytes, m.WALBytes, m.WALWrittenBytes, m.MemTables, m.MemTableBytes,
		m.Flushes, m.Compactions, m.CompactionDebt, m.Tables, m.CacheBytes)
}
