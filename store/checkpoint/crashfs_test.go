package checkpoint

import (
	"io/fs"
	"maps"
	"math/rand/v2"
	"path/filepath"
)

// crashFS is a file system in memory that forgets on crash what was not synced:
// the content of files written since their Sync, and names changed since the
// SyncDir of their directory. For each the seed decides whether the disk happened
// to have it, in whole, in part or as zeros.
type crashFS struct {
	rng   *rand.Rand
	names map[string]*crashNode
	// durable holds the names as they were at the last SyncDir of each.
	durable map[string]*crashNode
	// failAfter counts down the operations until every one fails, as if the
	// process had died there; negative: never.
	failAfter int
}

type crashNode struct {
	data   []byte
	synced []byte
}

func newCrashFS(seed uint64) *crashFS {
	return &crashFS{
		rng: rand.New(rand.NewPCG(seed, 1)), failAfter: -1,
		names: map[string]*crashNode{}, durable: map[string]*crashNode{},
	}
}

func (c *crashFS) step() error {
	if c.failAfter == 0 {
		return fs.ErrClosed
	}
	if c.failAfter > 0 {
		c.failAfter--
	}
	return nil
}

// crash returns the file system as it is found after the power comes back.
func (c *crashFS) crash() *crashFS {
	after := newCrashFS(c.rng.Uint64())
	names := maps.Clone(c.durable)
	for _, name := range sorted(c.names) {
		if c.names[name] != c.durable[name] && c.rng.IntN(2) == 0 {
			names[name] = c.names[name]
		}
	}
	for _, name := range sorted(c.durable) {
		if c.names[name] == nil && c.rng.IntN(2) == 0 {
			delete(names, name)
		}
	}
	// Nodes may have two names: decide once for each what survives of it.
	content := map[*crashNode]*crashNode{}
	for _, name := range sorted(names) {
		n := names[name]
		if content[n] == nil {
			data := c.survivor(n)
			content[n] = &crashNode{data: data, synced: data}
		}
		after.names[name] = content[n]
		after.durable[name] = content[n]
	}
	return after
}

func (c *crashFS) survivor(n *crashNode) []byte {
	switch c.rng.IntN(4) {
	case 0:
		return n.synced
	case 1:
		return n.data
	case 2: // the length reached the disk, the blocks did not
		out := make([]byte, len(n.data))
		copy(out, n.synced[:min(len(n.synced), len(out))])
		return out
	default:
		if len(n.data) <= len(n.synced) {
			return n.synced
		}
		cut := len(n.synced) + c.rng.IntN(len(n.data)-len(n.synced))
		return n.data[:cut:cut]
	}
}

func sorted(m map[string]*crashNode) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	// Insertion sort: the maps hold a handful of names.
	for i := range keys {
		for j := i; j > 0 && keys[j] < keys[j-1]; j-- {
			keys[j], keys[j-1] = keys[j-1], keys[j]
		}
	}
	return keys
}

func (c *crashFS) Create(name string) (File, error) {
	if err := c.step(); err != nil {
		return nil, err
	}
	n := &crashNode{}
	c.names[name] = n
	return &crashFile{fs: c, node: n}, nil
}

func (c *crashFS) ReadFile(name string) ([]byte, error) {
	n, ok := c.names[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return append([]byte(nil), n.data...), nil
}

func (c *crashFS) Rename(from, to string) error {
	if err := c.step(); err != nil {
		return err
	}
	n, ok := c.names[from]
	if !ok {
		return fs.ErrNotExist
	}
	delete(c.names, from)
	c.names[to] = n
	return nil
}

func (c *crashFS) Link(from, to string) error {
	if err := c.step(); err != nil {
		return err
	}
	n, ok := c.names[from]
	if !ok {
		return fs.ErrNotExist
	}
	c.names[to] = n
	return nil
}

func (c *crashFS) Remove(name string) error {
	if err := c.step(); err != nil {
		return err
	}
	if _, ok := c.names[name]; !ok {
		return fs.ErrNotExist
	}
	delete(c.names, name)
	return nil
}

func (c *crashFS) MkdirAll(string) error { return c.step() }

func (c *crashFS) List(dir string) ([]string, error) {
	var names []string
	for _, name := range sorted(c.names) {
		if filepath.Dir(name) == dir {
			names = append(names, filepath.Base(name))
		}
	}
	return names, nil
}

func (c *crashFS) SyncDir(dir string) error {
	if err := c.step(); err != nil {
		return err
	}
	for name := range c.durable {
		if filepath.Dir(name) == dir && c.names[name] == nil {
			delete(c.durable, name)
		}
	}
	for name, n := range c.names {
		if filepath.Dir(name) == dir {
			c.durable[name] = n
		}
	}
	return nil
}

type crashFile struct {
	fs   *crashFS
	node *crashNode
}

func (f *crashFile) Write(p []byte) (int, error) {
	if err := f.fs.step(); err != nil {
		return 0, err
	}
	f.node.data = append(f.node.data, p...)
	return len(p), nil
}

func (f *crashFile) Sync() error {
	if err := f.fs.step(); err != nil {
		return err
	}
	f.node.synced = append([]byte(nil), f.node.data...)
	return nil
}

func (f *crashFile) Close() error { return nil }
